"""Every fault on a customer's pages, told on a page of theirs; what we were told is for the log."""

from functools import partial
from typing import Any

import structlog
from flask import Response, request
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from portal.http.problems import Refusal
from portal.link.visit import NoJourney, NotOffered, WornOut, current_visit, page
from relay.store.journeys.records import Contended
from relay.store.server.durable import NotDurable

AGAIN_SECONDS = 5

log = structlog.get_logger(__name__)


def gone() -> Response:
    """Answer for every link that does not work: unknown, too old, replaced or revoked."""
    return page("gone", status=404)


def register(blueprint: Any) -> None:
    """Keep the customer's pages out of caches, and answer every fault with a page of theirs."""
    blueprint.after_request(_private)
    blueprint.register_error_handler(NoJourney, lambda error: gone())
    blueprint.register_error_handler(NotOffered, lambda error: not_offered())
    blueprint.register_error_handler(WornOut, lambda error: page("worn", current_visit(), 429))
    blueprint.register_error_handler(Refusal, _refused)
    for away in (RedisError, NotDurable, Contended):
        blueprint.register_error_handler(away, partial(_away, 503))
    blueprint.register_error_handler(Exception, _broken)


def not_offered() -> Response:
    """Say that the platform is not open any more, with the way to another."""
    return page("outcome", current_visit(), kind="501", reason="", code="")


def _private(answer: Response) -> Response:
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _refused(refusal: Refusal) -> Response:
    """Tell a refusal of Codat's in a sentence of ours: its reason is for the firm, in the log."""
    if refusal.kind != "codat-refused":
        return _sorry(503)
    visit = current_visit()
    journey = visit.journey.id if visit else None
    log.warning("link.refused", journey=journey, detail=refusal.detail[:300], **refusal.extra)
    return _sorry(502, is_refused=visit is not None and visit.journey.platform is not None)


def _away(status: int, error: Exception) -> Response:
    log.warning("link.not_served", error=str(error)[:200])
    return _sorry(status)


def _broken(error: Exception) -> Any:
    if isinstance(error, NotFound | MethodNotAllowed):
        return gone()
    if isinstance(error, RequestEntityTooLarge):
        return error
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return _sorry(error.code or 400)
    log.error("link.failed", exc_info=error)  # never the address, which is a secret
    return _sorry(500)


def _sorry(status: int, *, is_refused: bool = False) -> Response:
    answer = page("sorry", current_visit(), status, address=_address(), is_refused=is_refused)
    if status in (500, 503):
        answer.headers["Retry-After"] = str(AGAIN_SECONDS)
    return answer


def _address() -> str:
    """Give the link's own page, to try again from."""
    token = (request.view_args or {}).get("token")
    return f"/link/{token}" if token else ""
