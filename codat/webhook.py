"""Turns the body of a webhook into an event, from either of Codat's two generations."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from codat.bodies import load
from codat.legacy import legacy_type
from codat.records import Company, Connection, parse_time, read_id, read_time
from codat.times import read_count
from codat.units import Micros

_UUID = re.compile(r"[0-9a-f]{32}")
_MAX_NAME = 256  # no type or id of Codat's is nearly as long


class Malformed(ValueError):
    """A body that is no event at all: not JSON, not an object, or without a type."""


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one data type in a `read.completed`; completed does not mean succeeded."""

    connection_id: str | None
    data_type: str
    records_modified: bool
    status: str
    issues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """The daily request quota; `expires` is as Codat sent it, however odd."""

    daily_quota: int | None
    quota_remaining: int | None
    expires: Micros | None


@dataclass(frozen=True)
class Event:
    """One thing that happened at Codat.

    `type` is today's name as sent, or for a legacy rule the name it has in today's service;
    `sent_type` is always as sent. `generated` is None for legacy bodies, which carry no time,
    and for implausible dates. `heard` is when we received it, if known.
    A legacy `payload` is its `Data`, with keys in camelCase.
    """

    id: str | None
    type: str
    sent_type: str
    is_legacy: bool
    company_id: str | None
    generated: Micros | None
    payload: dict[str, Any] = field(repr=False)
    connection_id: str | None = None
    client_ids: tuple[str, ...] = ()  # the Codat clients that the body names
    heard: Micros | None = None

    def text(self, name: str) -> str | None:
        """Return a field of the payload as text; None for what is neither text nor whole number."""
        value = self.payload.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else None

    @property
    def connection(self) -> Connection | None:
        """The connection in a `connection.*` payload. A legacy event has only its id."""
        data = self.payload.get("connection")
        if not isinstance(data, dict) or read_id(data.get("id")) is None:
            return None
        return Connection.from_json(data)

    @property
    def company(self) -> Company | None:
        """The company a `company.*` event is about, else the short form other events carry."""
        data = (
            self.payload if _is_about_company(self.type) else self.payload.get("referenceCompany")
        )
        if not isinstance(data, dict) or read_id(data.get("id")) is None:
            return None
        return Company.from_json(data)

    @property
    def reads(self) -> tuple[Read, ...]:
        """Every data type of a `read.completed*`; one event can hold several connections."""
        items = self.payload.get("dataTypes")
        if not self.type.startswith("read.completed") or not isinstance(items, list):
            return ()
        return tuple(
            _read(item)
            for item in items
            if isinstance(item, dict) and isinstance(item.get("dataType"), str)
        )

    @property
    def rate_limit(self) -> Quota | None:
        """The quota that a rate limit event holds, in both generations; else None."""
        if not self.type.startswith(("client.rateLimit.", "ClientRateLimit")):
            return None
        return Quota(
            daily_quota=read_count(self.payload.get("dailyQuota")),
            quota_remaining=read_count(self.payload.get("quotaRemaining")),
            expires=parse_time(self.payload.get("expiryDate") or self.payload.get("expiresUtc")),
        )


def parse(body: bytes) -> Event:
    """Read a webhook body; unknown types and fields are fine. Raises only Malformed."""
    try:
        data = load(body)
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(data, dict):
        raise Malformed("the body is not a JSON object")
    kind = _name(data.get("eventType"))
    if kind:
        return _current(kind, data)
    folded = {key.lower(): value for key, value in data.items()}
    if "ruletype" in folded or "alertid" in folded:
        return _legacy(folded)
    # Some of Codat's own examples say `type` (Codat: using-the-api/webhooks/event-types).
    kind = _name(data.get("type"))
    if kind:
        return _current(kind, data)
    raise Malformed("the body names no event type")


def _current(kind: str, data: dict[str, Any]) -> Event:
    payload = _dict(data.get("payload"))
    company = payload if _is_about_company(kind) else _dict(payload.get("referenceCompany"))
    connection_id = payload.get("connectionId") or _dict(payload.get("connection")).get("id")
    return Event(
        id=_event_id(data.get("id")),
        type=kind,
        sent_type=kind,
        is_legacy=False,
        company_id=read_id(company.get("id")) or read_id(payload.get("companyId")),
        generated=read_time(data.get("generatedDate")),
        payload=payload,
        connection_id=read_id(connection_id),
        client_ids=_client_ids(data, payload),
    )


def _legacy(folded: dict[str, Any]) -> Event:
    kind = _name(folded.get("ruletype")) or _name(folded.get("type"))
    if not kind:
        raise Malformed("the body names no rule type")
    # Codat's own table and bodies differ in case (Codat: webhooks/legacy/core-rules-types).
    payload = {key[:1].lower() + key[1:]: value for key, value in _dict(folded.get("data")).items()}
    return Event(
        id=_event_id(folded.get("alertid")) or _event_id(folded.get("id")),
        type=legacy_type(kind),
        sent_type=kind,
        is_legacy=True,
        company_id=read_id(folded.get("companyid")),
        generated=None,
        payload=payload,
        connection_id=read_id(payload.get("dataConnectionId"))
        or read_id(folded.get("dataconnectionid")),
        client_ids=_client_ids(folded, payload),
    )


def _client_ids(*parts: dict[str, Any]) -> tuple[str, ...]:
    """Return the ids of Codat clients that the envelope or the payload name, in any case.

    The older service always names one; today's does not, unless a transformation adds it
    (Codat: using-the-api/webhooks/migrating-to-new-event-types).
    """
    named = (
        _client_id(value)
        for part in parts
        for name, value in part.items()
        if name.lower().replace("_", "") == "clientid"
    )
    return tuple(dict.fromkeys(one for one in named if one))


def _client_id(value: object) -> str | None:
    """Return a client's id as Codat writes it, from any spelling of a UUID; None for others."""
    digits = re.sub(r"[-{}\s]", "", value).lower() if isinstance(value, str) else ""
    return read_id(str(UUID(digits))) if _UUID.fullmatch(digits) else None


def _is_about_company(kind: str) -> bool:
    return kind.startswith("company.")


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_NAME else None


def _event_id(value: object) -> str | None:
    """Return an id; None for one that cannot be the cause of an event: CloudEvents wants text."""
    name = _name(value)
    return name if name and name.isprintable() else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read(item: dict[str, Any]) -> Read:
    issues = item.get("issues")
    status = item.get("status")
    return Read(
        connection_id=read_id(item.get("connectionId")),
        data_type=item["dataType"],
        records_modified=item.get("recordsModified") is True,
        status=status if isinstance(status, str) else "",
        issues=tuple(
            issue["message"]
            for issue in (issues if isinstance(issues, list) else ())
            if isinstance(issue, dict) and isinstance(issue.get("message"), str)
        ),
    )
