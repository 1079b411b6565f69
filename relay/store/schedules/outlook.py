"""Look ahead over all schedules: an even sample of when they are due, however many there are."""

from typing import Any

from redis import Redis

from relay.store import keys
from relay.store.schedules.due import MARK, Due
from relay.syncs.schedule import Schedule

PAGE_SIZE = 500
TOGETHER = 2  # schedules next to each other that are taken of many


class Outlook:
    """What is due when, over all schedules of one store."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def sample(self, most: int) -> list[Due]:
        """Return all schedules, the soonest due first, or about `most` of them evenly among all."""
        total = int(self._client.zcard(keys.SCHEDULES_DUE))
        size = PAGE_SIZE if total <= most else TOGETHER
        pieces = -(-min(total, most) // size)
        with self._client.pipeline(transaction=False) as pipe:
            for number in range(pieces):
                first = number * total // pieces if total > most else number * size
                pipe.zrange(keys.SCHEDULES_DUE, first, first + size - 1, withscores=True)
            found = {name: due for rows in pipe.execute() for name, due in rows}
        plans = self._plans(list(found))
        return [Due(name, int(due), plans.get(_mark(name))) for name, due in found.items()]

    def _plans(self, members: list[bytes]) -> dict[bytes, Schedule]:
        """Read each plan once: schedules of one mark have it in common."""
        one_of_each = {_mark(name): Due(name, 0, None) for name in members}
        with self._client.pipeline(transaction=False) as pipe:
            for one in one_of_each.values():
                pipe.hget(keys.SCHEDULES + one.company_id, one.data_type)
            stored: list[bytes | None] = pipe.execute()
        pairs = zip(one_of_each, stored, strict=True)
        return {
            mark: Schedule.from_json("", "", raw[MARK:])
            for mark, raw in pairs
            if raw and raw[:MARK] == mark
        }


def _mark(name: bytes) -> bytes:
    return name.rpartition(b"|")[2]
