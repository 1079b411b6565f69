"""Forget a company: drop all that is held of it, but a line that says so."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis
from redis.exceptions import ResponseError

from relay.message import Action, action_fields
from relay.store import keys
from relay.store.inbox import Inbox
from relay.store.rewriting import alone, rewrite
from relay.store.scripts import Scripts
from relay.store.subscriptions import Subscriptions
from relay.store.traces import Trace, mentions, traces
from relay.times import now_micros

CHUNK = 5000  # things dropped per call


class Erasing(Exception):
    """Another company is being forgotten, or the log trimmed; one at a time."""


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

    def forget(self, company_id: str, by: str) -> Forgotten:
        """Drop all that is held of a company, and leave a line in the log that says so.

        Its events keep their numbers and lose all else. What Codat sends of it later makes it
        known anew: delete it there first. Raises Erasing while another is being forgotten.
        """
        with alone(self._client, by) as mine:
            if not mine:
                raise Erasing("another company is being forgotten, or the log trimmed")
            gone = self._forget(company_id.lower(), by)
        self._write_files_anew()
        return gone

    def _forget(self, company_id: str, by: str) -> Forgotten:
        lane = self._inbox.lane_of(company_id)
        messages = [keys.LANE + str(lane), keys.LANE + "0", keys.DEAD]
        attempts = [keys.ATTEMPTS + held.subscription.id for held in self._subscriptions.all()]
        dropped: Counter[str] = Counter()
        numbers: list[int] = []
        places: dict[str, str] = {}
        before = -1
        while dropped.total() > before:  # until a whole pass has found nothing
            before = dropped.total()
            found = self._found(company_id, messages, attempts, numbers, places)
            while some := list(islice(found, CHUNK)):
                self._drop(lane, some)
                dropped.update(one.key for one in some)
            waiting = [keys.SYNCS_WAITING, keys.META]
            dropped[keys.SYNCS_WAITING] += self._scripts.forget_syncs(waiting, [company_id])
        for stream in (keys.LOG, *messages, *attempts):
            rewrite(self._client, self._scripts, stream)
        events, received = dropped[keys.LOG], sum(dropped[lane] for lane in set(messages[:2]))
        self._tell(company_id, by, events, received)
        return Forgotten(events, received)

    def _found(
        self,
        company_id: str,
        messages: Sequence[str],
        attempts: Sequence[str],
        numbers: list[int],
        places: dict[str, str],
    ) -> Iterator[Trace]:
        """Find what is held of it, in streams after the `places` of the pass before.

        The `numbers` of its events show which deliveries told of it.
        """
        for entry in mentions(self._scripts, keys.LOG, company_id, places):
            number = entry.partition(b"-")[0]
            numbers.append(int(number))
            yield Trace("XDEL", keys.LOG, number)
            yield Trace("ZREM", keys.TIMELINE + company_id, number)
            yield Trace("ZREM", keys.TIMELINE, number)
        for stream in attempts:
            yield from self._answers(stream, numbers)
        for stream in dict.fromkeys(messages):
            for entry in mentions(self._scripts, stream, company_id, places):
                yield Trace("XDEL", stream, entry)
        yield from traces(self._client, company_id)

    def _answers(self, stream: str, numbers: Sequence[int]) -> Iterator[Trace]:
        """Find deliveries of these events: the answer that is kept may repeat what was sent."""
        for entry, fields in self._client.xrange(stream):
            attempt = orjson.loads(fields[b"attempt"])
            first, last = int(attempt["first"]), int(attempt["last"])
            if any(first <= number <= last for number in numbers):
                yield Trace("XDEL", stream, entry)

    def _drop(self, lane: int, found: Sequence[Trace]) -> None:
        numbers = [one.member for one in found if one.key == keys.LOG]
        rest = [one for one in found if one.key != keys.LOG]
        named = [keys.LEASES, keys.FENCES, keys.META, keys.LOG, keys.ERASED]
        places: dict[str, int] = {}
        arguments: list[str | bytes | int] = [lane, len(numbers)]
        arguments += numbers
        for one in rest:
            place = places.setdefault(one.key, len(named) + len(places) + 1)
            arguments += (one.command, place, one.member)
        self._scripts.forget([*named, *places], arguments)

    def _tell(self, company_id: str, by: str, events: int, messages: int) -> None:
        facts = {"by": by, "events": events, "messages": messages}
        action = Action(
            f"forget:{uuid4().hex}", "relay.company_forgotten", company_id, now_micros(), facts
        )
        self._inbox.ingest(action.id, company_id, action_fields(action))

    def _write_files_anew(self) -> None:
        """Have the server drop files that hold what it held before."""
        with suppress(ResponseError):
            self._client.bgrewriteaof()
        with suppress(ResponseError):
            if self._client.config_get("save").get("save"):
                self._client.bgsave(schedule=True)
