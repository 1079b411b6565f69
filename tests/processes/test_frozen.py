"""Real schedulers, one frozen past its heartbeat and woken, others killed: each period once.

`RELAY_FREEZE_SECONDS` makes the freeze as long as one wants; 300 is five minutes on the clock
(`make freeze`). The judge is the sandbox's journal. A scheduler whose ticks stand still for a
minute ends itself when it is woken, or ticks on: whichever of its threads comes first.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
import structlog

from relay.syncs.schedule import Anchor, Cadence, Schedule
from scheduler.clock import STALLED, STALLED_AFTER
from support.log import read_log
from support.parts import SECRET
from support.paths import ROOT
from support.relays import linked
from support.stored import put_schedule

log = structlog.get_logger("figures")

FREEZE = float(os.environ.get("RELAY_FREEZE_SECONDS", "3"))
BEFORE, AFTER = 1.5, 2.0  # seconds of ticking before the freeze and after it
LONG = FREEZE >= 60
COUNTS = [2, 5] if LONG else [2]  # of schedulers; the compressed week has both
KILL_EVERY = FREEZE / 10 if LONG else FREEZE * 0.6
COMPANIES = 24 if LONG else 3
DATA_TYPES = [
    *("chartOfAccounts", "bills", "creditNotes", "customers", "invoices", "items", "journals"),
    *("payments", "suppliers", "taxRates", "trackingCategories", "transfers"),
]


class Schedulers:
    """Processes of `codat-relay scheduler`, and what a supervisor does for them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        environ = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.url,
            "CODAT_WEBHOOK_SECRETS": SECRET,
            "CODAT_API_URL": "http://127.0.0.1:9",
            "RELAY_RECONCILE_AT": "never",
        }
        command = [sys.executable, "-m", "cli", "scheduler"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running.append(subprocess.Popen(command, env=environ, cwd=ROOT, **quiet))
        return self.running[-1]

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.mark.timeout(120 + 2 * FREEZE)
@pytest.mark.parametrize("count", COUNTS)
def test_a_scheduler_frozen_past_its_heartbeat_doubles_and_loses_none(relay, server, count):
    companies = [linked(relay) for _ in range(COMPANIES)]
    pairs = [(company, data_type) for company in companies for data_type in DATA_TYPES]
    chance = random.Random(count)
    chance.shuffle(pairs)
    every = (BEFORE + FREEZE + AFTER) / len(pairs)
    schedulers, wanted = Schedulers(server.url), []
    try:
        for _ in range(count):
            schedulers.start()
        relay.until(lambda: "scheduler" in relay.store.heartbeats(), "the first tick")
        frozen, began = schedulers.running[0], time.monotonic()
        stopped = killed = None
        for company, data_type in pairs:  # each falls due as it is set
            wanted.append(fall_due(relay, company, data_type))
            time.sleep(every)
            passed = time.monotonic() - began
            if stopped is None and passed > BEFORE:
                frozen.send_signal(signal.SIGSTOP)
                stopped = killed = time.monotonic()
            elif stopped and passed < BEFORE + FREEZE and time.monotonic() - killed > KILL_EVERY:
                replaced = schedulers.running.pop(chance.randrange(1, len(schedulers.running)))
                replaced.kill()
                replaced.wait()
                schedulers.start()
                killed = time.monotonic()
            elif stopped and time.monotonic() - stopped > FREEZE:
                frozen.send_signal(signal.SIGCONT)
        asleep = time.monotonic() - stopped
        frozen.send_signal(signal.SIGCONT)
        time.sleep(AFTER)
        assert frozen.poll() in ((None, STALLED) if asleep > STALLED_AFTER else (None,))
        told = relay.until(lambda: word_of_all(relay, wanted), "word of every period")
    finally:
        schedulers.end()
    for kind in told.values():
        assert kind.total() == 1
    asked = Counter(
        (entry["companyId"], entry["path"].rpartition("/")[2])
        for company in companies
        for entry in relay.journal("POST", company)
        if "/data/queue/" in entry["path"]
    )
    requested = {name[:2] for name, kinds in told.items() if kinds["sync.requested"]}
    assert asked == dict.fromkeys(requested, 1)
    log.info(
        "frozen",
        schedulers=count,
        seconds=round(asleep),
        periods=len(wanted),
        requests=asked.total(),
    )


def fall_due(relay, company: str, data_type: str) -> tuple[str, str, str]:
    """Give a schedule that is due from this minute on; whose, what, and the period it is in."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule = Schedule(company, data_type, Cadence.HOURLY, Anchor(minute=now.minute))
    assert put_schedule(relay.store, schedule, int(now.timestamp()), over=None)
    return company, data_type, now.strftime("%Y-%m-%dT%HZ")


def word_of_all(relay, wanted) -> dict[tuple[str, str, str], Counter[str]] | None:
    """How often each period was told as requested, or missed with a reason; None until all are."""
    told: dict[tuple[str, str, str], Counter[str]] = {name: Counter() for name in wanted}
    for event in read_log(relay.store, 0, 1_000_000):
        name = (event.subject, event.data.get("data_type"), event.data.get("period"))
        missed = event.type == "sync.missed" and event.data["reason"]
        if name in told and (event.type == "sync.requested" or missed):
            told[name][event.type] += 1
    return told if all(told.values()) else None


def test_a_scheduler_whose_ticks_stop_exits_for_its_supervisor(server):
    """Its clock is set back by the minute that it would take."""
    stalled = f"""
import time
from relay.settings import Settings
from relay.store import Store
from scheduler import clock
store = Store.open(Settings.from_env({{"REDIS_URL": "{server.url}"}}, env_file=None))
still = clock.Clock(Settings(), store, None)
still.last_tick = time.monotonic() - clock.STALLED_AFTER
clock._end_when_stalled(still)
"""
    ended = subprocess.run(
        [sys.executable, "-c", stalled], cwd=ROOT, timeout=60, capture_output=True, check=False
    )
    assert ended.returncode == STALLED, ended.stderr
    assert b"scheduler.stalled" in ended.stdout + ended.stderr
