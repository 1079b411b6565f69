"""The method and path of each of Codat's operations, in today's API and in the classic one."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class Generation(StrEnum):
    """Which of Codat's APIs to use."""

    CURRENT = "current"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path in which `{company_id}` and the like stand for what the call names."""

    method: str
    path: str


_COMPANY = "/companies/{company_id}"
_CONNECTION = _COMPANY + "/connections/{connection_id}"

# By Codat's operationId; the second is the classic form where it differs. Besides these, only
# creating a company (`platformType` in the same call) and renaming one (the whole company is sent
# back, its id in the body) differ, and both do so in the client's method of that name.
_OPERATIONS: dict[str, tuple[Route, Route | None]] = {
    "list-integrations": (Route("GET", "/integrations"), None),
    "get-profile-syncSettings": (Route("GET", "/profile/syncSettings"), None),
    "get-integration": (Route("GET", "/integrations/{platform_key}"), None),
    "list-companies": (Route("GET", "/companies"), None),
    "create-company": (Route("POST", "/companies"), None),
    "get-company": (Route("GET", _COMPANY), None),
    "update-company": (Route("PATCH", _COMPANY), Route("PUT", "/companies")),
    "delete-company": (Route("DELETE", _COMPANY), None),
    "list-connections": (Route("GET", _COMPANY + "/connections"), None),
    "get-connection": (Route("GET", _CONNECTION), None),
    "create-connection": (Route("POST", _COMPANY + "/connections"), None),
    "unlink-connection": (Route("PATCH", _CONNECTION), None),
    "delete-connection": (Route("DELETE", _CONNECTION), None),
    "get-company-info": (Route("GET", _COMPANY + "/data/info"), None),
    "get-company-data-status": (Route("GET", _COMPANY + "/dataStatus"), None),
    "list-pull-operations": (Route("GET", _COMPANY + "/data/history"), None),
    "get-pull-operation": (Route("GET", _COMPANY + "/data/history/{dataset_id}"), None),
    "refresh-company-data": (
        Route("POST", _COMPANY + "/data/all"),
        Route("POST", _COMPANY + "/data/queue/all"),
    ),
    "refresh-data-type": (Route("POST", _COMPANY + "/data/queue/{data_type}"), None),
}

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CLASSIC_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def route(generation: Generation, operation: str, **names: str) -> tuple[str, str]:
    """Return method and path of an operation; ValueError for a name that must not be in a path.

    Ids must be UUIDs, in the classic API at least harmless; keys and data types must be one word.
    """
    current, classic = _OPERATIONS[operation]
    chosen = classic if generation is Generation.CLASSIC and classic else current
    safe = {name: _safe(generation, name, value) for name, value in names.items()}
    return chosen.method, chosen.path.format(**safe)


def _safe(generation: Generation, name: str, value: str) -> str:
    if not name.endswith("_id"):
        pattern = _WORD
    else:
        pattern = _CLASSIC_ID if generation is Generation.CLASSIC else UUID
    if pattern.fullmatch(value) is None:
        raise ValueError(f"{value[:80]!r} cannot be a {name.replace('_', ' ')}")
    return quote(value, safe="")
