"""The service with days of `BENCH_DAY_SECONDS`: what is kept for days goes while one watches.

`python -m bench.short_days <arguments of codat-relay>`. Nothing else differs: how long a lease, a
retry or a minute's calls last stays as it is.
"""

import os

import relay.store.inbox.lanes
import relay.store.log.trimming
import relay.store.server.mending
import scheduler.clock
import scheduler.maintenance
from cli.__main__ import main

TRIM_EVERY = 5.0  # seconds; of a real day it is an hour


def shorten(day: float) -> None:
    """Have a day last so many seconds where it says how long something is kept."""
    for module in (
        relay.store.inbox.lanes,
        relay.store.server.mending,
        relay.store.log.trimming,
        scheduler.maintenance,
    ):
        vars(module)["DAY_MS"] = int(day * 1000)
    scheduler.clock.TRIM_EVERY = TRIM_EVERY


if __name__ == "__main__":
    shorten(float(os.environ["BENCH_DAY_SECONDS"]))
    main()
