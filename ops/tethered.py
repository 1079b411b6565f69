"""Wrap a command so that it ends when we do, even when we are killed."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

TETHER = str(Path(__file__).with_name("tether.py"))


def tethered(command: Sequence[str]) -> list[str]:
    """Give the command to start instead; it must be started from this process's main thread."""
    return [sys.executable, "-I", "-S", TETHER, str(os.getpid()), *command]
