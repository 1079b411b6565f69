"""What README and quick start tell a newcomer to type does what they say."""

import subprocess
from pathlib import Path

import pytest

from support import prose
from support.paths import ROOT
from support.up import COMMAND, Up, up

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

PROGRAM = ".venv/bin/codat-relay"
START = "make run"
ENDLESS = "--follow"


def test_the_commands_of_readme_and_quick_start_work(tmp_path: Path) -> None:
    """Every line runs as it is printed, but for the ports; the first is `up` of this test."""
    pages = (ROOT / "README.md", prose.DOCS / "quick-start.md")
    lines = [line for page in pages for block in prose.blocks(page) for line in block]
    assert lines.count(START) == len(pages)
    make = ["make", "-n", "run"]
    shown = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("-m cli up")
    program = tmp_path / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o700)
    with up(tmp_path / ".relay") as service:
        for line in lines:
            if line != START:
                check(line.replace(":8000/", f":{service.env['PORT']}/"), service, tmp_path)


def check(line: str, service: Up, folder: Path) -> None:
    what = {"cwd": folder, "env": service.env, "stdout": subprocess.PIPE, "text": True}
    if ENDLESS in line:
        with subprocess.Popen(["sh", "-c", f"exec {line}"], **what) as following:
            assert any("company.created" in line for line in following.stdout)
            following.kill()
        return
    done = subprocess.run(["sh", "-c", line], **what, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"{line}: {done.stdout}"
    assert done.stdout.strip(), f"{line} shows nothing"
    if line.startswith("curl"):
        assert '"company.created"' in done.stdout
