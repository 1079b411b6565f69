"""Codat's own scheduled syncs: a data type is read again so many hours after its last read."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.world.model import Connection
from sandbox.world.sync_settings import SyncSettings

HOUR = 3600.0


@dataclass(slots=True)
class Timetable:
    """When each linked connection is next looked at; `scale` divides the hours.

    No fixed time of day can be set: the next sync follows the last one (Codat:
    core-concepts/data-type-settings).
    """

    scale: float = 1.0
    _due: list[tuple[float, str]] = field(default_factory=list)
    _planned: dict[str, float] = field(default_factory=dict)

    def plan(self, connection: Connection, settings: SyncSettings) -> None:
        """Set when a connection is next looked at, or forget it where nothing is scheduled."""
        times = [
            self._next(connection, name, hours)
            for name, hours in self._scheduled(connection, settings)
            if name not in connection.reading
        ]
        if not times:
            self._planned.pop(connection.id, None)
            return
        due = min(times)
        if self._planned.get(connection.id) != due:
            self._planned[connection.id] = due
            heapq.heappush(self._due, (due, connection.id))

    def take(self, now: float) -> Iterator[str]:
        """Return the connections whose time has come; each is to be planned again afterwards."""
        while self._due and self._due[0][0] <= now:
            due, connection_id = heapq.heappop(self._due)
            if self._planned.get(connection_id) == due:
                del self._planned[connection_id]
                yield connection_id

    def wanted(self, connection: Connection, settings: SyncSettings, now: float) -> list[str]:
        """List the data types of a connection that are due."""
        return [
            name
            for name, hours in self._scheduled(connection, settings)
            if name not in connection.reading and self._next(connection, name, hours) <= now
        ]

    def next_due(self) -> float | None:
        """Return when a connection is next looked at."""
        while self._due and self._planned.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _scheduled(
        self, connection: Connection, settings: SyncSettings
    ) -> Iterator[tuple[str, int]]:
        if not settings.has_schedule:
            return
        for name in connection.platform.data_types:
            if hours := settings.hours(name):
                yield name, hours

    def _next(self, connection: Connection, name: str, hours: int) -> float:
        last = connection.read_at.get(name, connection.linked_at)
        return last + hours * HOUR / self.scale
