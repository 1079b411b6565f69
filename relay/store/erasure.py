"""Drop what is no longer to be kept: the log's old end, and all that is held of one company."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.exceptions import ResponseError

from relay.message import Action, action_fields
from relay.store import keys
from relay.store.inbox import Inbox
from relay.store.intents import Priority
from relay.store.scripts import Scripts
from relay.store.subscriptions import Subscriptions
from relay.times import now_micros

PAGE = 1000
CHUNK = 5000  # entries dropped per call
COPIED = 2000  # entries copied per call; a few milliseconds of the server
LONGEST_MS = 600_000
DAY_MS = 86_400_000


class Erasing(Exception):
    """Another company is being forgotten; one at a time."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How far the log was trimmed, and which subscriptions had not read so far."""

    up_to: int
    passed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was dropped of one company."""

    events: int
    messages: int


class Erasure:
    """Drops things of one store."""

    def __init__(
        self, client: Redis, scripts: Scripts, inbox: Inbox, subscriptions: Subscriptions
    ) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._inbox = inbox
        self._subscriptions = subscriptions

    def trim_log(self, now: int, *, keep_days: int, hard_days: int) -> Trimmed | None:
        """Drop events older than `keep_days` that every subscription has passed.

        Those older than `hard_days` go whoever has not read them. None when nothing went.
        """
        readers = self._subscriptions.all()
        lowest = min((held.cursor for held in readers), default=None)
        soft = self._older_than(now - keep_days * DAY_MS)
        if lowest is not None:
            soft = min(soft, lowest)
        up_to = max(soft, self._older_than(now - hard_days * DAY_MS))
        if up_to <= 0 or not self._scripts.trim_log(
            [keys.LOG, keys.META, keys.MARKS, keys.ERASED], [up_to]
        ):
            return None
        passed = tuple(held.subscription.id for held in readers if held.cursor < up_to)
        return Trimmed(up_to, passed)

    def forget(self, company_id: str, by: str) -> Forgotten:
        """Drop all that is held of a company, and leave a line in the log that says so.

        Its events keep their numbers and lose all else. What Codat sends of it later makes it
        known anew: delete it there first. Raises Erasing while another is being forgotten.
        """
        if not self._client.set(keys.ERASING, by, nx=True, px=LONGEST_MS):
            raise Erasing("another company is being forgotten")
        try:
            gone = self._forget(company_id, by)
        finally:
            self._client.delete(keys.ERASING)
        # The file still holds what was written once, until it is written anew.
        with suppress(ResponseError):
            self._client.bgrewriteaof()
        return gone

    def _forget(self, company_id: str, by: str) -> Forgotten:
        lane = self._inbox.lane_of(company_id)
        events = messages = 0
        while True:
            numbers = self._client.zrange(keys.TIMELINE + company_id, 0, CHUNK - 1)
            entries = self._entries(lane, company_id)
            letters = self._letters(company_id)
            self._drop(company_id, lane, numbers, entries, letters)
            events, messages = events + len(numbers), messages + len(entries)
            if not (numbers or entries or letters):
                break
        for stream in (keys.LOG, keys.LANE + str(lane), keys.DEAD):
            self._client.delete(keys.COPY + stream)  # of one that broke off
            while not self._scripts.rewrite_stream([stream, keys.COPY + stream], [COPIED]):
                pass
        self._tell(company_id, by, events, messages)
        return Forgotten(events, messages)

    def _drop(
        self,
        company_id: str,
        lane: int,
        numbers: Sequence[bytes],
        entries: Sequence[bytes],
        letters: Sequence[bytes],
    ) -> None:
        arguments: list[str | bytes | int] = [company_id, lane, keys.INTENT]
        for some in (numbers, entries, letters, self._intents(company_id)):
            arguments += (len(some), *some)
        due = [keys.DEAD_INTENTS, *(f"{keys.INTENTS_DUE}{int(p)}" for p in Priority)]
        self._scripts.forget(
            [
                keys.COMPANY + company_id,
                keys.COMPANIES,
                keys.SCHEDULES + company_id,
                keys.SCHEDULES_DUE,
                keys.TIMELINE + company_id,
                keys.INFLIGHT + company_id,
                keys.LOG,
                keys.ERASED,
                keys.LANE + str(lane),
                keys.DEAD,
                keys.LEASES,
                keys.FENCES,
                *due,
            ],
            arguments,
        )

    def _entries(self, lane: int, company_id: str) -> list[bytes]:
        """Name the messages of a company, but those in which we tell that it was forgotten."""
        found: list[bytes] = []
        start = "-"
        while len(found) < CHUNK:
            page = self._client.xrange(keys.LANE + str(lane), start, "+", count=PAGE)
            for entry, fields in page:
                told = fields[b"type"] == b"relay.company_forgotten"
                if fields[b"company"].decode(errors="replace") == company_id and not told:
                    found.append(entry)
            if len(page) < PAGE:
                break
            start = f"({page[-1][0].decode()}"
        return found

    def _letters(self, company_id: str) -> list[bytes]:
        return [
            entry
            for entry, fields in self._client.xrange(keys.DEAD)
            if fields[b"company"].decode(errors="replace") == company_id
        ]

    def _intents(self, company_id: str) -> list[bytes]:
        due = [keys.DEAD_INTENTS, *(f"{keys.INTENTS_DUE}{int(p)}" for p in Priority)]
        return [
            name
            for key in due
            for name, _ in self._client.zscan_iter(key, match=f"*:{company_id}*")
        ]

    def _tell(self, company_id: str, by: str, events: int, messages: int) -> None:
        facts = {"by": by, "events": events, "messages": messages}
        action = Action(
            f"forget:{uuid4().hex}", "relay.company_forgotten", company_id, now_micros(), facts
        )
        self._inbox.ingest(action.id, company_id, action_fields(action))

    def _older_than(self, ms: int) -> int:
        """Give the number of the last event that was surely logged before `ms`."""
        marks = self._client.zrange(
            keys.MARKS, ms, "-inf", desc=True, byscore=True, offset=0, num=1
        )
        return int(marks[0]) - 1 if marks else 0
