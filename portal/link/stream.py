"""Server-sent events that say when a customer's open page has something new to show.

Customers' streams are counted apart from those of the event log, so neither can crowd out the
other. A page without a stream asks every few seconds instead.
"""

import time
from collections.abc import Iterator

from flask import Blueprint, Response, request
from redis.exceptions import RedisError

from portal.http.stalled import end_stalled
from portal.http.streams import MEDIA_TYPE, StreamBody
from portal.http.tail import Tail
from portal.link import errors
from portal.link.visit import Visit, find_visit
from portal.services import Services, services
from relay.journeys.stage import stage_of
from relay.services.look_again import look_again
from relay.store import Store
from relay.store.log.reader import CursorTooOld, Events, LogReset
from relay.times import now_ms

link = Blueprint("link_stream", __name__, url_prefix="/link")
errors.register(link)

MAX_PER_JOURNEY = 3  # open pages of one journey with a stream
POLL_SECONDS = 2.0  # not all that a page shows comes with an event in the log
MAX_SECONDS = 600.0  # then the browser connects again
UNCHANGED = b"event: still\ndata: -\n\n"
CHANGED = b"event: changed\ndata: -\n\n"


@link.get("/<token>/stream")
def stream(token: str) -> Response:
    """Follow the journey until there is something else to show than `stamp` stands for."""
    p, visit = services(), find_visit(token)
    journey_id = visit.journey.id
    cursor = p.store.events.last()
    shown = request.args.get("stamp", "")
    events = changes(p, visit, shown, cursor)
    end_stalled(request.environ.get("SERVER_PORT", ""))
    p.link_streams.acquire(journey_id)
    body = StreamBody(events, lambda: p.link_streams.release(journey_id))
    headers = {"X-Accel-Buffering": "no"}
    return Response(body, mimetype=MEDIA_TYPE, headers=headers, direct_passthrough=True)


def changes(p: Services, visit: Visit, shown: str, cursor: int) -> Iterator[bytes]:
    """Yield a heartbeat after each look, and one event when something changed."""
    until = time.monotonic() + MAX_SECONDS
    yield b"retry: 1000\n\n"
    try:
        while time.monotonic() < until and not p.tail.is_ended:
            present = _present(p.store, visit)
            if present is None or present.stamp != shown:
                yield CHANGED
                return
            look_again(p.store, p.hints, present.journey, present.company, present.now)
            yield UNCHANGED
            cursor = _pause(p.tail, p.store.events, visit.journey.company_id, cursor)
    except RedisError:
        return  # the page asks again


def _pause(tail: Tail, events: Events, company_id: str, cursor: int) -> int:
    """Wait for an event of the company, or for the time to look; return the new cursor."""
    until = time.monotonic() + POLL_SECONDS
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


def _present(store: Store, visit: Visit) -> Visit | None:
    """Return what the page would show now; None when its link does not work any more."""
    now = now_ms()
    journey = store.journeys.by_token(visit.token)
    if journey is None or not journey.is_open(now):
        return None
    company = store.companies.get(journey.company_id)
    return Visit(visit.token, journey, company, stage_of(journey, company, now), now)
