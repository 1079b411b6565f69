"""Wait for what a test needs, not for a time."""

import http.client
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

TIMEOUT = 60.0  # seconds; only a failing test waits so long
NOT_THERE_YET = (RedisError, OSError, http.client.HTTPException, LookupError)


def wait_until(
    met: Callable[[], Any], what: str, timeout: float = TIMEOUT, every: float = 0.02
) -> Any:
    """Return what `met` returns as soon as it is true; what cannot be asked yet is asked again.

    Raises AssertionError, which names `what`, after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        fault: Exception | None = None
        try:
            if found := met():
                return found
        except NOT_THERE_YET as error:
            fault = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about") from fault
        time.sleep(every)
