"""All alive or none, in order, and nothing left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.runner import restarts, runner
from cli.runner.orphans import reap_orphans
from cli.runner.processes import Process
from cli.runner.restarts import Restarts
from cli.runner.runner import Runner
from cli.runner.sessions import members


@dataclass(frozen=True, slots=True)
class Dummy(Process):
    """A process that runs a few lines of Python instead of the command line."""

    program: str = ""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", self.program]


@dataclass
class Heard:
    """Keeps what a runner says."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def say(self, text: str) -> None:
        self.said.append(text)


def dummy(name: str, program: str, stop_turn: int = 0) -> Dummy:
    return Dummy(name, (), stop_turn, program)


def run_until(
    processes: list[Dummy], enough: Callable[[Heard], bool], *, within: float = 60
) -> tuple[bool, Heard]:
    """Run until `enough` has been heard; fails the test when that does not come."""
    heard = Heard()
    deadline = time.monotonic() + within

    def attend() -> None:
        if enough(heard):
            running.stop()
        assert time.monotonic() < deadline, f"not heard: {heard}"

    running = Runner(processes, dict(os.environ), heard, attend)
    return running.run(), heard


TALKS = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(300)"
TELLS_ITS_END = """
import signal, sys, time
def end(*_):
    print('ending', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print('up', flush=True)
time.sleep(300)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
time.sleep(300)
"""
WITH_A_CHILD_IN_A_GROUP_OF_ITS_OWN = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], process_group=0)
print('child', child.pid, flush=True)
time.sleep(300)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def pids(heard: Heard) -> list[int]:
    return [int(text.split()[1]) for _, text in heard.lines if text.startswith(("pid", "child"))]


def test_a_process_is_started_once_it_may_be() -> None:
    heard = Heard()
    asked: list[str] = []

    def may_start(process: Process) -> bool:
        asked.append(process.name)
        return process.name == "first" or any(name == "first" for name, _ in heard.lines)

    def attend() -> None:
        if {"first", "second"} <= {name for name, _ in heard.lines}:
            running.stop()

    wanted = [dummy("second", TALKS), dummy("first", TALKS)]
    running = Runner(wanted, dict(os.environ), heard, attend, may_start=may_start)
    assert running.run()
    assert [name for name, _ in heard.lines] == ["first", "second"]
    assert asked.count("first") == 1


def test_output_is_passed_on_line_by_line_with_its_name() -> None:
    said = "import sys, time; print('one\\ntwo'); print('three', file=sys.stderr, flush=True)\n"
    sleeps = said.replace("import sys", "import sys", 1) + "time.sleep(300)"
    done, heard = run_until([dummy("talker", sleeps)], lambda h: len(h.lines) >= 3)
    assert done
    assert {("talker", "one"), ("talker", "two"), ("talker", "three")} == set(heard.lines)


def test_a_process_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "Child", quick_child(pause=0.0))
    first = "import os; print('pid', os.getpid(), flush=True); raise SystemExit(7)"
    done, heard = run_until([dummy("mortal", first)], lambda h: len(pids(h)) >= 2)
    assert done
    assert any("mortal ended with code 7; it is started again" in said for said in heard.said)


def test_a_process_that_keeps_dying_stops_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "Child", quick_child(pause=0.0))
    broken = dummy("broken", "print('no such table'); raise SystemExit(1)")
    healthy = dummy("healthy", TALKS)
    done, heard = run_until([broken, healthy], lambda _: False)
    assert not done
    assert "once too often" in heard.said[-1]
    assert "no such table" in heard.said[-1]
    assert not any(map(is_alive, pids(heard)))


def test_a_process_that_misses_its_server_is_restarted_without_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "Child", quick_child(pause=0.0))
    waiting = dummy("waiting", "print('pid 0', flush=True); raise SystemExit(3)")
    done, heard = run_until([waiting], lambda h: len(h.said) > restarts.TOO_MANY + 1)
    assert done
    assert not any("too often" in said for said in heard.said)


def quick_child(pause: float) -> type:
    from cli.runner.child import Child

    class QuickChild(Child):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            self.restarts = Restarts(pause)

    return QuickChild


def test_processes_stop_turn_by_turn() -> None:
    cast = [dummy("third", TELLS_ITS_END, 2), dummy("first", TELLS_ITS_END, 0)]
    cast.append(dummy("second", TELLS_ITS_END, 1))
    done, heard = run_until(cast, lambda h: len(h.lines) == 3)
    assert done
    endings = [name for name, text in heard.lines if text == "ending"]
    assert endings == ["first", "second", "third"]


def test_a_process_that_will_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STOP_WITHIN", 0.3)
    done, heard = run_until([dummy("stubborn", STUBBORN)], lambda h: len(h.lines) == 1)
    assert done
    assert any("stubborn did not stop" in said for said in heard.said)


def test_nothing_is_left_of_what_a_process_started_itself() -> None:
    cast = [dummy("parent", WITH_A_CHILD_IN_A_GROUP_OF_ITS_OWN)]
    _, heard = run_until(cast, lambda h: len(pids(h)) == 1)
    assert not is_alive(pids(heard)[0])


def test_sigterm_stops_everything_and_counts_as_done() -> None:
    heard = Heard()
    running = Runner([dummy("one", TALKS)], dict(os.environ), heard)
    main = os.getpid()

    def send_when_up() -> None:
        while not pids(heard):
            time.sleep(0.02)
        os.kill(main, signal.SIGTERM)

    threading.Thread(target=send_when_up, daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    assert running.run()
    assert signal.getsignal(signal.SIGTERM) is before
    assert not is_alive(pids(heard)[0])
    assert members(pids(heard)[0]) == []


def test_a_fault_of_the_supervisor_stops_everything() -> None:
    heard = Heard()

    def attend() -> None:
        if pids(heard):
            raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="the server is gone"):
        Runner([dummy("one", TALKS)], dict(os.environ), heard, attend).run()
    assert not is_alive(pids(heard)[0])


def test_pauses_double_up_to_a_limit_and_reset_after_a_healthy_minute() -> None:
    deaths = Restarts()
    now, pauses = 0.0, []
    for _ in range(7):
        pauses.append(deaths.pause_after_death(started=now, now=now + 20))
        now += 20
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert deaths.pause_after_death(started=now, now=now + 60) == 1


def test_the_fifth_death_within_a_minute_is_the_last() -> None:
    deaths = Restarts()
    assert [deaths.pause_after_death(now, now) for now in (0.0, 10, 20, 30)] == [1, 2, 4, 8]
    assert deaths.pause_after_death(40, 59) is None


def test_five_deaths_in_more_than_a_minute_stop_nothing() -> None:
    deaths = Restarts()
    pauses = [deaths.pause_after_death(now, now) for now in (0.0, 15, 30, 45, 60)]
    assert None not in pauses


ABANDONS = """
import subprocess, sys, time
begun = subprocess.run(['sh', '-c', 'sleep 0.05 & echo $!'], stdout=subprocess.PIPE, text=True)
print('child', begun.stdout.strip(), flush=True)
time.sleep(300)
"""
PR_SET_CHILD_SUBREAPER = 36


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_processes_that_lost_their_parent_leave_no_zombies() -> None:
    """As the first process of a container, which is given every one that loses its parent."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        done, heard = run_until(
            [dummy("careless", ABANDONS), dummy("careful", TALKS)],
            lambda h: any(
                name == "careless" and not Path(f"/proc/{text.split()[1]}").exists()
                for name, text in h.lines
            ),
        )
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0)
    assert done
    assert heard.said == []  # how ours ended is still theirs to ask


def test_exit_codes_of_our_own_children_stay_with_their_parents() -> None:
    ours = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    other = subprocess.Popen([sys.executable, "-c", "raise SystemExit(8)"])
    for process in (ours, other):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    reap_orphans([ours.pid, other.pid])
    assert ours.wait() == 7
    reap_orphans([])
    with pytest.raises(ChildProcessError):
        os.waitpid(other.pid, 0)
    other.wait()
