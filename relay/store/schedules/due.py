"""Schedules and their due times, in one sorted set."""

from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha1
from itertools import chain
from typing import Any

import orjson
from redis import Redis

from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.intents.queue import Priority
from relay.store.scripts import Scripts
from relay.syncs.cadence import Run
from relay.syncs.catchup import GRACE, DueDecision, OnTimeSlot, on_time_slots
from relay.syncs.change import Change, Rescheduling, ScheduleState
from relay.syncs.schedule import Schedule
from relay.times import Millis

# Beside a schedule that was changed, or in its place: the last periods dispatched before, with a
# space between.
PERIOD = b"#period"
PLANS_KNOWN = 10_000  # of which a dispatch sends the calendars of those that are due along
MARK = 8  # letters
NEVER_SO_LATE = 2**40  # epoch seconds

Calendar = tuple[int | str, ...]  # slots, one after another


@dataclass(slots=True)
class Due:
    """A schedule whose time (epoch seconds) has come.

    `plan` is the schedule as many have it, without whose it is; None when there is none of that
    name, or it cannot be read. `why` says what held it back, if a pause did; `fault` why it cannot
    be computed.
    """

    member: bytes
    due: int
    plan: Schedule | None
    why: str = ""
    fault: str = ""

    @property
    def company_id(self) -> str:
        """Whose it is."""
        return self.member.split(b"|")[0].decode()

    @property
    def data_type(self) -> str:
        """What is synced."""
        return self.member.split(b"|")[1].decode()

    @property
    def key(self) -> bytes:
        """What identifies it among all schedules, however it is defined."""
        return b"|".join(self.member.split(b"|")[:2])

    @property
    def schedule(self) -> Schedule | None:
        """The schedule as its company has it."""
        if self.plan is None:
            return None
        return replace(self.plan, company_id=self.company_id, data_type=self.data_type)


@dataclass(slots=True)
class Dispatch:
    """What a due schedule comes to; `decision` None takes it off the list of what is due."""

    due: Due
    decision: DueDecision | None
    lane: int = 0
    missed: bytes = b""  # body of a message naming the periods that passed while nothing ran


class Schedules:
    """The schedules of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._plans: dict[bytes, Schedule] = {}  # by mark; the one known longest goes first
        self._calendars: dict[bytes, Calendar] = {}  # of these, as they are at
        self._calendars_of = 0  # this second

    def of(self, company_id: str) -> dict[str, Schedule]:
        """Return a company's schedules by data type."""
        return _schedules(company_id, self._client.hgetall(keys.SCHEDULES + company_id))

    def of_many(self, company_ids: Sequence[str]) -> dict[str, dict[str, Schedule]]:
        """Return several companies' schedules in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for company_id in company_ids:
                pipe.hgetall(keys.SCHEDULES + company_id)
            return {
                company_id: _schedules(company_id, held)
                for company_id, held in zip(company_ids, pipe.execute(), strict=True)
            }

    def standing(self, company_id: str, data_type: str) -> ScheduleState:
        """Return the state of a schedule: what it is, when it is due, what of it ran last."""
        name = data_type.encode()
        raw, ran = self._client.hmget(keys.SCHEDULES + company_id, name, name + PERIOD)
        periods = tuple(ran.decode().split()) if ran else ()
        if raw is None:
            return ScheduleState(ran=periods)
        held, pause = _read(company_id, data_type, raw), None
        score = self._score(company_id, data_type, raw)
        if score is None and held.running:
            score, pause = self._parked(member(company_id, data_type, raw))
        return ScheduleState(held, raw, score, pause, periods)

    def write(
        self,
        at: ScheduleState,
        change: Change,
        to: Rescheduling,
        lane: int = 0,
        action: Action | None = None,
    ) -> tuple[bool, bool]:
        """Change a schedule that is still as `at` says, and put the action into its company's lane.

        Returns whether it was still so, and whether the lane needs a hint.
        """
        company_id, data_type = change.schedule.company_id, change.schedule.data_type
        arguments: list[str | bytes | int] = [
            company_id,
            data_type,
            at.text,
            stored(change.after) if change.after else b"",
            _written(at.score),
            _written(to.score),
            " ".join(to.ran),
            lane,
        ]
        for name, value in action_fields(action).items() if action else ():
            arguments += (name, value)
        written, wake = self._scripts.put_schedule(
            [
                keys.SCHEDULES + company_id,
                _list_of(at.pause),
                _list_of(to.pause),
                keys.HELD_BACK,
                keys.LANE + str(lane),
                keys.WAITING,
            ],
            arguments,
        )
        return bool(written), bool(wake)

    def _parked(self, name: str) -> tuple[float, str] | tuple[None, None]:
        """Return when one that a pause holds back was due, and the pause."""
        pauses: list[bytes] = list(self._client.smembers(keys.PARKING))
        with self._client.pipeline(transaction=False) as pipe:
            for pause in pauses:
                pipe.zscore(keys.PARKED + pause.decode(), name)
            found = zip(pipe.execute(), pauses, strict=True)
        return next(((at, p.decode()) for at, p in found if at is not None), (None, None))

    def _score(self, company_id: str, data_type: str, raw: bytes | None) -> float | None:
        if raw is None:
            return None
        score: float | None = self._client.zscore(
            keys.SCHEDULES_DUE, member(company_id, data_type, raw)
        )
        return score

    def due(self, now: int, limit: int, past: int = 0) -> list[Due]:
        """Return up to `limit` schedules due by `now` (epoch seconds), the longest due first.

        The first `past` of them are passed over.
        """
        flat: list[bytes] = self._scripts.read_due(
            [keys.SCHEDULES_DUE, keys.HELD_BACK], [keys.SCHEDULES, now, past, limit]
        )
        rows = zip(*[iter(flat)] * 4, strict=True)
        return [_due(name, int(float(due)), raw, why.decode()) for name, due, raw, why in rows]

    def bring_forward(self, one: Due, to: Run) -> None:
        """Have a schedule run at `to` that was put further ahead while a clock was wrong.

        Nothing is done if it has been moved or changed since. Later periods that were dispatched
        meanwhile are forgotten, as they are to run when their time comes.
        """
        self._client.zadd(keys.SCHEDULES_DUE, {one.member: to.due}, xx=True, lt=True)
        name, field = keys.SCHEDULES + one.company_id, one.data_type.encode() + PERIOD
        ran: bytes | None = self._client.hget(name, field)
        periods = ran.decode().split() if ran else []
        kept = [p for p in periods if len(p) != len(to.period) or p < to.period]
        if kept != periods:
            self._client.hset(name, field, " ".join(kept))

    def due_after(self, now: int, limit: int, past: int = 0) -> list[Due]:
        """Return up to `limit` schedules due later than `now` (epoch seconds), after `past`."""
        before = int(self._client.zcount(keys.SCHEDULES_DUE, "-inf", now))
        return self.due(NEVER_SO_LATE, limit, before + past)

    def next_due(self, schedules: Sequence[Schedule]) -> list[int | None]:
        """Return when each schedule runs next; None for those that do not."""
        if not schedules:
            return []
        members = [member_of(schedule) for schedule in schedules]
        scores: list[float | None] = self._client.zmscore(keys.SCHEDULES_DUE, members)
        return [None if score is None else int(score) for score in scores]

    def take_due(self, now: int, limit: int, held: Collection[str] = ()) -> tuple[int, int]:
        """Dispatch of up to `limit` schedules due by `now` (epoch seconds) those that are on time.

        Returns how many syncs were left, and how many stay due: late ones, those whose plan this
        process has not dispatched yet, and those of the companies or data types in `held`. `due`
        shows them.
        """
        found: list[bytes] = self._client.zrange(
            keys.SCHEDULES_DUE, "-inf", f"({now + 1}", byscore=True, offset=0, num=limit
        )
        free = [m for m in found if not _names(m, held)] if held else found
        together = self._by_calendar(free, now)
        if not together:
            return 0, len(found)
        calendars: list[str | int] = []
        for calendar, members in together.items():
            calendars += (len(members), len(calendar) // len(OnTimeSlot._fields), *calendar)
        left = self._scripts.take_due(
            [keys.SCHEDULES_DUE, keys.SYNCS_WAITING, keys.META],
            [now, now - GRACE, now * 1000, len(calendars), *calendars, *chain(*together.values())],
        )
        return int(left), len(found) - int(left)

    def _by_calendar(self, members: Sequence[bytes], now: int) -> dict[Calendar, list[bytes]]:
        """Put those whose plan is known together by the periods in which they are on time."""
        if now != self._calendars_of:
            self._calendars_of, self._calendars = now, {}
        marked: dict[bytes, list[bytes]] = defaultdict(list)
        for name in members:
            marked[name[-MARK:]].append(name)
        together: dict[Calendar, list[bytes]] = defaultdict(list)
        for mark, names in marked.items():
            calendar = self._calendars.get(mark)
            if calendar is None and (plan := self._plans.get(mark)):
                calendar = self._calendars[mark] = tuple(chain(*on_time_slots(plan, now)))
            if calendar:
                together[calendar] += names
        return together

    def _learn(self, found: Sequence[Due]) -> None:
        """Note the plans of those dispatched, so that the next that follow them go at once."""
        for one in found:
            mark = one.member[-MARK:]
            if one.plan is not None and one.plan.running and not one.fault:
                self._plans.pop(mark, None)
                self._plans[mark] = one.plan
        while len(self._plans) > PLANS_KNOWN:
            del self._plans[next(iter(self._plans))]

    def dispatch(self, batch: Sequence[Dispatch], now_ms: Millis) -> tuple[int, list[int]]:
        """Move each schedule on and store its intent, unless another did so before us.

        Returns how many needs were left, and the lanes that need a hint.
        """
        self._learn([one.due for one in batch])
        arguments: list[str | bytes | int] = [
            keys.SCHEDULES,
            keys.LANE,
            now_ms,
            orjson.dumps([_row(one) for one in batch]),
        ]
        due_intents = f"{keys.INTENTS_DUE}{int(Priority.SCHEDULED)}"
        answer = self._scripts.dispatch(
            [keys.SCHEDULES_DUE, keys.WAITING, due_intents, keys.HELD_BACK], arguments
        )
        return int(answer[0]), [int(lane) for lane in answer[1:]]

    def count(self) -> int:
        """Return how many schedules run."""
        return int(self._client.zcard(keys.SCHEDULES_DUE))


def stored(schedule: Schedule) -> bytes:
    """Return a schedule as its company's hash holds it: the mark of its plan, then what it is."""
    raw = schedule.to_json()
    return urlsafe_b64encode(sha1(raw, usedforsecurity=False).digest())[:MARK] + raw


def member(company_id: str, data_type: str, raw: bytes) -> str:
    """Return what a schedule stored as `raw` is called in the list of what is due."""
    return f"{company_id}|{data_type}|{raw[:MARK].decode()}"


def member_of(schedule: Schedule) -> str:
    """Return what a schedule is called in the list of what is due."""
    return member(schedule.company_id, schedule.data_type, stored(schedule))


def _schedules(company_id: str, held: dict[bytes, bytes]) -> dict[str, Schedule]:
    return {
        name.decode(): _read(company_id, name.decode(), raw)
        for name, raw in held.items()
        if not name.endswith(PERIOD)
    }


def _list_of(pause: str | None) -> str:
    """Return where a schedule is kept that waits under a pause, or under none."""
    return keys.SCHEDULES_DUE if pause is None else keys.PARKED + pause


def _written(score: float | None) -> str:
    """Return a score as the server writes it."""
    return "" if score is None else f"{score:.12g}"


def _names(name: bytes, held: Collection[str]) -> bool:
    company_id, data_type, _ = name.decode().split("|")
    return company_id in held or data_type in held


def _due(name: bytes, due: int, raw: bytes, why: str) -> Due:
    try:
        return Due(name, due, _alike(raw) if raw else None, why)
    except (LookupError, TypeError, ValueError) as error:
        return Due(name, due, None, why, f"{type(error).__name__}: {error}")


def _row(one: Dispatch) -> list[object]:
    name = one.due.member.decode()
    company_id, data_type = one.due.company_id, one.due.data_type
    decision, left = one.decision, list[object]()
    if decision is None:
        return [name, company_id, data_type, one.due.due, False, left, 0, ""]
    for run in decision.runs:
        left += (run.period, run.due * 1000)
    missed = one.missed.decode()
    return [name, company_id, data_type, one.due.due, decision.next_due, left, one.lane, missed]


def _read(company_id: str, data_type: str, raw: bytes) -> Schedule:
    """Read a schedule; most are written alike, so the reading of each text is done once."""
    return replace(_alike(raw), company_id=company_id, data_type=data_type)


@lru_cache(maxsize=16_384)
def _alike(raw: bytes) -> Schedule:
    return Schedule.from_json("", "", raw[MARK:])
