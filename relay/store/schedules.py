"""Schedules and their due times: one sorted set says what is due, whoever looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.cadence import Schedule
from relay.store import keys
from relay.store.intents import Need
from relay.store.scripts import Scripts

SEPARATOR = "|"
PERIOD = b"#period"  # beside each schedule: the last period that was dispatched


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time (epoch seconds) has come."""

    schedule: Schedule
    due: int


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A due schedule, its next time (epoch seconds), and the need that this period leaves."""

    schedule: Schedule
    due: int
    next_due: int
    period: str
    need: Need
    lane: int
    missed: bytes = b""  # body of a message naming the periods that passed while we were away


class Schedules:
    """The schedules of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def of(self, company_id: str) -> dict[str, Schedule]:
        """Give a company's schedules by data type."""
        stored: dict[bytes, bytes] = self._client.hgetall(keys.SCHEDULES + company_id)
        return {
            name.decode(): Schedule.from_json(raw)
            for name, raw in stored.items()
            if not name.endswith(PERIOD)
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
        if (Schedule.from_json(raw) if raw else None) != over:
            return False
        new_calendar = over is not None and over.cadence != schedule.cadence
        return bool(
            self._scripts.put_schedule(
                [company_key, keys.SCHEDULES_DUE],
                [
                    schedule.data_type,
                    raw or b"",
                    to,
                    _member(schedule.company_id, schedule.data_type),
                    "" if next_due is None else next_due,
                    "1" if new_calendar else "",
                ],
            )
        )

    def due(self, now: int, limit: int) -> list[Due]:
        """Give up to `limit` schedules due by `now` (epoch seconds), the longest due first."""
        members: list[tuple[bytes, float]] = self._client.zrange(
            keys.SCHEDULES_DUE, "-inf", now, byscore=True, offset=0, num=limit, withscores=True
        )
        if not members:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for member, _ in members:
                company_id, data_type = _split(member)
                pipe.hget(keys.SCHEDULES + company_id, data_type)
            stored = pipe.execute()
        return [
            Due(Schedule.from_json(raw), int(score))
            for (_, score), raw in zip(members, stored, strict=True)
            if raw
        ]

    def next_due(self, schedules: Sequence[Schedule]) -> list[int | None]:
        """Tell when each schedule runs next (epoch seconds); None for those that do not."""
        if not schedules:
            return []
        members = [_member(s.company_id, s.data_type) for s in schedules]
        scores: list[float | None] = self._client.zmscore(keys.SCHEDULES_DUE, members)
        return [None if score is None else int(score) for score in scores]

    def dispatch(self, batch: Sequence[Dispatch], now_ms: int) -> tuple[int, list[int]]:
        """Move each schedule on and leave its need, if nobody did so before us.

        Gives how many needs were left, and the lanes that need a hint.
        """
        arguments: list[str | bytes | int] = [
            keys.INTENT,
            keys.INTENTS_DUE,
            keys.SCHEDULES,
            keys.LANE,
            now_ms,
        ]
        for d in batch:
            name, company_id, priority, _, args, cause = d.need.arguments()
            arguments += (
                _member(company_id, d.schedule.data_type),
                company_id,
                d.schedule.data_type,
                d.due,
                d.next_due,
                d.period,
                name,
                priority,
                args,
                cause,
                d.lane,
                d.missed,
            )
        answer = self._scripts.dispatch([keys.SCHEDULES_DUE, keys.WAITING], arguments)
        return int(answer[0]), [int(lane) for lane in answer[1:]]

    def count(self) -> int:
        """Tell how many schedules run."""
        return int(self._client.zcard(keys.SCHEDULES_DUE))


def _member(company_id: object, data_type: str) -> str:
    return f"{company_id}{SEPARATOR}{data_type}"


def _split(member: bytes) -> tuple[str, str]:
    company_id, _, data_type = member.decode().partition(SEPARATOR)
    return company_id, data_type
