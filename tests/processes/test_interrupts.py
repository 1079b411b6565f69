"""Ctrl-C at any moment of a start ends everything that was begun, without a trace."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.faults import INTERRUPTED
from cli.interrupts import STOP_SIGNALS, StoppedEarly, StopSignals
from cli.runner.sessions import members
from support.paths import ROOT

# Runs the command line, and sends itself the signal the moment the module is looked for, or the
# function called, whose name is given.
MEANWHILE = """
import importlib, os, signal, sys
at, number = sys.argv[1], int(sys.argv[2])
sys.argv[:3] = ['codat-relay']
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), number)
def watch(holder, name):
    function = getattr(holder, name)
    def told(*args, **more):
        os.kill(os.getpid(), number)
        return function(*args, **more)
    setattr(holder, name, told)
from cli.__main__ import main
module, colon, function = at.partition(':')
if colon:
    *within, name = function.split('.')
    holder = importlib.import_module(module)
    watch(getattr(holder, within[0]) if within else holder, name)
else:
    sys.meta_path.insert(0, Finder())
main()
"""
LOADING = ["cli.app", "pydantic"]
STARTING = [
    ("cli.runner.embedded", signal.SIGINT),
    ("cli.runner.embedded:_wait_until_loaded", signal.SIGINT),
    ("cli.commands.up:keep_operator", signal.SIGTERM),  # a container's first process is sent that
    ("cli.runner.child:Child.start", signal.SIGINT),
]


def interrupted(
    tmp_path: Path, words: list[str], at: str, number: int = signal.SIGINT
) -> tuple[int, str, int]:
    """How the command ended, what it said, and its process id."""
    env = {"PATH": os.environ["PATH"], "PORT": "0", "RELAY_DATA_DIR": str(tmp_path / "data")}
    if words == ["up"]:
        env["PORT"] = str(free_port())
        env["SANDBOX_PORT"] = str(free_port())
    elif words[0] != "config":
        env |= {"REDIS_URL": "redis://127.0.0.1:9"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", MEANWHILE, at, str(int(number)), *words],
        env=env | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode(), process.pid


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("at", LOADING)
def test_while_it_is_loaded_a_command_ends_at_once(tmp_path: Path, at: str) -> None:
    code, said, _ = interrupted(tmp_path, ["config"], at)
    assert (code, said) == (INTERRUPTED, "Interrupted.\n")


def test_while_it_ends_a_command_ends_at_once(tmp_path: Path) -> None:
    """As by a second Ctrl-C, while it waits for its threads."""
    code, said, _ = interrupted(tmp_path, ["config"], "threading:_shutdown")
    assert "CODAT_API_KEY" in said
    assert (code, "Traceback" in said, "Interrupt" in said) == (INTERRUPTED, False, False)


@pytest.mark.usefixtures("server")  # skips where no server is to be had
@pytest.mark.parametrize(("at", "number"), STARTING)
def test_while_everything_is_started_what_was_begun_is_ended(
    tmp_path: Path, at: str, number: int
) -> None:
    code, said, pid = interrupted(tmp_path, ["up"], at, number)
    ends = {
        "cli.runner.embedded": (INTERRUPTED, "Interrupted."),
        "cli.runner.child:Child.start": (0, "Stopped."),
    }
    early = (INTERRUPTED, "Stopped before everything was started.")
    assert (code, said.splitlines()[-1]) == ends.get(at, early)
    assert "Traceback" not in said
    assert members(pid) == []
    assert not (tmp_path / "data" / "address").exists()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_every_signal_to_stop_interrupts(number: int) -> None:
    with pytest.raises(StoppedEarly), StopSignals():  # noqa: PT012
        os.kill(os.getpid(), number)
        time.sleep(60)


def test_a_second_signal_does_not_interrupt_the_stop() -> None:
    ended = []
    with pytest.raises(StoppedEarly), StopSignals():  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            ended.append(True)
    assert ended


def test_a_signal_just_before_is_not_lost() -> None:
    stopped: list[bool] = []
    with StopSignals() as signals:
        signals.then(lambda: stopped.append(True))
        os.kill(os.getpid(), signal.SIGTERM)
        signals.then(lambda: stopped.append(False))
    assert stopped == [True, False]
