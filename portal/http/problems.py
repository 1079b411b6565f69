"""Every error of the API as RFC 9457 problem details: what is wrong, and what to do about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError
from redis.exceptions import RedisError, ResponseError
from werkzeug.exceptions import HTTPException

from relay.nearest import hint_of
from relay.services.errors import Conflict, InvalidValue, NotFound, Refused, UnknownCompany
from relay.store.journeys.records import Contended
from relay.store.server.checks import STATE
from relay.store.server.durable import NotDurable
from relay.syncs.policy import BadPolicy

MEDIA_TYPE = "application/problem+json"
PAGE = "/problems#"
BASE_URL = "base_url"
STORE_AWAY_SECONDS = 5
CONTENDED_SECONDS = 1
CONTENDED = (
    "Others changed the same at the same time, again and again. Nothing was done; try again."
)
POLICY_BAD = "The file that RELAY_POLICY_FILE names cannot be used. Mend it, and ask again:"
MAX_ERRORS = 20
# How the server says in what state it is, such as OOM, READONLY, MISCONF and NOREPLICAS; of a
# command that it does not understand it says so in words.
SERVERS_STATE = re.compile(rf"{STATE.pattern}|.*\b(OOM|READONLY|MISCONF|NOREPLICAS)\b", re.DOTALL)
MESSAGES = {"extra_forbidden": "is not known here", "missing": "is missing"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its HTTP status, its title, and what it means in a sentence."""

    status: int
    title: str
    meaning: str


# By the name that ends a problem's `type`, which is an address on the page /problems.
KINDS: dict[str, Kind] = {
    "malformed": Kind(400, "Malformed request", "The request cannot be read as it stands."),
    "unauthorized": Kind(401, "No valid token", "Everything under /v1 needs a bearer token."),
    "forbidden": Kind(403, "Not allowed", "The token's role does not allow this."),
    "not-found": Kind(404, "Not found", "There is nothing at this address."),
    "unknown-company": Kind(404, "Unknown company", "No company of this id is known here."),
    "unknown-journey": Kind(404, "Unknown journey", "No journey of this id is known here."),
    "method-not-allowed": Kind(
        405, "Method not allowed", "The address exists, but not for this method."
    ),
    "too-slow": Kind(408, "Too slow", "The request did not come whole in time."),
    "conflict": Kind(409, "Conflict", "What is held does not allow this now."),
    "under-way": Kind(
        409, "Under way", "The first request under this Idempotency-Key is not answered yet."
    ),
    "log-reset": Kind(
        409,
        "The log was reset",
        "Numbers that were read before may mean other events now: after a fail-over the newest were"
        " lost. Read the companies anew, then the log from `newest` on with the new `epoch`.",
    ),
    "cursor-gone": Kind(
        410,
        "Cursor not usable",
        "Events after this cursor are no longer kept; begin again from `oldest`.",
    ),
    "too-large": Kind(413, "Too large", "The body is larger than any that makes sense here."),
    "not-json": Kind(415, "Not JSON", "A body must be sent as application/json."),
    "invalid": Kind(422, "Invalid values", "`errors` names each field and what is wrong with it."),
    "key-reused": Kind(
        422, "Key used before", "This Idempotency-Key came with another request before."
    ),
    "codat-limit": Kind(429, "Codat's limit is reached", "Codat takes no more requests for now."),
    "internal": Kind(500, "Our fault", "Something is broken here; the log knows the instance."),
    "codat-refused": Kind(502, "Codat refused", "Codat answered that it will not do this."),
    "codat-unavailable": Kind(
        503, "Codat is unavailable", "Codat did not answer, or not with what it promises."
    ),
    "busy": Kind(503, "Busy", "Too many requests that have to wait are under way."),
    "store-away": Kind(
        503, "The store is away", "Redis does not answer; nothing can be read or kept for now."
    ),
    "not-durable": Kind(
        503,
        "Not durable",
        "The server does not keep for sure what it is told now. What was asked may be done or not;"
        " it is safe to ask again.",
    ),
}
BY_STATUS = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
BY_STATUS |= {415: "not-json"}
# By what a use case raises.
BY_ERROR = {NotFound: "not-found", UnknownCompany: "unknown-company", Conflict: "conflict"}
DETAILS = {
    400: "The body must be valid JSON.",
    404: "Look at /docs for the addresses there are.",
    405: "Look at the Allow header for the methods there are.",
    413: "Send less.",
    415: "Send the body as JSON, with the header `Content-Type: application/json`.",
}


# What a person reads whose browser met the error outside the API: a title and a sentence.
FOR_PEOPLE = {
    404: ("Nothing is here", "There is no page at this address. It may be mistyped, or gone."),
    405: ("Only a form leads here", "This address takes what a form sends, and shows nothing."),
    413: ("Too much at once", "What was sent is larger than anything that makes sense here."),
}
HOMES = ("/ops/", "/pc")  # to go on from; else from the first page


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details as in RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | None = None


class Refusal(Exception):
    """A request is refused: answered as a problem of the kind named, with `extra` members."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, ceil(retry_after)))


def invalid(error: ValidationError) -> Response:
    """Refuse a request that does not fit its model; never shows a value that was sent."""
    errors = [
        {
            "field": ".".join(str(part) for part in found["loc"]) or "body",
            "message": MESSAGES.get(found["type"])
            or found["msg"].removeprefix("Value error, ") + hint_of(found),
        }
        for found in error.errors()[:MAX_ERRORS]
    ]
    names = ", ".join(dict.fromkeys(found["field"] for found in errors))
    raise Refusal("invalid", f"Correct {names} and send again.", extra={"errors": errors})


def refusal_of(error: Refused | Refusal) -> Refusal:
    """Return a use case's error as the refusal that answers it."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, InvalidValue):
        errors = [{"field": error.field, "message": str(error)}]
        detail = f"Correct {error.field} and send again."
        return Refusal("invalid", detail, extra={"errors": errors})
    return Refusal(BY_ERROR[type(error)], str(error))


def register(app: Flask) -> None:
    """Answer every error under /v1 as a problem; the app's extension BASE_URL begins its type."""

    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        return _answer(refusal)

    @app.errorhandler(Refused)
    def use_case_refused(error: Refused) -> Response:
        return _answer(refusal_of(error))

    @app.errorhandler(RedisError)
    @app.errorhandler(NotDurable)
    def store_away(error: Exception) -> Response:
        if type(error) is ResponseError and not SERVERS_STATE.match(str(error)):
            return broken(error)  # it is there, and takes no such command: trying again is vain
        log.warning("store.unavailable", error=str(error)[:200], path=_shown_path())
        return _answer(
            Refusal(
                "not-durable" if isinstance(error, NotDurable) else "store-away",
                f"Try again in {STORE_AWAY_SECONDS} seconds.",
                retry_after=STORE_AWAY_SECONDS,
            )
        )

    @app.errorhandler(BadPolicy)
    def policy_gone_bad(error: BadPolicy) -> Response:
        log.warning("policy.file_cannot_be_used", error=str(error)[:200])
        return _answer(Refusal("conflict", f"{POLICY_BAD} {error}"))

    @app.errorhandler(Contended)
    def contended(error: Contended) -> Response:
        log.warning("request.contended", about=str(error)[:200], path=_shown_path())
        return _answer(Refusal("busy", CONTENDED, retry_after=CONTENDED_SECONDS))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        if error.code in FOR_PEOPLE and not request.path.startswith("/v1"):
            return _page(error)
        if not request.path.startswith("/v1") or error.code not in BY_STATUS:
            return error
        headers = {k: v for k, v in error.get_headers() if k in ("Allow", "Retry-After")}
        return _answer(Refusal(BY_STATUS[error.code], DETAILS[error.code], headers=headers))

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        instance = _instance()
        log.exception("request.failed", instance=instance, path=_shown_path())
        return _answer(
            Refusal("internal", "Try again; if it stays, tell your operator the instance."),
            instance,
        )


def details_of(kind: str, detail: str, base_url: str, instance: str = "") -> dict[str, Any]:
    """Return problem details of a kind, also for what is refused before the app is reached."""
    return {
        "type": f"{base_url}{PAGE}{kind}",
        "title": KINDS[kind].title,
        "status": KINDS[kind].status,
        "detail": detail,
        "instance": instance or _instance(),
    }


def _answer(refusal: Refusal, instance: str = "") -> Response:
    base_url = current_app.extensions[BASE_URL]
    body = details_of(refusal.kind, refusal.detail, base_url, instance) | refusal.extra
    response = current_app.response_class(
        current_app.json.dumps(body), status=KINDS[refusal.kind].status, mimetype=MEDIA_TYPE
    )
    response.headers.update(refusal.headers)
    return response


def _page(error: HTTPException) -> Response:
    """Return a page that shows a person the error, with a way on."""
    title, said = FOR_PEOPLE[error.code or 404]
    home = next((one for one in HOMES if request.path.startswith(one)), "/")
    shown = render_template("fault.html", title=title, said=said, home=home)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return current_app.response_class(shown, status=error.code, headers=headers)


def _shown_path() -> str:
    """Return the path for the log; a customer's link is a secret and stays out of it."""
    return "/link/..." if request.path.startswith("/link/") else request.path[:200]


def _instance() -> str:
    return f"urn:uuid:{uuid4()}"
