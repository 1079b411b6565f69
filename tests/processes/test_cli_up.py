"""Everything on one machine: it starts, plays the demo, outlives faults and leaves nothing."""

import json
import os
import signal
from pathlib import Path

import pytest

from support.up import PATIENCE, up, wait_for

ODD = os.fsdecode(b"my data% #?@:&'\"\n\xc3\xbc\xff")  # a directory may be called so

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had


def test_up_starts_all_keeps_its_data_survives_kills_and_cleans_up(
    tmp_path: Path,
) -> None:
    with up(tmp_path / ODD) as first:
        token = (tmp_path / ODD / "operator-token").read_text().strip()
        assert token not in first.said  # it is a service's log
        assert "A new operator token is kept in" in first.said
        assert "The sandbox stands in for Codat" in first.said
        demo = first.call("demo", "--companies", "3")
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert "All 3 companies are Linked under their real names" in demo.stdout
        story = demo.stdout.partition("The story, from the event log:")[2]
        [requested] = [line for line in story.splitlines() if "sync.requested" in line]
        period = requested.partition("invoices, period ")[2]
        assert period
        assert [line for line in story.splitlines() if "sync.completed" in line and period in line]
        assert "webhook.stale" not in story
        assert '"error"' not in first.said  # such as of a call while the sandbox was starting
        doctor = first.call("doctor", "--json")
        assert doctor.returncode == 0
        checked = {one["check"] for one in json.loads(doctor.stdout)["findings"]}
        workers = {f"worker {queue}" for queue in ("drain", "codat", "deliver")}
        assert {"web", "scheduler", *workers} <= checked  # each gave a sign of life
        started = first.descendants()
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(PATIENCE) == 0
    assert any("valkey" in line or "redis" in line for line in started.values())
    assert len(started) >= 6
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    with up(tmp_path / ODD) as second:
        assert token not in second.said
        assert "operator-token" in second.said
        assert second.call("companies", "--status", "Linked").stdout.count("\n") == 4
        for part in ("cli web", "unixsocket:", "cli worker drain"):
            victims = [pid for pid, line in second.descendants().items() if part in line]
            os.kill(victims[0], signal.SIGKILL)
        wait_for(lambda: second.said.count("it is started again") >= 3, second)
        wait_for(lambda: second.get("/readyz") == 200, second)
        demo = second.call("demo", "--companies", "2")
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert second.call("companies").stdout.count("\n") == 6
        started = second.descendants()
        second.process.kill()
        second.process.wait()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), second)
