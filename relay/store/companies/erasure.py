"""Forget a company: drop all that is held of it, but a line that says so."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis

from codat.routes import UUID
from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.companies.states import Companies
from relay.store.companies.traces import Trace, answers, mentions, nameless, traces, words_of
from relay.store.delivery.subscriptions import Subscriptions
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY, Inbox
from relay.store.log.rewriting import alone, rewrite
from relay.store.scripts import Scripts
from relay.store.server.files import want_files, write_files_anew
from relay.times import now_micros

CHUNK = 5000  # things dropped per call
MIN_ID_LENGTH = 8  # characters; Codat's older ids were no UUIDs


class Erasing(Exception):
    """Another company is being forgotten, or the log trimmed; one at a time."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was dropped of one company."""

    events: int
    messages: int


@dataclass(slots=True)
class Forgetting:
    """A company that is being forgotten: kept until it is done, so that a kill ends nothing."""

    by: str
    action: str  # id of the action that records it
    words: list[str]  # what malformed messages, which name no company, may show of it
    events: int = 0
    messages: int = 0


class Erasure:
    """Drops things of one store."""

    def __init__(
        self,
        client: Redis,
        scripts: Scripts,
        inbox: Inbox,
        companies: Companies,
        subscriptions: Subscriptions,
    ) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._inbox = inbox
        self._companies = companies
        self._subscriptions = subscriptions

    def forget(self, company_id: str, by: str) -> Forgotten | None:
        """Delete all that is held of a company, and log one event that says so.

        Its events keep their numbers and lose all else. What Codat sends of it later makes it
        known again: delete it there first. Returns None when nothing was held. Raises Erasing while
        another is being forgotten.
        """
        company = company_id.lower()
        if not UUID.fullmatch(company) and not self._is_known(company):
            return None  # a short text would be found in what is not this company's
        with alone(self._client, by) as mine:
            if not mine:
                raise Erasing("another company is being forgotten, or the log trimmed")
            begun, is_new = self._begin(company, by)
            if not self._forget(company, begun) and is_new:
                self._client.hdel(keys.FORGETTING, company)
                return None
            self._log(company, begun)
            with self._client.pipeline(transaction=True) as pipe:
                want_files(pipe)  # with what goes last: a rewrite that has begun may hold it still
                pipe.hdel(keys.FORGETTING, company)
                pipe.execute()
        write_files_anew(self._client)
        return Forgotten(begun.events, begun.messages)

    def _is_known(self, company_id: str) -> bool:
        held = self._companies.get(company_id) is not None
        begun = bool(self._client.hexists(keys.FORGETTING, company_id))
        return len(company_id) >= MIN_ID_LENGTH and (held or begun)

    def unfinished(self) -> dict[str, str]:
        """Return the companies whose forgetting broke off, and on whose word each is forgotten."""
        begun = self._client.hgetall(keys.FORGETTING)
        return {company.decode(): orjson.loads(raw)["by"] for company, raw in begun.items()}

    def _begin(self, company_id: str, by: str) -> tuple[Forgetting, bool]:
        """Note that it is being forgotten; or return how far that came before, and False."""
        held = self._companies.get(company_id)
        words = sorted(words_of(held)) if held else []
        begun = Forgetting(by, f"forget:{uuid4().hex}", words)
        is_new = self._client.hsetnx(keys.FORGETTING, company_id, orjson.dumps(asdict(begun)))
        if not is_new:
            begun = Forgetting(**orjson.loads(self._client.hget(keys.FORGETTING, company_id)))
        return begun, bool(is_new)

    def _forget(self, company_id: str, begun: Forgetting) -> int:
        """Delete what there is; return how many things that were."""
        lane = self._inbox.lane_of(company_id)
        of_none = keys.LANE + str(NOT_FOR_A_COMPANY)
        messages = [keys.LANE + str(lane), of_none, keys.DEAD]
        attempts = self._subscriptions.streams()
        dropped: Counter[str] = Counter()
        numbers: list[int] = []
        places: dict[str, str] = {}
        before = -1
        while dropped.total() > before:  # until a whole pass has found nothing
            before = dropped.total()
            found = chain(
                self._found(company_id, messages, numbers, places),
                nameless(self._client, messages[1:], begun.words),
                answers(self._client, attempts, [company_id, *begun.words], numbers),
            )
            while some := list(islice(found, CHUNK)):
                # A drain of either lane that has read what goes would write it back.
                for number, is_of_none in ((NOT_FOR_A_COMPANY, True), (lane, False)):
                    part = [one for one in some if (one.key == of_none) == is_of_none]
                    if part:
                        self._drop(number, part)
                here = Counter(one.key for one in some)
                dropped.update(here)
                begun.events += here[keys.LOG]
                begun.messages += sum(here[one] for one in set(messages[:2]))
                self._client.hset(keys.FORGETTING, company_id, orjson.dumps(asdict(begun)))
            waiting = [keys.SYNCS_WAITING, keys.META]
            dropped[keys.SYNCS_WAITING] += self._scripts.forget_syncs(waiting, [company_id])
        found_some = dropped.total() or begun.events or begun.messages
        for stream in (keys.LOG, *messages, *attempts) if found_some else ():
            rewrite(self._client, self._scripts, stream)
        return dropped.total()

    def _found(
        self,
        company_id: str,
        messages: Sequence[str],
        numbers: list[int],
        places: dict[str, str],
    ) -> Iterator[Trace]:
        """Find what is held of it, in streams after the `places` of the pass before.

        The `numbers` of its events show which deliveries carried them.
        """
        for entry in mentions(self._scripts, keys.LOG, company_id, places):
            number = entry.partition(b"-")[0]
            numbers.append(int(number))
            yield Trace("XDEL", keys.LOG, number)
            yield Trace("ZREM", keys.TIMELINE + company_id, number)
            yield Trace("ZREM", keys.TIMELINE, number)
        for stream in dict.fromkeys(messages):
            for entry in mentions(self._scripts, stream, company_id, places):
                yield Trace("XDEL", stream, entry)
        yield from traces(self._client, company_id)

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

    def _log(self, company_id: str, begun: Forgetting) -> None:
        facts = {"by": begun.by, "events": begun.events, "messages": begun.messages}
        kind = "relay.company_forgotten"
        action = Action(begun.action, kind, company_id, now_micros(), facts)
        self._inbox.ingest(action.id, company_id, action_fields(action))
