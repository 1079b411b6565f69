"""Units of time are types: mypy refuses a time in one unit where another is wanted."""

import subprocess
import sys
from pathlib import Path

import pytest

from codat import units

ROOT = Path(__file__).parents[2]
PROGRAM = """
from codat.units import Micros, Millis, Seconds, seconds_to_millis
from relay.times import now_micros, now_ms
def lease_until(now: Millis) -> None: ...
def log_at(now: Micros) -> None: ...
def wait_for(delay: Seconds) -> None: ...
"""
REFUSED = [
    ("lease_until(Seconds(1.5))", "Seconds", "Millis"),
    ("lease_until(now_micros())", "Micros", "Millis"),
    ("log_at(now_ms())", "Millis", "Micros"),
    ("wait_for(now_ms())", "Millis", "Seconds"),
    ("lease_until(now_ms() + 1000)", "int", "Millis"),
    ("wait_for(1.5)", "float", "Seconds"),
    ("seconds_to_millis(now_ms())", "Millis", "Seconds"),
]
ACCEPTED = [
    "lease_until(now_ms())",
    "lease_until(Millis(now_ms() + 1000))",
    "lease_until(seconds_to_millis(Seconds(1.5)))",
    "log_at(now_micros())",
    "wait_for(Seconds(1.5))",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return what mypy says of each call, by the call."""
    folder = tmp_path_factory.mktemp("units")
    program, options = folder / "program.py", ["--strict", "--config-file=", "--cache-dir", folder]
    calls = [*(call for call, *_ in REFUSED), *ACCEPTED]
    program.write_text(PROGRAM + "\n".join(calls))
    command = [sys.executable, "-m", "mypy", *options, program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.startswith(f"{program}:"), run.stdout + run.stderr
    before = PROGRAM.count("\n")
    lines = dict.fromkeys(calls, "")
    for said in run.stdout.splitlines():
        if said.startswith(f"{program}:"):
            number, text = said.removeprefix(f"{program}:").split(":", 1)
            lines[calls[int(number) - before - 1]] += text
    return lines


@pytest.mark.parametrize(("call", "given", "wanted"), REFUSED)
def test_mypy_refuses_one_unit_for_another(call, given, wanted, found):
    assert f'has incompatible type "{given}"; expected "{wanted}"' in found[call]


@pytest.mark.parametrize("call", ACCEPTED)
def test_mypy_accepts_the_wanted_unit(call, found):
    assert found[call] == ""


def test_converters_cut_to_whole_units():
    seconds, millis, micros = units.Seconds(1.9996), units.Millis(1_999), units.Micros(1_999_999)
    assert units.seconds_to_millis(seconds) == 1_999
    assert units.seconds_to_micros(seconds) == 1_999_600
    assert units.millis_to_seconds(millis) == 1.999
    assert repr(units.millis_to_whole_seconds(millis)) == "1"
    assert units.millis_to_micros(millis) == 1_999_000
    assert units.micros_to_seconds(micros) == 1.999999
    assert units.micros_to_millis(micros) == 1_999
