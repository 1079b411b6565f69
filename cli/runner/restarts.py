"""When a process that died is started again, and when it is not."""

from dataclasses import dataclass, field

FIRST_PAUSE = 1.0  # seconds
MAX_PAUSE = 30.0
HEALTHY_AFTER = 60.0  # seconds of life after which a death counts as the first
TOO_MANY = 5
WITHIN = 60.0  # seconds


@dataclass
class Restarts:
    """The deaths of one process. Times are in seconds on any steady clock."""

    _pause: float = FIRST_PAUSE
    _deaths: list[float] = field(default_factory=list)

    def pause_after_death(
        self, started: float, now: float, *, excused: bool = False
    ) -> float | None:
        """Return the seconds to wait before starting again; None when it died too often.

        An `excused` death makes the pauses longer, but never leads to giving up.
        """
        if not excused:
            self._deaths = [death for death in self._deaths if now - death < WITHIN] + [now]
            if len(self._deaths) >= TOO_MANY:
                return None
        if now - started >= HEALTHY_AFTER:
            self._pause = FIRST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, MAX_PAUSE)
        return pause
