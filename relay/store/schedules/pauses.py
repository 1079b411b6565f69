"""Pauses, and the schedules they hold back: parked under the pause until it is off."""

from collections.abc import Sequence
from typing import Any

from redis import Redis

from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.schedules.due import Due, member_of
from relay.store.scripts import Scripts
from relay.syncs.catchup import GRACE
from relay.syncs.pause import Pause, PauseState, Scope, evaluate
from relay.syncs.schedule import Schedule
from relay.times import Micros

STARTED, ENDED = "relay.pause_started", "relay.pause_ended"
SET = "relay.pause_set"  # one that waits for its window
META_FIELDS = ("resumed", "pauses_version", "epoch")  # the latter two make a version
SCANNED = 2000  # keys per round trip


class Pauses:
    """The pauses of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._held: tuple[object, list[Pause], PauseState] | None = None  # as last read, by version

    def all(self) -> list[Pause]:
        """Return all pauses that are not over and done with, in the order they began."""
        stored: dict[bytes, bytes] = self._client.hgetall(keys.PAUSES)
        found = [Pause.from_json(raw) for raw in stored.values()]
        return sorted(found, key=lambda pause: (pause.begins, pause.id))

    def standing(self, now: int) -> PauseState:
        """Return the pauses at `now`; they are read again when they changed."""
        return self._standing(now, self._client.hmget(keys.META, META_FIELDS))

    def look(self, now: int) -> tuple[PauseState, set[str]]:
        """Return the pauses, and the ids under which schedules are parked, of pauses gone too."""
        with self._client.pipeline(transaction=False) as pipe:
            # Before the version, so that no pause is here that the reading does not have.
            pipe.smembers(keys.PARKING)
            pipe.hmget(keys.META, META_FIELDS)
            parking, meta = pipe.execute()
        return self._standing(now, meta), {pause_id.decode() for pause_id in parking}

    def _standing(self, now: int, meta: list[bytes | None]) -> PauseState:
        (resumed, *version), held = meta, self._held
        if held and held[0] == version and held[2].since <= now < held[2].until:
            return held[2]
        # One that changes between the two readings is read again for its version.
        pauses = held[1] if held and held[0] == version else self.all()
        standing = evaluate(pauses, now, int(resumed or 0))
        self._held = (version, pauses, standing)
        return standing

    def write(self, pause: Pause, *, over: Pause | None, at: int) -> tuple[bool, bool]:
        """Set a pause that stands as `over` and tell it in the log; `at` in epoch seconds.

        Returns whether it was as read, and whether lane 0 needs a hint.
        """
        action = Action(
            id=f"pause:{pause.id}:{at}",
            type=STARTED if pause.on else ENDED if over else SET,
            company_id="",
            at=Micros(at * 1_000_000),
            payload=pause.event_data(),
        )
        lets_go = over is not None and over.on and not pause.on
        arguments: list[str | bytes] = [
            pause.id,
            over.to_json() if over else b"",
            pause.to_json(),
            "1" if lets_go and pause.scope is Scope.EVERYTHING else "",
        ]
        for name, value in action_fields(action).items():
            arguments += (name, value)
        written, wake = self._scripts.write_pause(
            [keys.PAUSES, keys.LANE + "0", keys.WAITING, keys.META], arguments
        )
        return bool(written), bool(wake)

    def park(self, held_back: Sequence[tuple[Due, Pause]]) -> int:
        """Take due schedules off the list, each under the pause that covers it; give how many.

        Those stay whose pause is off by now, or that somebody else took.
        """
        if not held_back:
            return 0
        numbers: dict[str, int] = {}
        rows: list[bytes | int] = []
        for due, pause in held_back:
            rows += (due.member, due.due, numbers.setdefault(pause.id, len(numbers) + 1))
        parked = [keys.PARKED + pause_id for pause_id in numbers]
        return int(
            self._scripts.park(
                [keys.SCHEDULES_DUE, keys.PAUSES, keys.PARKING, *parked],
                [len(numbers), *numbers, *rows],
            )
        )

    def park_all(self, everything: Pause, now: int, limit: int) -> int | None:
        """Park up to `limit` schedules due by `now`; give how many, None when the pause is off."""
        parked = self._scripts.park_all(
            [keys.SCHEDULES_DUE, keys.PAUSES, keys.PARKING, keys.PARKED + everything.id],
            [everything.id, now, limit],
        )
        return None if parked < 0 else int(parked)

    def unpark(self, pause_id: str, limit: int, *, forget: bool) -> int:
        """Make up to `limit` of a pause's schedules due again; give how many are yet to be."""
        return int(
            self._scripts.unpark(
                [
                    keys.SCHEDULES_DUE,
                    keys.PARKED + pause_id,
                    keys.PAUSES,
                    keys.PARKING,
                    keys.META,
                    keys.HELD_BACK,
                ],
                [limit, pause_id, "1" if forget else "", keys.SCHEDULES, GRACE],
            )
        )

    def find_parked(self) -> int:
        """Note every pause under which something is parked, though nothing said so; give how many.

        What an earlier version parked is then let go like everything else.
        """
        found = [
            key.decode().removeprefix(keys.PARKED)
            for key in self._client.scan_iter(match=keys.PARKED + "*", count=SCANNED)
        ]
        return int(self._client.sadd(keys.PARKING, *found)) if found else 0

    def holding(self, pauses: Sequence[Pause], schedules: Sequence[Schedule]) -> list[Pause | None]:
        """Return the pause under which each schedule is parked, or None."""
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
        """Return up to `limit` parked schedules as company and data type, the longest due first."""
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
        """Return how many schedules each pause holds back."""
        with self._client.pipeline(transaction=False) as pipe:
            for pause in pauses:
                pipe.zcard(keys.PARKED + pause.id)
            return [int(count) for count in pipe.execute()]
