"""Stop signals while things are being started: what was begun is ended, no more begins."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from cli.faults import INTERRUPTED

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def loading() -> Iterator[None]:
    """Exit at once and without a trace on Ctrl-C, while nothing but code is loaded.

    Raised there, KeyboardInterrupt may come up where Python swallows it, and shows a trace.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def ending() -> Iterator[None]:
    """From its end on, exit at once and without a trace on Ctrl-C.

    Nothing is left to be done then but to wait for threads and to take down what was loaded.
    """
    try:
        yield
    except KeyboardInterrupt:  # once more, while the first was answered
        os._exit(INTERRUPTED)
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, _exit_silently)


def _exit_silently(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _exit(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


class StoppedEarly(BaseException):
    """A stop signal came before everything was started."""


class StopSignals:
    """Takes the signals to stop while it is entered; only in the main thread.

    The first one raises StoppedEarly, or does what `then` was given. Later ones do nothing, so that
    what is being ended is ended whole.
    """

    def __init__(self) -> None:
        self._act: Callable[[], None] = self._interrupt
        self._stopped = False
        self._previous: dict[signal.Signals, object] = {}

    def then(self, act: Callable[[], None]) -> None:
        """Do this from now on instead; at once if a signal came already."""
        self._act = act
        if self._stopped:
            act()

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Restore the handlers that were there."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if not self._stopped:
            self._stopped = True
            self._act()

    def _interrupt(self) -> None:
        raise StoppedEarly
