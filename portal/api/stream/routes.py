"""The event log as a live stream: server-sent events, from any cursor on, for as long as it lasts.

A stream holds one thread of the web server while it is open, so there is a cap on them, and the
server has that many threads besides those for requests. Events are read and written out once per
process, for all its readers.
"""

from flask import Response, request

from portal.api.events.routes import refuse_reset
from portal.api.stream.follow import Follow
from portal.api.stream.schemas import LastEvent, StreamQuery, position_of
from portal.http.auth import caller, presented
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.http.stalled import end_stalled
from portal.http.streams import MEDIA_TYPE, StreamBody
from portal.http.tags import EVENTS
from portal.services import services
from relay.events.filter import selection
from relay.store.log.encoded import Head
from relay.tokens import digest_of

api = group("stream", __name__, EVENTS)

FOLLOWING = (
    "Each block is one event of the log; its `id` is the event's epoch and number. A client that"
    " connects again sends the last `id` as `Last-Event-ID`, as browsers' EventSource does by"
    " itself, or as `lastEventId` in the address, as polyfills do. After a fail-over that is"
    " refused if the number may stand for another event by now.\n\n"
    "In silence a line comes every 15 seconds with the `id` that the stream has reached. It is no"
    " event, and most clients keep the `id` of events alone; so one that may be cut off before its"
    " first event gives `after`. A stream that falls 50,000 events behind ends with"
    " `relay.dropped`: read on by `/v1/events`, then connect again."
)


@api.get(
    "/events/stream",
    description=FOLLOWING,
    responses={
        200: {"description": "Events as they come.", "content": {MEDIA_TYPE: {}}},
        **described("log-reset", "cursor-gone", "busy"),
    },
)
def stream_events(query: StreamQuery, header: LastEvent) -> Reply:
    """Follow the log live."""
    p = services()
    head = p.store.events.head()
    epoch, cursor = query.epoch, head.last if query.after is None else query.after
    # Of several the furthest: some clients go on sending the one that they began with.
    if sent := max(header.last_event_id or "", query.last_event_id or "", key=position_of):
        of, _, number = sent.rpartition(":")
        epoch, cursor = of or epoch, int(number)
    refuse_reset(head, cursor, epoch)
    _refuse_trimmed(head, cursor)
    name, digest = caller().name, digest_of(presented())
    fits = selection([query.company] if query.company else [], query.type)
    follow = Follow(
        p.tail,
        p.store.events,
        cursor,
        head.epoch,
        fits,
        is_let_in=lambda: p.tokens.is_valid_still(digest),
    )
    end_stalled(request.environ.get("SERVER_PORT", ""))
    p.streams.acquire(name)
    body = StreamBody(follow.pieces(), lambda: p.streams.release(name))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(body, mimetype=MEDIA_TYPE, headers=headers, direct_passthrough=True)


def _refuse_trimmed(head: Head, cursor: int) -> None:
    if cursor < head.oldest:
        raise Refusal(
            "cursor-gone",
            f"Events up to {head.oldest} are no longer kept.",
            extra={"oldest": str(head.oldest)},
        )
