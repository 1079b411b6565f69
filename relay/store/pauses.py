"""Pauses, and the schedules they hold back: parked under the pause until it is off."""

from collections.abc import Sequence
from typing import Any

from redis import Redis

from relay.cadence import Schedule
from relay.catchup import GRACE
from relay.message import Action, action_fields
from relay.pause import Pause
from relay.store import keys
from relay.store.schedules import Due, member_of
from relay.store.scripts import Scripts

STARTED, ENDED = "relay.pause_started", "relay.pause_ended"
SET = "relay.pause_set"  # one that waits for its window


class Pauses:
    """The pauses of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def all(self) -> list[Pause]:
        """Give all pauses that are not over and done with, in the order they began."""
        stored: dict[bytes, bytes] = self._client.hgetall(keys.PAUSES)
        found = [Pause.from_json(raw) for raw in stored.values()]
        return sorted(found, key=lambda pause: (pause.begins, pause.id))

    def on(self, now: int) -> list[Pause]:
        """Give the pauses that hold something back at `now` (epoch seconds)."""
        return [pause for pause in self.all() if pause.is_on(now)]

    def write(self, pause: Pause, *, over: Pause | None, at: int) -> tuple[bool, bool]:
        """Set a pause that stands as `over` and tell it in the log; `at` in epoch seconds.

        Gives whether it was as read, and whether lane 0 needs a hint.
        """
        action = Action(
            id=f"pause:{pause.id}:{at}",
            type=STARTED if pause.on else ENDED if over else SET,
            company_id="",
            at=at * 1_000_000,
            payload=pause.facts(),
        )
        arguments: list[str | bytes] = [pause.id, over.to_json() if over else b"", pause.to_json()]
        for name, value in action_fields(action).items():
            arguments += (name, value)
        written, wake = self._scripts.write_pause(
            [keys.PAUSES, keys.LANE + "0", keys.WAITING], arguments
        )
        return bool(written), bool(wake)

    def park(self, held_back: Sequence[tuple[Due, Pause]]) -> int:
        """Take due schedules off the list, each under the pause that covers it; give how many."""
        if not held_back:
            return 0
        numbers: dict[str, int] = {}
        arguments: list[bytes | int] = []
        for due, pause in held_back:
            number = numbers.setdefault(pause.id, len(numbers) + 2)
            arguments += (due.member, due.due, number)
        names = [keys.SCHEDULES_DUE, *(keys.PARKED + pause_id for pause_id in numbers)]
        return int(self._scripts.park(names, arguments))

    def unpark(self, pause: Pause, limit: int, *, now: int, forget: bool) -> int:
        """Make up to `limit` of a pause's schedules due again; give how many are still parked.

        Of those that are late by `now` (epoch seconds) it is kept that the pause made them so.
        """
        return int(
            self._scripts.unpark(
                [keys.SCHEDULES_DUE, keys.PARKED + pause.id, keys.PAUSES, keys.HELD_BACK],
                [limit, pause.id if forget else "", keys.SCHEDULES, now - GRACE, pause.in_words()],
            )
        )

    def holding(self, pauses: Sequence[Pause], schedules: Sequence[Schedule]) -> list[Pause | None]:
        """Give the pause under which each schedule is parked, or None."""
        if not pauses or not schedules:
            return [None] * len(schedules)
        members = [member_of(schedule) for schedule in schedules]
        with self._client.pipeline(transaction=False) as pipe:
            for pause in pauses:
                pipe.zmscore(keys.PARKED + pause.id, members)
            found = zip(*pipe.execute(), strict=True)
        return [
            next((p for p, score in zip(pauses, scores, strict=True) if score is not None), None)
            for scores in found
        ]

    def held_back(self, limit: int) -> list[tuple[str, str]]:
        """Give up to `limit` parked schedules as company and data type, the longest due first."""
        found: dict[bytes, float] = {}
        with self._client.pipeline(transaction=False) as pipe:
            for pause in self.all():
                pipe.zrange(keys.PARKED + pause.id, 0, limit - 1, withscores=True)
            for rows in pipe.execute():
                found |= dict(rows)
        names = sorted(found, key=lambda name: (found[name], name))[:limit]
        split = (name.decode().split("|") for name in names)
        return [(company_id, data_type) for company_id, data_type, *_ in split]

    def parked(self, pauses: Sequence[Pause]) -> list[int]:
        """Tell how many schedules each pause holds back."""
        with self._client.pipeline(transaction=False) as pipe:
            for pause in pauses:
                pipe.zcard(keys.PARKED + pause.id)
            return [int(count) for count in pipe.execute()]
