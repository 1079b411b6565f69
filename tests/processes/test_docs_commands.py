"""What README and docs tell a reader to type does what they say."""

import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import prose
from support.paths import ROOT
from support.up import COMMAND, Up, up

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

PROGRAM = ".venv/bin/codat-relay"
START = "make run"
SHOWN = {  # what an endless command is waited for to show
    "events --follow": "company.created",
    "sandbox serve": "The sandbox serves",
}
POLICY = '[[rules]]\nplatform = "Xero"\nschedule = { cadence = "daily", hour = 6 }\n'
ASSIGNMENT = re.compile("[A-Z]+=")


class Reader:
    """Types each line as it is printed, but for the ports and what stands in angle brackets."""

    def __init__(self, service: Up, folder: Path) -> None:
        self.service = service
        path = f"{(folder / PROGRAM).parent}:{service.env['PATH']}"
        self.shell: dict[str, Any] = {
            "cwd": folder,
            "env": service.env | {"PATH": path},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def type(self, line: str) -> None:
        line = line.replace(":8000/", f":{self.service.env['PORT']}/")
        line = line.replace(":8001/", f":{self.service.env['SANDBOX_PORT']}/")
        if re.search("<(company|id)>", line):
            line = re.sub("<(company|id)>", self.company(), line)
        for command, shown in SHOWN.items():
            if command in line:
                self.follow(line.replace(" 8001 ", f" {free_port()} "), shown)
                return
        done = subprocess.run(["sh", "-c", line], **self.shell, input="y\n", check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}"
        assert done.stdout.strip(), f"{line} shows nothing"
        if "curl" in line:
            assert '"statusCode"' not in done.stdout, done.stdout
            assert '"/problems' not in done.stdout, done.stdout

    def follow(self, line: str, shown: str) -> None:
        with subprocess.Popen(["sh", "-c", f"exec {line}"], **self.shell) as following:
            assert following.stdout is not None
            assert any(shown in said for said in following.stdout)
            following.kill()

    def company(self) -> str:
        """Return the id of a linked company that was not forgotten."""
        listed = self.service.call("companies", "--status", "Linked", "--limit", "1")
        return re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", listed.stdout)[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.mark.timeout(600)  # each command is a process of its own
def test_every_command_in_readme_and_docs_works(tmp_path: Path) -> None:
    make = ["make", "-n", "--no-print-directory", "run"]
    shown = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("-m cli up")  # which stands for START here
    program = tmp_path / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o700)
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "schedules.csv").write_text("company_id,data_type,cadence\n")
    typed = {START}
    with up(tmp_path / ".relay") as service:
        reader = Reader(service, tmp_path)
        for page in prose.WRITTEN:
            for block in prose.blocks(page):
                assigned = ""
                for line in block:
                    if ASSIGNMENT.match(line):
                        assigned += f"{line}\n"
                    elif line not in typed:
                        typed.add(line)
                        reader.type(assigned + line)
    assert len(typed) > 20
