"""The processes that make up the service: what the Procfile lists, and in which order they stop."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its name, its arguments to `codat-relay`, and when it is stopped (0 first)."""

    name: str
    arguments: tuple[str, ...]
    stop_turn: int

    @property
    def command(self) -> list[str]:
        """What to start: the same Python and code that run now, none of it from where we stand."""
        return [sys.executable, "-P", "-m", "cli", *self.arguments]


CODAT_WORKER = Process("codat", ("worker", "codat"), 2)
# What takes work in stops first, what does the work last.
PROCESSES = (
    Process("web", ("web",), 0),
    Process("drain", ("worker", "drain"), 2),
    CODAT_WORKER,
    Process("deliver", ("worker", "deliver"), 2),
    Process("scheduler", ("scheduler",), 1),
)
SANDBOX = Process("sandbox", ("sandbox", "serve"), 0)
