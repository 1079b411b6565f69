"""Schedules and their due times: one sorted set says what is due, whoever looks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson
from redis import Redis

from relay.cadence import Cadence, Schedule
from relay.catchup import Turn
from relay.store import keys
from relay.store.intents import Priority
from relay.store.scripts import Scripts

SEPARATOR = "|"
CAUSE = "schedule"  # of the intents that a dispatch leaves
PERIOD = b"#period"  # beside each schedule: the last period that was dispatched


@dataclass(slots=True)
class Due:
    """A schedule whose time (epoch seconds) has come.

    `plan` is the schedule as many have it, without whose it is; None when there is none of that
    name. `last` is the period that was dispatched last, or ''.
    """

    member: bytes
    due: int
    plan: Schedule | None
    last: str = ""

    @property
    def company_id(self) -> str:
        """Whose it is."""
        return self.member.partition(b"|")[0].decode()

    @property
    def data_type(self) -> str:
        """What is synced."""
        return self.member.partition(b"|")[2].decode()

    @property
    def schedule(self) -> Schedule | None:
        """The schedule as its company has it."""
        if self.plan is None:
            return None
        return replace(self.plan, company_id=self.company_id, data_type=self.data_type)


@dataclass(slots=True)
class Dispatch:
    """What a due schedule comes to; `turn` None takes it off the list of what is due."""

    due: Due
    turn: Turn | None
    lane: int = 0
    missed: bytes = b""  # body of a message naming the periods that passed while nothing ran


class Schedules:
    """The schedules of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def of(self, company_id: str) -> dict[str, Schedule]:
        """Give a company's schedules by data type."""
        return _schedules(company_id, self._client.hgetall(keys.SCHEDULES + company_id))

    def of_many(self, company_ids: Sequence[str]) -> dict[str, dict[str, Schedule]]:
        """Give several companies' schedules in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for company_id in company_ids:
                pipe.hgetall(keys.SCHEDULES + company_id)
            return {
                company_id: _schedules(company_id, stored)
                for company_id, stored in zip(company_ids, pipe.execute(), strict=True)
            }

    def put(self, schedule: Schedule, next_due: int | None, *, over: Schedule | None) -> bool:
        """Set a schedule that stands as `over` (None: there is none); False if it has changed.

        `next_due` is in epoch seconds; None keeps it from running.
        """
        return self._write(schedule, over, schedule.to_json(), next_due)

    def remove(self, schedule: Schedule) -> bool:
        """Remove a schedule; False if it changed meanwhile."""
        return self._write(schedule, schedule, b"", None)

    def _write(
        self, schedule: Schedule, over: Schedule | None, to: bytes, next_due: int | None
    ) -> bool:
        company_key = keys.SCHEDULES + schedule.company_id
        raw: bytes | None = self._client.hget(company_key, schedule.data_type)
        held = Schedule.from_json(schedule.company_id, schedule.data_type, raw) if raw else None
        if held != over:
            return False
        new_calendar = over is not None and _calendar(over) != _calendar(schedule)
        return bool(
            self._scripts.put_schedule(
                [company_key, keys.SCHEDULES_DUE],
                [
                    schedule.data_type,
                    raw or b"",
                    to,
                    member(schedule.company_id, schedule.data_type),
                    "" if next_due is None else next_due,
                    "1" if new_calendar else "",
                ],
            )
        )

    def due(self, now: int, limit: int, past: int = 0) -> list[Due]:
        """Give up to `limit` schedules due by `now` (epoch seconds), the longest due first.

        The first `past` of them are passed over.
        """
        flat: list[bytes] = self._scripts.read_due(
            [keys.SCHEDULES_DUE], [keys.SCHEDULES, now, past, limit]
        )
        rows = zip(*[iter(flat)] * 4, strict=True)
        return [
            Due(name, int(due), _alike(raw) if raw else None, last.decode())
            for name, due, raw, last in rows
        ]

    def next_due(self, schedules: Sequence[Schedule]) -> list[int | None]:
        """Tell when each schedule runs next (epoch seconds); None for those that do not."""
        if not schedules:
            return []
        members = [member(s.company_id, s.data_type) for s in schedules]
        scores: list[float | None] = self._client.zmscore(keys.SCHEDULES_DUE, members)
        return [None if score is None else int(score) for score in scores]

    def dispatch(self, batch: Sequence[Dispatch], now_ms: int) -> tuple[int, list[int]]:
        """Move each schedule on and leave its need, if nobody did so before us.

        Gives how many needs were left, and the lanes that need a hint.
        """
        arguments: list[str | bytes | int] = [
            keys.INTENT,
            keys.SCHEDULES,
            keys.LANE,
            now_ms,
            int(Priority.SCHEDULED),
            CAUSE,
            orjson.dumps([_row(one) for one in batch]),
        ]
        due_intents = f"{keys.INTENTS_DUE}{int(Priority.SCHEDULED)}"
        answer = self._scripts.dispatch([keys.SCHEDULES_DUE, keys.WAITING, due_intents], arguments)
        return int(answer[0]), [int(lane) for lane in answer[1:]]

    def count(self) -> int:
        """Tell how many schedules run."""
        return int(self._client.zcard(keys.SCHEDULES_DUE))


def member(company_id: str, data_type: str) -> str:
    """Give what a schedule is called in the list of what is due."""
    return f"{company_id}{SEPARATOR}{data_type}"


def _schedules(company_id: str, stored: dict[bytes, bytes]) -> dict[str, Schedule]:
    return {
        name.decode(): _read(company_id, name.decode(), raw)
        for name, raw in stored.items()
        if not name.endswith(PERIOD)
    }


def _calendar(schedule: Schedule) -> tuple[Cadence, int]:
    """Give what the names of periods depend on."""
    return schedule.cadence, schedule.every


def _row(one: Dispatch) -> list[object]:
    company_id, _, data_type = one.due.member.decode().partition(SEPARATOR)
    turn, runs = one.turn, list[object]()
    if turn is None:
        return [company_id, data_type, one.due.due, False, runs, 0, ""]
    for run in turn.runs:
        runs += (run.period, run.due * 1000)
    missed = one.missed.decode()
    return [company_id, data_type, one.due.due, turn.next_due, runs, one.lane, missed]


def _read(company_id: str, data_type: str, raw: bytes) -> Schedule:
    """Read a schedule; most are written alike, so the reading of each text is done once."""
    return replace(_alike(raw), company_id=company_id, data_type=data_type)


@lru_cache(maxsize=4096)
def _alike(raw: bytes) -> Schedule:
    return Schedule.from_json("", "", raw)
