"""A small client for the portal's API, for the command line."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import click
import orjson
import requests

from cli.addresses import SERVICE, local, session_for
from cli.data_dir import DataDir, local_settings
from cli.faults import CannotStart, Failed, Interrupted, NotAccepted, Unreachable
from relay.settings import Settings
from relay.texts import trimmed
from relay.tokens import SENDABLE

CONNECT_WITHIN = 3.05  # seconds
ANSWER_WITHIN = 40.0  # seconds; longer than the service lets anyone wait
AWAY = {502, 503, 504}
WRONG = {400, 401, 403, 415, 422}
AGAIN = {408, 409, 429, 500, 502, 503, 504}
CODAT_REFUSED = "codat-refused"  # 502, but the service answered, and so did Codat
# Of the conflicts, the one that passes by itself.
UNDER_WAY = "under-way"
PERHAPS = "It may have been done all the same: look before you ask again."
NOT_KNOWN = (
    "No token is at hand: pass --token, or set RELAY_TOKEN. `codat-relay up` keeps the one it made"
    " in the data directory (RELAY_DATA_DIR)."
)
url_option = click.option(
    "--url",
    type=SERVICE,
    help="The service's address.  [default: RELAY_PUBLIC_URL, else local]",
)
NOT_SENDABLE = "--token or RELAY_TOKEN: a token has visible ASCII characters alone, without spaces."


class Api:
    """The portal's API at one address, with one token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._session = session_for(url)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON at `path`; raises Unreachable, NotAccepted or Failed."""
        return self._send("GET", path, params=parameters)

    def post(self, path: str, body: object | None = None, key: str | None = None) -> Any:
        """Post JSON, under a key by which it may be sent again; raises as `get` does."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._send("POST", path, json={} if body is None else body, headers=headers)

    def put(self, path: str, body: object, **parameters: Any) -> Any:
        """Put JSON; raises as `get` does."""
        return self._send("PUT", path, json=body, params=parameters)

    def delete(self, path: str) -> None:
        """Delete what is at `path`; raises as `get` does."""
        self._send("DELETE", path)

    def pages(
        self, path: str, items: str, cursor: str = "after", /, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Walk through all pages of a list that gives `next`, to be sent on as `cursor`."""
        place: str | None = ""
        while place is not None:
            page = self.get(path, **{cursor: place}, **parameters)
            yield from page[items]
            place = page["next"]

    def _send(self, method: str, path: str, **how: Any) -> Any:
        try:
            answer = self._session.request(
                method, self.url + path, timeout=(CONNECT_WITHIN, ANSWER_WITHIN), **how
            )
        except KeyboardInterrupt:
            asked = f" before the service answered. {PERHAPS}" if _changes(method, how) else "."
            raise Interrupted(f"Interrupted{asked}") from None
        except requests.RequestException as error:
            sent = not isinstance(error, (requests.ConnectTimeout, requests.exceptions.InvalidURL))
            sent = sent and "NewConnectionError" not in str(error)
            raise Unreachable(
                f"The service at {self.url} does not answer ({type(error).__name__})."
                " Is `codat-relay up` running? Another address is set by --url or RELAY_PUBLIC_URL."
                + (f" {PERHAPS}" if sent and _changes(method, how) else "")
            ) from None
        if not answer.ok:
            raise _fault(answer)
        if not answer.content:
            return None
        try:
            # What no 64 bits hold is a fraction then, as in other readers, and can be printed.
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise Failed(f"{answer.url} does not answer with JSON; is it codat-relay?") from None


def _changes(method: str, how: dict[str, Any]) -> bool:
    """Whether a request may change anything: a preview does not."""
    previews = (how.get("json") or {}, how.get("params") or {})
    return method != "GET" and not any(one.get("preview") for one in previews)


def _fault(answer: requests.Response) -> Exception:
    message, status = f"{answer.status_code} {_explained(answer)}", answer.status_code
    kind = _kind(answer)
    if status in AWAY and kind != CODAT_REFUSED:
        return Unreachable(message)
    if status in WRONG:
        return NotAccepted(message)
    again = status in AGAIN and kind != CODAT_REFUSED and (status != 409 or kind == UNDER_WAY)
    return Failed(message, again=again)


def _kind(answer: requests.Response) -> str:
    """Return the name of the problem that an answer tells, '' for none."""
    try:
        return str(answer.json()["type"]).rpartition("#")[2]
    except (requests.JSONDecodeError, KeyError, TypeError):
        return ""


def _explained(answer: requests.Response) -> str:
    try:
        problem = answer.json()
        lines = [f"{problem['title']}: {problem['detail']}"]
        lines += [f"  {e['field']}: {e['message']}" for e in problem.get("errors") or []]
        return "\n".join(lines)
    except (requests.JSONDecodeError, KeyError, TypeError):
        return f"{answer.reason} ({answer.url})"


def service_url(settings: Settings, given: str | None = None) -> str:
    """Return the portal's address: the one given, else RELAY_PUBLIC_URL, else the local one."""
    return given or settings.relay_public_url or local(settings)


def open_api(settings: Settings, url: str | None, token: str | None) -> Api:
    """Return a client with the first token at hand; raises CannotStart when there is none."""
    given = trimmed(token or "")
    if given and not SENDABLE.fullmatch(given):
        raise CannotStart(NOT_SENDABLE)
    found = given or configured_token(settings) or DataDir(settings.relay_data_dir).token()
    if not found:
        raise CannotStart(NOT_KNOWN)
    return Api(service_url(settings, url), found)


def configured_token(settings: Settings) -> str | None:
    """Return the first token of RELAY_TOKENS, one that may operate if there is one."""
    entries = [entry.get_secret_value().split(":", 2) for entry in settings.relay_tokens]
    entries.sort(key=lambda entry: entry[1] != "operate")
    return entries[0][2] if entries else None


def uses_api(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command the options --url and --token, and hand it an `api` made of them."""

    @url_option
    @click.option(
        "--token",
        envvar="RELAY_TOKEN",
        help="Bearer token.  [env: RELAY_TOKEN; else RELAY_TOKENS, else the data directory's]",
    )
    @functools.wraps(command)
    def with_api(*args: Any, url: str | None, token: str | None, **named: Any) -> None:
        command(*args, api=open_api(local_settings(), url, token), **named)

    return with_api


def refuse_unknown(api: Api, company: str | None) -> None:
    """Refuse a company that is not held, with the nearest: nothing can be found of it."""
    if company:
        api.get(f"/v1/companies/{path_part(company)}")


def path_part(value: str) -> str:
    """Refuse an id that would lead elsewhere in the API."""
    if not value.replace("-", "").isalnum():
        raise click.BadParameter(f"{value!r} is not a company's id.")
    return value
