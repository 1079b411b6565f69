"""When a zone's clocks show a time, worked out from nothing but its offset at each moment of UTC.

An independent second opinion on `cadence`: it makes no local time into a moment, so that no
library's view of gaps and repeated hours is asked.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEP = 12 * HOUR  # no zone changes its offset and back within so short a time
EPOCH = date(1970, 1, 1)


class WallClock:
    """The clocks of one zone from one year to another; moments are epoch seconds."""

    def __init__(self, zone: str, first: int, last: int) -> None:
        self._zone = ZoneInfo(zone)
        start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first, last))
        self._starts, self._offsets = [start], [self._offset(start)]
        for moment in range(start + STEP, end, STEP):
            if self._offset(moment) != self._offsets[-1]:
                change = self._change(moment - STEP, moment)
                self._starts.append(change)
                self._offsets.append(self._offset(change))
        self._ends = [*self._starts[1:], end]

    @property
    def changes(self) -> list[int]:
        """The moments at which the offset changes."""
        return self._starts[1:]

    @property
    def rules(self) -> tuple[tuple[int, int], ...]:
        """When the offset changes, and to what."""
        return tuple(zip(self._starts, self._offsets, strict=True))

    def _offset(self, moment: int) -> int:
        shift = datetime.fromtimestamp(moment, UTC).astimezone(self._zone).utcoffset()
        return int((shift or timedelta()).total_seconds())

    def _change(self, before: int, after: int) -> int:
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == self._offset(before):
                before = middle
            else:
                after = middle
        return after

    def offset(self, moment: int) -> int:
        """The seconds by which the clocks are ahead of UTC."""
        return self._offsets[bisect_right(self._starts, moment) - 1]

    def shows(self, day: date) -> bool:
        """Whether the calendar has this day: no zone leaves out or shows a part of an hour of it
        alone, so its midday hours say so."""
        return any(self._moments(day, hour, 0) for hour in (0, 6, 12, 18, 23))

    def first(self, day: date, hour: int, minute: int) -> int:
        """The first moment at which this is shown; left out, as long after the jump as it lies in
        it."""
        found = self._moments(day, hour, minute)
        if found:
            return min(found)
        shown = self._shown(day, hour, minute)
        # The jump that leaves it out: before it, clocks had not come so far; after it, further.
        for end, offset, ahead in zip(self._ends, self._offsets, self._offsets[1:], strict=False):
            if end + offset <= shown < end + ahead:
                return shown - offset
        raise AssertionError(f"{day} {hour}:{minute} is neither shown nor left out")

    def first_in_hour(self, hour: int, minute: int) -> int:
        """The first moment of an hour of UTC at which clocks show this minute, as above."""
        if self.offset(hour) == self.offset(hour + HOUR - 1):
            return hour + (minute * MINUTE - self.offset(hour)) % HOUR
        for moment in range(hour, hour + HOUR, MINUTE):
            if (moment + self.offset(moment)) // MINUTE % 60 == minute:
                return moment
        return hour + (minute * MINUTE - self.offset(hour)) % HOUR

    def _shown(self, day: date, hour: int, minute: int) -> int:
        return (day - EPOCH).days * DAY + hour * HOUR + minute * MINUTE

    def _moments(self, day: date, hour: int, minute: int) -> list[int]:
        shown = self._shown(day, hour, minute)
        # No zone is more than a day from UTC, nor changes its offset twice within two days.
        near = bisect_right(self._starts, shown - DAY) - 1
        found = []
        for n in range(max(0, near), min(len(self._starts), near + 3)):
            moment = shown - self._offsets[n]
            if self._starts[n] <= moment < self._ends[n]:
                found.append(moment)
        return found


@cache
def wall_clock(zone: str, first: int, last: int) -> WallClock:
    """One zone's clocks, worked out once."""
    return WallClock(zone, first, last)
