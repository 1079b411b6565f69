"""Runs several processes as one: all alive or none, and nothing left behind."""

import selectors
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FrameType
from typing import Protocol

from cli.faults import UNREACHABLE
from cli.interrupts import STOP_SIGNALS
from cli.runner.child import Child
from cli.runner.orphans import reap_orphans
from cli.runner.processes import Process

STOP_WITHIN = 10.0  # seconds for each turn
POLL_SECONDS = 0.1  # seconds
LAST_READS = 100  # of what a pipe may still hold; it is at its end long before


class Output(Protocol):
    """Where lines go."""

    def line(self, name: str, text: str) -> None:
        """Show a line of a process."""

    def say(self, text: str) -> None:
        """Show a line of our own."""


class Runner:
    """Starts processes, restarts what dies, and stops all in order.

    `attend` is called every round, some ten times a second, for what else needs looking after; what
    it raises stops everything and comes out of `run`. `also_ours` gives the ids of processes that
    others started and look after; any other that ends and was given to us is let go. `may_start`
    is asked until it lets a process start for the first time.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        environment: Mapping[str, str],
        output: Output,
        attend: Callable[[], None] = lambda: None,
        *,
        also_ours: Callable[[], Collection[int]] = tuple,
        may_start: Callable[[Process], bool] = lambda _: True,
    ) -> None:
        self._children = [Child(process, environment) for process in processes]
        self._output = output
        self._attend = attend
        self._also_ours = also_ours
        self._may_start = may_start
        self._stopping = False
        self._failed = False

    def run(self) -> bool:
        """Run until a signal (True) or until a process died too often (False)."""
        previous = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        try:
            while not self._stopping:
                for child in self._children:
                    self._look_after(child)
                self._pass_on_output()
                self._attend()
                reap_orphans(self._ours())
            return not self._failed
        finally:
            self._stop_all()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _ours(self) -> set[int]:
        pids = (child.pid for child in self._children)
        return {*self._also_ours(), *(pid for pid in pids if pid is not None)}

    def stop(self) -> None:
        """Ask `run` to stop everything and return."""
        self._stopping = True

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.pid is None:
            if self._may_start(child.process):
                child.start()
            return
        if child.start_at is not None:
            if now >= child.start_at:
                child.start()
            return
        if child.alive():
            return
        child.kill_all()  # what it had started would stand in its successor's way
        self._drain(child)
        self._plan_restart(child, now)

    def _plan_restart(self, child: Child, now: float) -> None:
        how = _in_words(child.exit_code())
        # Redis away is no fault of the process: it is tried again for as long as that lasts.
        waits = child.exit_code() == UNREACHABLE
        pause = child.restarts.pause_after_death(child.started, now, excused=waits)
        if pause is None:
            lines = "\n".join(f"  {line}" for line in child.last_lines)
            self._output.say(
                f"{child.name} {how}, once too often within a minute: stopping everything."
                f" Its last lines:\n{lines or '  (none)'}"
            )
            self._failed = self._stopping = True
            return
        child.start_at = now + pause
        self._output.say(f"{child.name} {how}; it is started again in {pause:.0f} s")

    def _pass_on_output(self) -> None:
        """Wait a moment for output, and pass on what there is."""
        with selectors.DefaultSelector() as selector:
            for child in self._children:
                if child.output is not None:
                    selector.register(child.output, selectors.EVENT_READ, child)
            if not selector.get_map():
                time.sleep(POLL_SECONDS)
            for key, _ in selector.select(POLL_SECONDS) if selector.get_map() else []:
                self._show(key.data)

    def _show(self, child: Child) -> None:
        for line in child.read_lines():
            self._output.line(child.name, line)

    def _drain(self, child: Child) -> None:
        """Pass on what a process that has ended still left in its pipe."""
        for _ in range(LAST_READS):
            if child.output is None:
                break
            self._show(child)
        child.close()

    def _stop_all(self) -> None:
        for turn in sorted({child.process.stop_turn for child in self._children}):
            leaving = [child for child in self._children if child.process.stop_turn == turn]
            for child in leaving:
                child.ask_to_stop()
            deadline = time.monotonic() + STOP_WITHIN
            while any(child.alive() for child in leaving) and time.monotonic() < deadline:
                self._pass_on_output()
            for child in leaving:
                if child.alive():
                    self._output.say(
                        f"{child.name} did not stop within {STOP_WITHIN:.0f} s: killed"
                    )
                child.kill_all()
                self._drain(child)


def _in_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
