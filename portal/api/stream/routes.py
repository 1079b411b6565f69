"""The event log as a live stream: server-sent events, from any cursor on, for as long as it lasts.

A stream holds one thread of the web server while it is open, so there is a cap on them, and the
server has that many threads besides those for requests. Events are read and written out once per
process, whatever the number of its readers.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Self

from flask import Response, request
from pydantic import BaseModel, Field, field_validator

from portal.api.events.routes import ToldType, refuse_reset
from portal.http.auth import caller, presented
from portal.http.groups import Cursor, Given, GivenCompany, Reply, described, group
from portal.http.problems import Refusal
from portal.http.stalled import end_stalled
from portal.http.streams import MEDIA_TYPE, StreamBody
from portal.http.tags import EVENTS
from portal.http.tail import Tail
from portal.services import services
from relay.events.filter import selection
from relay.store.log.encoded import EncodedEvent, Head
from relay.store.log.reader import CursorTooOld, Events, LogReset
from relay.tokens import digest_of

api = group("stream", __name__, EVENTS)

HEARTBEAT = 15.0  # seconds; less than what proxies allow for silence
LOOK = 1.0  # seconds at most until the server is given a chance to notice that the reader has gone
RETRY_MS = 3000  # what a client waits before it connects again
AT_ONCE = 500  # events written in one piece
RESET = "the log was reset"
REVOKED = "its token is no longer valid"
LAG = 50_000  # events that a stream may fall behind once it was up to date
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
PLACE = r"^(([A-Za-z0-9_-]{1,64}:)?[0-9]{1,16})?$"
LAST_ID = "The last `id` that came, `<epoch>:<number>`; the number alone will do."
# Letters of the names by which clients send it in the address: `lastEventId`, `Last-Event-ID`, ...
SPELLED = re.compile("(evs)?lasteventid")
# What polyfills add for themselves: against caches, and about their own buffers.
ADDED = frozenset({"_", "r", "evs_preamble", "evs_buffer_size_limit"})


class StreamQuery(Given):
    """Which events, and from where on: `Last-Event-ID`, else `after`, else what comes from now."""

    MAY_REPEAT: ClassVar[frozenset[str]] = frozenset({"lastEventId"})

    after: Cursor | None = None
    epoch: Annotated[str | None, Field(max_length=64)] = None
    company: GivenCompany | None = None
    type: Annotated[list[ToldType], Field(default_factory=list, max_length=20)]
    last_event_id: Annotated[
        str | None,
        Field(
            alias="lastEventId",
            pattern=PLACE,
            description=f"{LAST_ID} However it is spelled: `Last-Event-ID`, `last_event_id`, ...",
        ),
    ] = None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Read a query as clients send it: the id however spelled and often, and what they add."""
        names = [name for name in obj if SPELLED.fullmatch(re.sub("[_-]", "", name.lower()))]
        sent = [value for name in names for value in request.args.getlist(name) if value]
        others = {name: value for name, value in obj.items() if name not in {*names, *ADDED}}
        last = {"lastEventId": max(sent, key=_far)} if sent else {}
        return super().model_validate(others | last, **options)


class LastEvent(BaseModel):
    """Where the stream broke off; empty before the first event."""

    last_event_id: Annotated[
        str | None,
        Field(
            alias="Last-Event-ID",
            serialization_alias="after",
            pattern=PLACE,
            description=LAST_ID,
        ),
    ] = None

    @field_validator("last_event_id", mode="before")
    @classmethod
    def _furthest(cls, given: Any) -> Any:
        """Of several such headers, which arrive as one with commas, the furthest counts."""
        if not isinstance(given, str) or "," not in given:
            return given
        places = [one.strip() for one in given.split(",")]
        return max(places, key=_far) if all(re.fullmatch(PLACE, one) for one in places) else given


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
    if sent := max(header.last_event_id or "", query.last_event_id or "", key=_far):
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


class Follow:
    """One reader's way along the log."""

    def __init__(
        self,
        tail: Tail,
        events: Events,
        cursor: int,
        epoch: str,
        fits: Callable[[EncodedEvent], bool] | None,
        *,
        heartbeat: float = HEARTBEAT,
        is_let_in: Callable[[], bool] = lambda: True,
    ) -> None:
        self._tail = tail
        self._events = events
        self._cursor = cursor
        self._epoch = epoch
        self._fits = fits
        self._heartbeat = heartbeat
        self._is_let_in = is_let_in
        self._was_live = False

    def pieces(self) -> Iterator[bytes]:
        """Give what is to be sent until the reader is too slow or the process stops."""
        # The cursor too: a reader that began now and hears nothing must know from where on.
        yield b"retry: %d\n%s" % (RETRY_MS, self._place())
        sent = time.monotonic()
        while True:
            head = self._tail.wait(self._cursor, min(LOOK, self._heartbeat))
            if self._tail.is_ended:  # it connects again, to another process
                return
            reason = self._too_late(head)
            if reason:
                yield _dropped(reason, self._cursor)
                return
            try:
                some = self._events.read(self._cursor, AT_ONCE, head=head)
            except CursorTooOld as error:
                yield _dropped(str(error), self._cursor)
                return
            except LogReset:
                yield _dropped(RESET, self._cursor)
                return
            self._cursor = some.cursor
            self._was_live = self._was_live or self._cursor == head.last
            fitting = some.events if self._fits is None else list(filter(self._fits, some.events))
            if fitting:
                yield b"".join([_piece(one) for one in fitting])
                sent = time.monotonic()
            elif time.monotonic() - sent >= self._heartbeat:
                yield self._place()
                sent = time.monotonic()
            else:
                yield b""  # sends nothing, and ends the stream of a reader that has gone

    def _place(self) -> bytes:
        """Return a line with the place: no blank line ends it, which many take for an event."""
        return b"id: %s:%d\n" % (self._epoch.encode(), self._cursor)

    def _too_late(self, head: Head) -> str:
        """Return why the stream must end: its token, another log, a slow reader; else ''."""
        if not self._is_let_in():
            return REVOKED
        if head.epoch != self._epoch:
            return RESET
        behind = head.last - self._cursor
        return f"it fell {behind} events behind" if self._was_live and behind > LAG else ""


def _far(place: str) -> int:
    """Return the number of an event's id, -1 for what is none."""
    number = place.rpartition(":")[2]
    return int(number) if number.isdecimal() else -1


def _refuse_trimmed(head: Head, cursor: int) -> None:
    if cursor < head.oldest:
        raise Refusal(
            "cursor-gone",
            f"Events up to {head.oldest} are no longer kept.",
            extra={"oldest": str(head.oldest)},
        )


def _piece(event: EncodedEvent) -> bytes:
    """Write an event as server-sent events have it; the id is its epoch and number."""
    return b"id: %s:%d\nevent: %s\ndata: %s\n\n" % (
        event.epoch.encode(),
        event.sequence,
        event.type.encode(),
        event.json,
    )


def _dropped(reason: str, cursor: int) -> bytes:
    return b'event: relay.dropped\ndata: {"reason":"%s","cursor":"%d"}\n\n' % (
        reason.encode(),
        cursor,
    )
