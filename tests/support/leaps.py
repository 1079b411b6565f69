"""Processes whose clock can be moved while they run, by libfaketime."""

import os
from pathlib import Path

import pytest

NEEDS_FAKETIME = "needs libfaketime (Debian: faketime)"


class MovedClock:
    """The clock of processes started with `environment`; `move` sets it off by so many seconds."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            pytest.skip(NEEDS_FAKETIME)
        self._file = folder / "clock"
        self.move(0)
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its older name
        }

    def move(self, seconds: float) -> None:
        """Set the clock off from the true time, from now on."""
        other = self._file.with_suffix(".new")
        other.write_text(f"{seconds:+.0f}\n")
        os.replace(other, self._file)
