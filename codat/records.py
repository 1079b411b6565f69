"""The records that Codat's API and webhooks carry, read tolerantly: odd fields become None."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from codat.names import kept_by_codat, loses_letters, reads_differently, sanitise_name
from codat.times import parse_time, read_time

__all__ = [
    "Company",
    "CompanyInfo",
    "Connection",
    "ConnectionIssue",
    "DataStatus",
    "Integration",
    "ProfileSyncSettings",
    "PullOperation",
    "SyncSetting",
    "kept_by_codat",
    "loses_letters",
    "parse_time",
    "read_id",
    "read_time",
    "reads_differently",
    "sanitise_name",
]

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_NO_ID = "00000000-0000-0000-0000-000000000000"


def read_id(value: object) -> str | None:
    """Return an id (a UUID; older ids were not) in lower case; None for anything else.

    The all-zero UUID, which older webhooks send for "none", is None too.
    """
    if not isinstance(value, str) or _ID.fullmatch(value) is None or value == _NO_ID:
        return None
    return value.lower()


def _need_id(value: object, what: str) -> str:
    found = read_id(value)
    if found is None:
        raise ValueError(f"{what} has no id")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


@dataclass(frozen=True, slots=True)
class ConnectionIssue:
    """One entry of a connection's `dataConnectionErrors`."""

    status_code: str | None
    status_text: str | None
    message: str | None
    errored_on: str | None
    status: str | None
    resolved_on: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read one entry; nothing in it is required."""
        code = data.get("statusCode")
        return cls(
            status_code=str(code) if isinstance(code, int) else _text(code),
            status_text=_text(data.get("statusText")),
            message=_text(data.get("errorMessage")),
            errored_on=_text(data.get("erroredOnUtc")),
            status=_text(data.get("status")),
            resolved_on=_text(data.get("resolvedOnUtc")),
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """A company's link to one platform; `status` is the text as Codat sent it."""

    id: str
    status: str
    platform_key: str | None = None
    platform_name: str | None = None
    source_type: str | None = None
    integration_id: str | None = None
    source_id: str | None = None
    # May hold a one-time password: read it when it is needed, do not keep it.
    link_url: str | None = field(default=None, repr=False)
    created: str | None = None
    last_sync: str | None = None
    errors: tuple[ConnectionIssue, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a connection; ValueError without an id."""
        return cls(
            id=_need_id(data.get("id"), "the connection"),
            status=_text(data.get("status")) or "",
            platform_key=_text(data.get("integrationKey")) or _text(data.get("platformKey")),
            platform_name=_text(data.get("platformName")),
            source_type=_text(data.get("sourceType")),
            integration_id=read_id(data.get("integrationId")),
            source_id=read_id(data.get("sourceId")),
            link_url=_text(data.get("linkUrl")),
            created=_text(data.get("created")),
            last_sync=_text(data.get("lastSync")),
            errors=tuple(map(ConnectionIssue.from_json, _dicts(data.get("dataConnectionErrors")))),
        )


@dataclass(frozen=True, slots=True)
class Company:
    """A company; `status` is the company-level status that only the classic API has."""

    id: str
    name: str
    description: str | None = None
    redirect: str | None = field(default=None, repr=False)
    created: str | None = None
    last_sync: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    connections: tuple[Connection, ...] = ()
    products: tuple[str, ...] = ()
    status: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a company, or the short form of it in a webhook; ValueError without an id.

        A connection without an id is left out.
        """
        connections = _dicts(data.get("dataConnections"))
        products = data.get("products")
        return cls(
            id=_need_id(data.get("id"), "the company"),
            name=_text(data.get("name")) or "",
            description=_text(data.get("description")),
            redirect=_text(data.get("redirect")),
            created=_text(data.get("created")),
            last_sync=_text(data.get("lastSync")),
            tags=_tags(data.get("tags")),
            connections=tuple(
                Connection.from_json(item) for item in connections if read_id(item.get("id"))
            ),
            products=tuple(p for p in products if isinstance(p, str))
            if isinstance(products, list)
            else (),
            status=_text(data.get("status")),
            raw=dict(data),
        )


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


@dataclass(frozen=True, slots=True)
class CompanyInfo:
    """What the accounting software says of the company (Codat: data type `company`)."""

    company_name: str | None = None
    company_legal_name: str | None = None
    registration_number: str | None = None
    tax_number: str | None = None
    base_currency: str | None = None
    platform_ref: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the info; every field may be null, either name may be missing."""
        return cls(
            company_name=_text(data.get("companyName")),
            company_legal_name=_text(data.get("companyLegalName")),
            registration_number=_text(data.get("registrationNumber")),
            tax_number=_text(data.get("taxNumber")),
            base_currency=_text(data.get("baseCurrency")),
            platform_ref=_text(data.get("accountingPlatformRef")),
            raw=dict(data),
        )


@dataclass(frozen=True, slots=True)
class Integration:
    """A platform that can be linked; `key` is four letters today, a word in the classic API."""

    key: str
    name: str
    source_type: str | None = None
    logo_url: str | None = None
    enabled: bool = False
    is_offline: bool = False
    is_beta: bool = False
    source_id: str | None = None
    integration_id: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read an integration; ValueError without a key."""
        key = _text(data.get("key"))
        if not key:
            raise ValueError("the integration has no key")
        return cls(
            key=key,
            name=_text(data.get("name")) or key,
            source_type=_text(data.get("sourceType")),
            logo_url=_text(data.get("logoUrl")),
            enabled=data.get("enabled") is True,
            is_offline=data.get("isOfflineConnector") is True,
            is_beta=data.get("isBeta") is True,
            source_id=_text(data.get("sourceId")),
            integration_id=_text(data.get("integrationId")),
            raw=dict(data),
        )


@dataclass(frozen=True, slots=True)
class SyncSetting:
    """When Codat reads one data type by itself: on link, and every so many hours (0: never)."""

    data_type: str
    on_first_link: bool
    hours: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a setting; ValueError if it does not name the data type."""
        data_type = _text(data.get("dataType"))
        if not data_type:
            raise ValueError("the sync setting has no data type")
        hours = data.get("syncSchedule")
        return cls(
            data_type=data_type,
            on_first_link=data.get("fetchOnFirstLink") is not False,
            hours=hours if type(hours) is int else 0,
        )


@dataclass(frozen=True, slots=True)
class ProfileSyncSettings:
    """What Codat reads by itself of companies without their own settings, and of which client."""

    client_id: str | None
    settings: tuple[SyncSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class PullOperation:
    """One pull of one data type, which Codat also calls a dataset; decide by `status`."""

    id: str
    company_id: str | None = None
    connection_id: str | None = None
    data_type: str | None = None
    status: str = ""
    requested: str | None = None
    completed: str | None = None
    progress: int | None = None
    is_completed: bool = False
    is_errored: bool = False
    status_description: str | None = None
    error_message: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a pull operation; ValueError without an id."""
        progress = data.get("progress")
        return cls(
            id=_need_id(data.get("id"), "the pull operation"),
            company_id=read_id(data.get("companyId")),
            connection_id=read_id(data.get("connectionId")),
            data_type=_text(data.get("dataType")),
            status=_text(data.get("status")) or "",
            requested=_text(data.get("requested")),
            completed=_text(data.get("completed")),
            progress=progress if type(progress) is int else None,
            is_completed=data.get("isCompleted") is True,
            is_errored=data.get("isErrored") is True,
            status_description=_text(data.get("statusDescription")),
            error_message=_text(data.get("errorMessage")),
        )


@dataclass(frozen=True, slots=True)
class DataStatus:
    """How fresh one data type of a company is; never synced means no `current_status`."""

    data_type: str
    current_status: str | None = None
    last_successful_sync: str | None = None
    latest_sync_id: str | None = None
    latest_successful_sync_id: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the status of one data type; ValueError if it does not name the type."""
        data_type = _text(data.get("dataType"))
        if not data_type:
            raise ValueError("the data status has no data type")
        return cls(
            data_type=data_type,
            current_status=_text(data.get("currentStatus")),
            last_successful_sync=_text(data.get("lastSuccessfulSync")),
            latest_sync_id=read_id(data.get("latestSyncId")),
            latest_successful_sync_id=read_id(data.get("latestSuccessfulSyncId")),
        )
