"""The API's description, completed in one place: who may ask, where, and what refusals may come."""

import re
from typing import Any

import orjson

from portal.http.auth import READ_METHODS
from portal.http.groups import described

GUARDED = "/v1/"
LICENSE = {"name": "MIT", "identifier": "MIT"}
REFERENCE = re.compile(r'"#/components/schemas/([^"/]+)"')
# Refused before an operation is reached, whichever it is.
OF_CHANGES = ("malformed", "forbidden", "too-slow", "too-large", "not-json")


def completed(described_app: dict[str, Any], url: str) -> dict[str, Any]:
    """Return the description that flask-openapi made, with what it leaves out; `url` is ours."""
    whole = described_app | {
        "servers": [{"url": url}],
        "info": described_app["info"] | {"license": LICENSE},
    }
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            if path.startswith(GUARDED):
                operation["responses"] = _answers(method, operation["responses"])
            else:
                operation["security"] = []
                del operation["responses"]["422"]
                operation["responses"]["4XX"] = {"description": "Not a request that is taken here."}
    _drop_unused(whole)
    return whole


def _drop_unused(whole: dict[str, Any]) -> None:
    """Drop schemas that nothing refers to, such as of what stands for a name in an object."""
    schemas = whole["components"]["schemas"]
    used = set(REFERENCE.findall(orjson.dumps(whole).decode()))
    for name in schemas.keys() - used:
        del schemas[name]


def _answers(method: str, own: dict[str, Any]) -> dict[str, Any]:
    """Add the refusals that need no word of each operation's own."""
    common = {} if method.upper() in READ_METHODS else described(*OF_CHANGES)
    return dict(sorted((common | own).items()))
