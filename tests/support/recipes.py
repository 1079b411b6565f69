"""Recipes of CONTRIBUTING: add files to a copy of the project, then run a program in the copy."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT

SECONDS = 120
# What tools make; a copy does without it.
MADE_BY_TOOLS = shutil.ignore_patterns(".*", "__pycache__")


@dataclass(frozen=True)
class ProjectCopy:
    """A copy of the project's tree; nothing that is done in it reaches the project."""

    root: Path

    def add(self, path: str, text: str) -> None:
        """Write a new file; a recipe changes no file that is there."""
        place = self.root / path
        place.parent.mkdir(exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)

    def insert(self, path: str, text: str, *, before: str) -> None:
        """Insert text into a file, before a line that stands there once."""
        place = self.root / path
        head, line, tail = place.read_text(encoding="utf-8").partition(before)
        assert line
        assert before not in tail
        place.write_text(head + text.lstrip("\n") + "\n" + line + tail, encoding="utf-8")

    def run(self, program: str) -> str:
        """Run a Python program in the copy, which imports the copy; return what it prints."""
        return self._run("-c", f"{IMPORTS_THE_COPY}\n{program}")

    def test(self, *paths: str) -> str:
        """Run these tests of the copy; return what pytest prints."""
        return self._run("-m", "pytest", *paths)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


IMPORTS_THE_COPY = """
import sys, pathlib, relay
sys.path.insert(1, "tests")
assert pathlib.Path(relay.__file__).parents[1] == pathlib.Path.cwd(), relay.__file__
"""


def copy_project(place: Path) -> ProjectCopy:
    """Copy the project's tree to a place that is not there yet."""
    shutil.copytree(ROOT, place, ignore=MADE_BY_TOOLS)
    return ProjectCopy(place)
