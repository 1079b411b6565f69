"""The event log for downstream systems: read on from a cursor, or wait a while for what comes."""

import time
from collections.abc import Callable
from urllib.parse import urlencode

from flask import Response

from portal.api.events.schemas import EventQuery, EventsPage
from portal.http.auth import refuse_revoked
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.http.tags import EVENTS
from portal.services import services
from relay.events.filter import Typed, selection
from relay.store.log.encoded import Head
from relay.store.log.reader import CursorTooOld, Events, LogReset, Page
from relay.times import ms_of

api = group("events", __name__, EVENTS)

RETRY_SECONDS = 2  # seconds, for a poll that there was no thread to wait in
SCAN_LIMIT = 20_000  # events looked at in one request under a filter
BOTH = (
    "Send `after` or `since`, not both: begin with `since`, then go on with `after=<cursor>` alone."
)
READING = (
    "Keep `cursor` once the events are dealt with, and ask with it next. A page may be empty and"
    " still move the cursor: then a filter left everything out. `Retry-After` comes with one that"
    " was not waited for, as too many wait already."
)


@api.get(
    "/events",
    description=READING,
    responses={200: EventsPage, **described("log-reset", "cursor-gone")},
)
def list_events(query: EventQuery) -> Reply:
    """Read the log of everything that happened, from a cursor on."""
    events = services().store.events
    head = events.head()
    after = query.after
    if query.since is not None:
        if "after" in query.model_fields_set:
            raise Refusal("invalid", BOTH)
        after = events.since(ms_of(query.since))
    refuse_reset(head, after, query.epoch)
    page = _read(events, query, after, head)
    headers = {}
    if not page.events and query.wait:
        waited = _wait(query, page, head)
        refuse_revoked(services().tokens)
        if waited is None:
            headers["Retry-After"] = str(RETRY_SECONDS)
        page = waited or page
    whole = b'{"events":[%s],"cursor":"%d","epoch":"%s"}' % (
        b",".join([event.json for event in page.events]),
        page.cursor,
        head.epoch.encode(),
    )
    headers["Link"] = f'<{_next(query, page.cursor, head.epoch)}>; rel="next"'
    return Response(whole, mimetype="application/json", headers=headers)


def refuse_reset(head: Head, after: int, epoch: str | None) -> None:
    """Refuse a cursor of another log: it would miss events, or wait for ever."""
    if after > head.last or epoch not in (None, head.epoch):
        raise reset(head)


def reset(head: Head) -> Refusal:
    """Say that the log is another one, and where it stands."""
    return Refusal(
        "log-reset",
        "This cursor is of a log that is gone. Read the companies anew, then the log from `newest`"
        " on with `epoch`; what stands in it before `newest` may repeat what you know.",
        extra={
            "epoch": head.epoch,
            "oldest": str(head.oldest),
            "newest": str(head.last),
        },
    )


def wanted(company: str | None, types: list[str]) -> Callable[[Typed], bool] | None:
    """Return the filter for one company and these types, None to take all."""
    return selection([] if company is None else [company], types)


def _read(events: Events, query: EventQuery, after: int, head: Head) -> Page:
    fits = wanted(query.company, query.type)
    try:
        return events.read(after, query.limit, fits, up_to=after + SCAN_LIMIT, head=head)
    except LogReset:
        raise reset(events.head()) from None
    except CursorTooOld as error:
        raise Refusal(
            "cursor-gone",
            f"Events up to {error.oldest} are no longer kept: read on from `oldest`, and read the"
            " companies anew for what was missed.",
            extra={"oldest": str(error.oldest)},
        ) from error


def _wait(query: EventQuery, page: Page, head: Head) -> Page | None:
    """Wait for wanted events; None, and at once, when all threads that may wait do so already."""
    p = services()
    if not p.long_poll_limit.acquire(blocking=False):
        return None
    try:
        until = time.monotonic() + query.wait
        while not (page.events or p.tail.is_ended) and (left := until - time.monotonic()) > 0:
            if p.tail.wait(page.cursor, left).last > page.cursor:
                now = p.store.events.head()
                refuse_reset(now, page.cursor, head.epoch)
                page = _read(p.store.events, query, page.cursor, now)
        return page
    finally:
        p.long_poll_limit.release()


def _next(query: EventQuery, cursor: int, epoch: str) -> str:
    values: list[tuple[str, str | int]] = [("after", cursor), ("limit", query.limit)]
    values.append(("epoch", epoch))
    if query.company is not None:
        values.append(("company", query.company))
    values += [("type", name) for name in query.type]
    if query.wait:
        values.append(("wait", f"{query.wait:g}"))
    return "/v1/events?" + urlencode(values)
