"""Packages of npm, tried by scripts beside this file; a machine without them skips."""

import shutil

import pytest

from support.paths import ROOT

SCRIPTS = ROOT / "tests" / "support"
MODULES = ROOT / ".ci" / "node"
NEEDS_NODE = "needs node"


def command(script: str, *packages: str) -> list[str]:
    """The command that runs a script with packages at hand; skips where one is missing."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(NEEDS_NODE)
    for package in packages:
        if not (MODULES / "node_modules" / package).is_dir():
            pytest.skip(f"needs npm's {package}: npm install --prefix .ci/node {package}")
    return [node, str(SCRIPTS / script), str(MODULES)]


def binary(package: str, name: str) -> str:
    """The path of a package's command; skips where it is missing."""
    command("", package)
    return str(MODULES / "node_modules" / ".bin" / name)
