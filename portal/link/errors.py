"""Error pages for customers: plain sentences of ours; the reason itself goes into the log."""

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

RETRY_AFTER_SECONDS = 5

log = structlog.get_logger(__name__)


def gone() -> Response:
    """Answer for every link that does not work: unknown, too old, replaced or revoked."""
    return page("gone", status=404)


def register(blueprint: Any) -> None:
    """Keep the customer's pages out of caches, and answer every error with one of their pages."""
    blueprint.after_request(_private)
    blueprint.register_error_handler(NoJourney, lambda error: gone())
    blueprint.register_error_handler(NotOffered, lambda error: not_offered())
    blueprint.register_error_handler(WornOut, lambda error: page("worn", current_visit(), 429))
    blueprint.register_error_handler(Refusal, _show_refusal)
    for unavailable in (RedisError, NotDurable, Contended):
        blueprint.register_error_handler(unavailable, partial(_show_unavailable, 503))
    blueprint.register_error_handler(Exception, _show_failure)


def not_offered() -> Response:
    """Show that the platform is not offered any more, and how to choose another."""
    return page("outcome", current_visit(), kind="501", reason="", code="")


def _private(answer: Response) -> Response:
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _show_refusal(refusal: Refusal) -> Response:
    """Show that Codat refused, without its reason: that is for the firm, in the log."""
    if refusal.kind != "codat-refused":
        return _error_page(503)
    visit = current_visit()
    journey = visit.journey.id if visit else None
    log.warning("link.refused", journey=journey, detail=refusal.detail[:300], **refusal.extra)
    return _error_page(502, is_refused=visit is not None and visit.journey.platform is not None)


def _show_unavailable(status: int, error: Exception) -> Response:
    log.warning("link.not_served", error=str(error)[:200])
    return _error_page(status)


def _show_failure(error: Exception) -> Any:
    if isinstance(error, NotFound | MethodNotAllowed):
        return gone()
    if isinstance(error, RequestEntityTooLarge):
        return error
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return _error_page(error.code or 400)
    log.error("link.failed", exc_info=error)  # never the address, which is a secret
    return _error_page(500)


def _error_page(status: int, *, is_refused: bool = False) -> Response:
    answer = page("sorry", current_visit(), status, address=_address(), is_refused=is_refused)
    if status in (500, 503):
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _address() -> str:
    """Return the address of the link's own page, to try again from."""
    token = (request.view_args or {}).get("token")
    return f"/link/{token}" if token else ""
