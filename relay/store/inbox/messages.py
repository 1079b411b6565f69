"""What Codat sent, as it is kept in the lanes: found by company, type, time and result."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.inbox.message import Message
from relay.inbox.replay_filter import APPLIED, DEAD, WAITING, MessageFilter
from relay.store import keys
from relay.store.inbox.dead_letters import Letters, Place
from relay.store.inbox.lanes import Inbox

PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """One message where it lies. `dead` is its dead letter's id, `reason` why it is one."""

    lane: int
    message: Message
    result: str
    dead: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        """Its name among all messages: lane and entry."""
        return f"{self.lane}:{self.message.entry}"

    @property
    def place(self) -> Place:
        """Lane and entry."""
        return self.lane, self.message.entry


@dataclass(frozen=True, slots=True)
class Found:
    """Messages, the newest first, and the name to go on before; None when all were looked at."""

    messages: list[Kept]
    next: str | None


class Messages:
    """The kept messages of one store."""

    def __init__(self, client: Redis, inbox: Inbox) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._inbox = inbox
        self._letters = Letters(client)

    def get(self, message_id: str) -> Kept | None:
        """Return one by its name, or None when it is not kept."""
        place = read_id(message_id)
        return (
            None
            if place is None
            else next(self._at([place], self._cursors(), self._letters.read()), None)
        )

    def newest(self, wanted: MessageFilter, before: str | None, limit: int, scan: int) -> Found:
        """Return those wanted, the newest first, from before the one named.

        Looks at `scan` messages at most.
        """
        # In this order: what is applied meanwhile then counts as waiting, never wrongly as applied.
        cursors, letters = self._cursors(), self._letters.read()
        bound = read_id(before) if before else None
        lanes = [self._backwards(lane, bound, wanted) for lane in self._lanes(wanted)]
        merged = heapq.merge(*lanes, key=lambda one: _order(one[0], one[1].entry), reverse=True)
        found: list[Kept] = []
        for number, (lane, message) in enumerate(merged, 1):
            kept = self._judged(lane, message, letters, cursors)
            if wanted.fits(message, kept.result):
                found.append(kept)
            if number == scan or len(found) == limit:
                return Found(found, kept.id)
        return Found(found, None)

    def walk(
        self, wanted: MessageFilter, after: Place | None, stored_by: int | None = None
    ) -> Iterator[tuple[Kept, bool]]:
        """Look at messages lane by lane in order, after a place, each with whether it is taken.

        Taken are those wanted that are applied or dead; with `stored_by` (ms by the server's clock)
        only those that were in their lane by then. Messages that are themselves replays are left
        out, and so are actions that were applied: they are ours, not Codat's. Where few are taken,
        a caller may stop at any and go on after it.
        """
        cursors, letters = self._cursors(), self._letters.read()
        if wanted.ids or wanted.result == DEAD:
            named = [place for one in wanted.ids if (place := read_id(one))]
            places = sorted(named or letters, key=lambda place: (place[0], _order(0, place[1])))
            rest = [p for p in places if after is None or _later(p, after)]
            found: Iterable[Kept] = self._at(rest, cursors, letters)
        else:
            found = (
                self._judged(lane, message, letters, cursors)
                for lane in self._lanes(wanted)
                if after is None or lane >= after[0]
                for message in self._forwards(lane, after, wanted)
            )
        for kept in found:
            sent = kept.message.kind == "webhook" or kept.result == DEAD
            again = kept.message.replay and kept.result != DEAD
            late = stored_by is not None and _order(0, kept.message.entry)[0] > stored_by
            takes = sent and not again and not late and kept.result != WAITING
            yield kept, takes and wanted.fits(kept.message, kept.result)

    def _lanes(self, wanted: MessageFilter) -> list[int]:
        if wanted.company is not None:
            return [self._inbox.lane_of(wanted.company.lower())]
        return list(range(self._inbox.lanes))

    def _forwards(self, lane: int, after: Place | None, wanted: MessageFilter) -> Iterator[Message]:
        start = str(wanted.since) if wanted.since is not None else "-"
        if after is not None and after[0] == lane:
            start = f"({after[1]}"
        end = "+" if wanted.until is None else f"({wanted.until}-0"
        while True:
            page = self._client.xrange(keys.LANE + str(lane), start, end, count=PAGE_SIZE)
            for entry, fields in page:
                yield Message.from_entry(entry, fields)
            if len(page) < PAGE_SIZE:
                return
            start = f"({page[-1][0].decode()}"

    def _backwards(
        self, lane: int, bound: Place | None, wanted: MessageFilter
    ) -> Iterator[tuple[int, Message]]:
        # What is put in again has its first time as `received`, and a later place.
        end = "-" if wanted.since is None else str(wanted.since)
        top = "+" if wanted.until is None else f"({wanted.until}-0"
        if bound is not None:
            top = bound[1] if lane < bound[0] else f"({bound[1]}"
        while True:
            page = self._client.xrevrange(keys.LANE + str(lane), top, end, count=PAGE_SIZE)
            for entry, fields in page:
                yield lane, Message.from_entry(entry, fields)
            if len(page) < PAGE_SIZE:
                return
            top = f"({page[-1][0].decode()}"

    def _at(
        self, places: Sequence[Place], cursors: dict[int, str], letters: Mapping[Place, str]
    ) -> Iterator[Kept]:
        for lane, entry in places:
            found = self._client.xrange(keys.LANE + str(lane), entry, entry)
            if found:
                yield self._judged(lane, Message.from_entry(*found[0]), letters, cursors)
            elif letter := self._letters.get((lane, entry), letters):
                yield Kept(lane, letter.message, DEAD, letter.id, letter.reason)
            # Else its lane no longer keeps it, and nor does a letter.

    def _judged(
        self, lane: int, message: Message, letters: Mapping[Place, str], cursors: dict[int, str]
    ) -> Kept:
        if letter := self._letters.get((lane, message.entry), letters):
            return Kept(lane, message, DEAD, letter.id, letter.reason)
        unread = _order(0, message.entry) > _order(0, cursors.get(lane, "0-0"))
        return Kept(lane, message, WAITING if unread else APPLIED)

    def _cursors(self) -> dict[int, str]:
        raw: dict[bytes, bytes] = self._client.hgetall(keys.CURSORS)
        return {int(lane): cursor.decode() for lane, cursor in raw.items()}


def read_id(text: str) -> Place | None:
    """Read a message's name, None when it is none."""
    lane, _, entry = text.partition(":")
    ms, _, number = entry.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in (lane, ms, number)):
        return None
    return (int(lane), entry) if int(ms) else None  # no stream has anything before its first ms


def _order(lane: int, entry: str) -> tuple[int, int, int]:
    ms, _, number = entry.partition("-")
    return int(ms), int(number), lane


def _later(place: Place, than: Place) -> bool:
    return (place[0], _order(0, place[1])) > (than[0], _order(0, than[1]))
