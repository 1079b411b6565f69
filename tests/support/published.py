"""Codat's published samples, for the tests that hold our reading against them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

_DIRECTORY = os.environ.get("CODAT_SPEC_DIR", "")

needs_published = pytest.mark.skipif(
    not _DIRECTORY, reason="CODAT_SPEC_DIR is unset, so Codat's published samples are not at hand"
)


def at_hand() -> bool:
    """Say whether Codat's published files are at hand."""
    return bool(_DIRECTORY)


def paths(folder: str) -> list[Path]:
    """Give the sample files of a folder; when they are not at hand, one name to be skipped."""
    if not _DIRECTORY:
        return [Path(folder)]
    found = sorted((Path(_DIRECTORY) / "samples" / folder).glob("*.json"))
    assert found, f"CODAT_SPEC_DIR holds no samples/{folder}"
    return found


def load(name: str) -> Any:
    """Give one sample, named by its path under `samples/`."""
    return json.loads((Path(_DIRECTORY) / "samples" / name).read_bytes())


def openapi(name: str) -> Any:
    """Give one of the published OpenAPI files."""
    return json.loads((Path(_DIRECTORY) / "openapi" / name).read_bytes())
