"""A scheduler in compressed time; arguments: Redis URL, when it begins, from, times, until.

Ticks as production does, but a second on the clock passes `times` as fast.
"""

import sys
import time

from relay.settings import Settings
from relay.store import Store
from scheduler import dispatch
from support.parts import SentHints


def main(url: str, began: float, start: float, times: float, until: float) -> None:
    store = Store.open(Settings.from_env({"REDIS_URL": url}, env_file=None))
    while True:
        now = min(until, start + (time.time() - began) * times)
        dispatch.dispatch(store, SentHints(), int(now))
        time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
