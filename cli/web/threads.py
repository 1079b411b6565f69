"""Threads that work for one event loop."""

import asyncio
import threading
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Threads:
    """Threads that work for one event loop, made as they are needed.

    Leaner than the standard library's pool, as every webhook passes here: calls that end together
    wake the loop once. They are daemons, so one that hangs does not keep the process from ending.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._made = 0
        self._under_way = 0
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._ended: list[tuple[Future[Any], Any, BaseException | None]] = []
        self._lock = threading.Lock()

    def run(self, call: "Callable[[], T]") -> "Future[T]":
        """Have the next free thread call it; the event loop alone may say so."""
        future: Future[T] = asyncio.get_running_loop().create_future()
        self._under_way += 1
        if self._under_way > self._made and self._made < self._limit:
            self._make()
        self._calls.put((future, call))
        return future

    def _make(self) -> None:
        """Make one more thread; raises RuntimeError if there is none that could do its work."""
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no more: those there are do it
            if not self._made:
                self._under_way -= 1
                raise
            log.warning("web.no_more_threads", threads=self._made)
        else:
            self._made += 1

    def _work(self) -> None:
        while True:
            future, call = self._calls.get()
            result, fault = None, None
            try:
                result = call()
            except BaseException as error:
                fault = error
            with self._lock:
                self._ended.append((future, result, fault))
                is_first = len(self._ended) == 1
            loop = future.get_loop()
            # A fault holds the request that it came of, whose connection may have to end.
            del future, call, result, fault
            if is_first:
                with suppress(RuntimeError):  # the loop has been closed
                    loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        self._under_way -= len(ended)
        for future, result, fault in ended:
            if future.done():  # nobody waits for it any more
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)
