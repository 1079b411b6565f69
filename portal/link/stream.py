"""Tell a customer's open page the moment there is something new to show, by server-sent events.

Customers' streams are counted apart from those of the event log, so neither can crowd out the
other; a page that gets none asks by itself every few seconds instead.
"""

import time
from collections.abc import Iterator

from flask import Blueprint, Response, request
from redis.exceptions import RedisError

from portal.http.stalled import end_stalled
from portal.http.streams import MEDIA_TYPE, StreamBody
from portal.http.tail import Tail
from portal.link import errors
from portal.link.visit import Visit, visit
from portal.link.waiting import look_again
from portal.services import Services, services
from relay.journeys.stage import stage_of
from relay.store import Store
from relay.store.log.reader import CursorTooOld, Events, LogReset
from relay.times import now_ms

link = Blueprint("link_stream", __name__, url_prefix="/link")
errors.register(link)

MOST_OF_ONE = 3  # pages of one journey that are told at once
LOOK_EVERY = 2.0  # seconds; not all that a page shows is told in the log
LONGEST = 600.0  # seconds; then the browser connects again
STILL = b"event: still\ndata: -\n\n"
CHANGED = b"event: changed\ndata: -\n\n"


@link.get("/<token>/stream")
def stream(token: str) -> Response:
    """Follow the journey until there is something else to show than `stamp` stands for."""
    p, seen = services(), visit(token)
    journey_id = seen.journey.id
    cursor = p.store.events.last()
    shown = request.args.get("stamp", "")
    told = changes(p, seen, shown, cursor)
    end_stalled(request.environ.get("SERVER_PORT", ""))
    p.link_streams.acquire(journey_id)
    body = StreamBody(told, lambda: p.link_streams.release(journey_id))
    headers = {"X-Accel-Buffering": "no"}
    return Response(body, mimetype=MEDIA_TYPE, headers=headers, direct_passthrough=True)


def changes(p: Services, seen: Visit, shown: str, cursor: int) -> Iterator[bytes]:
    """Give a sign of life each time we look, and the one event there is when something changed."""
    until = time.monotonic() + LONGEST
    yield b"retry: 1000\n\n"
    try:
        while time.monotonic() < until and not p.tail.is_ended:
            present = _present(p.store, seen)
            if present is None or present.stamp != shown:
                yield CHANGED
                return
            look_again(p.store, p.hints, present)
            yield STILL
            cursor = _pause(p.tail, p.store.events, seen.journey.company_id, cursor)
    except RedisError:
        return  # the page asks again, and is told then


def _pause(tail: Tail, events: Events, company_id: str, cursor: int) -> int:
    """Wait for an event of the company, or for the time to look anyway; give the new cursor."""
    until = time.monotonic() + LOOK_EVERY
    while (left := until - time.monotonic()) > 0 and not tail.is_ended:
        head = tail.wait(cursor, left)
        try:
            some = events.read(cursor, 1, lambda event: event.subject == company_id, head=head)
        except (CursorTooOld, LogReset):
            return head.last  # what is not kept any more shows in the journey all the same
        cursor = min(some.cursor, head.last)  # lower than before when the log was reset
        if some.events:
            break
    return cursor


def _present(store: Store, seen: Visit) -> Visit | None:
    """Give what the page would show by now; nothing when its link does not work any more."""
    now = now_ms()
    journey = store.journeys.by_token(seen.token)
    if journey is None or not journey.is_open(now):
        return None
    company = store.companies.get(journey.company_id)
    return Visit(seen.token, journey, company, stage_of(journey, company, now), now)
