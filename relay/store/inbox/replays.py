"""Replays as kept: what they are to take, how far they have come, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from redis import Redis

from relay.inbox.message import message_fields
from relay.inbox.replay_filter import MessageFilter, Tally
from relay.store import keys
from relay.store.inbox.dead_letters import Place
from relay.store.inbox.messages import Kept, read_id
from relay.store.scripts import Scripts
from relay.times import Millis

HINT_MS = 2000
MAX_KEPT = 1000  # replays whose outcome is kept


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay. `state` is running, aborted or queued (all its messages are in their lanes)."""

    id: str
    wanted: MessageFilter
    state: str
    by: str
    created: Millis  # ms since the epoch
    total: int
    queued: int
    tally: Tally
    position: str
    counted: bool = True  # else `total` is only how many were counted before it began

    @property
    def after(self) -> Place | None:
        """The place of the last message that was queued."""
        return read_id(self.position) if self.position else None

    @property
    def shown_state(self) -> str:
        """What answers show: running, aborted or done."""
        if self.state == "queued":
            return "done" if self.tally.handled >= self.queued else "running"
        return self.state


class Replays:
    """The replays of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def begin(self, wanted: MessageFilter, *, total: int, by: str, counted: bool = True) -> Replay:
        """Keep a new replay of what is stored by now, for the worker that gets the hint."""
        seconds, micros = self._client.time()  # the clock that numbers the messages
        now = seconds * 1000 + micros // 1000
        replay_id = f"rep_{uuid4().hex[:20]}"
        record = {
            "wanted": wanted.to_json(),
            "state": "running",
            "by": by,
            "created": now,
            "total": total,
            "counted": int(counted),
            "queued": 0,
            "position": "",
        }
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(keys.REPLAY + replay_id, mapping=record)
            pipe.zadd(keys.REPLAYS, {replay_id: now})
            pipe.sadd(keys.REPLAYS_RUNNING, replay_id)
            pipe.execute()
        self._forget_old()
        found = self.get(replay_id)
        assert found is not None
        return found

    def get(self, replay_id: str) -> Replay | None:
        """Return one, or None."""
        record: dict[bytes, bytes] = self._client.hgetall(keys.REPLAY + replay_id)
        if b"wanted" not in record:
            return None
        numbers = {
            name: int(record.get(name.encode(), 0))
            for name in ("handled", "added", "already", "dead")
        }
        return Replay(
            id=replay_id,
            wanted=MessageFilter.from_json(record[b"wanted"]),
            state=record[b"state"].decode(),
            by=record[b"by"].decode(),
            created=Millis(int(record[b"created"])),
            total=int(record[b"total"]),
            queued=int(record[b"queued"]),
            tally=Tally(**numbers),
            position=record[b"position"].decode(),
            counted=record.get(b"counted", b"1") == b"1",
        )

    def newest(self, limit: int) -> list[Replay]:
        """Return the newest ones, the newest first."""
        ids = self._client.zrange(keys.REPLAYS, 0, limit - 1, desc=True)
        return [one for replay_id in ids if (one := self.get(replay_id.decode()))]

    def running(self) -> list[str]:
        """Name those that are not finished."""
        return [replay_id.decode() for replay_id in self._client.smembers(keys.REPLAYS_RUNNING)]

    def step(
        self, replay: Replay, batch: Sequence[Kept], position: str, *, last: bool
    ) -> bool | None:
        """Put messages of one lane into it again and move on; None when it is no longer ours.

        Else returns whether the lane needs a hint. `position`: the name of the message looked at
        last. `last`: no more will follow.
        """
        lane = batch[0].lane if batch else 0
        arguments: list[str | bytes | int] = [
            replay.position,
            position,
            "queued" if last else "running",
            replay.id,
            lane,
            len(batch),
        ]
        for kept in batch:
            fields = message_fields(kept.message, replay=replay.id)
            arguments += (kept.dead, len(fields) * 2)
            for name, value in fields.items():
                arguments += (name, value)
        moved, wake = self._scripts.replay_step(
            [
                keys.REPLAY + replay.id,
                keys.REPLAYS_RUNNING,
                keys.LANE + str(lane),
                keys.WAITING,
                keys.DEAD,
            ],
            arguments,
        )
        return bool(wake) if moved else None

    def turn(self, replay_id: str, state: str) -> bool:
        """Abort one that is running, or let an aborted one run on; False when it is neither."""
        return bool(
            self._scripts.turn_replay(
                [keys.REPLAY + replay_id, keys.REPLAYS_RUNNING], [replay_id, state]
            )
        )

    def may_hint(self) -> bool:
        """Report whether a `replay` hint is wanted: only the first to ask in a while may."""
        return bool(self._scripts.once([keys.REPLAY_HINTED], [HINT_MS, "1"]))

    def _forget_old(self) -> None:
        old = self._client.zrange(keys.REPLAYS, 0, -MAX_KEPT - 1)
        for replay_id in old:
            self._client.delete(keys.REPLAY + replay_id.decode())
            self._client.zrem(keys.REPLAYS, replay_id)
