"""What a company is to us, and the rules by which events change it: values in, values out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

import orjson

from codat.capabilities import hidden_text
from codat.records import Connection as CodatConnection
from codat.records import reads_differently, sanitise_name
from codat.statuses import ConnectionStatus
from codat.webhook import Event
from relay.fast_replace import fast_replace
from relay.times import Millis

Version = tuple[int, str]  # microseconds since the epoch, then the event's id to break a tie
NEVER: Version = (0, "")
VERSIONS = ("name_version", "info_version", "deleted_version", "tags_version", "listed")

DELETED = "deleted"  # a connection that Codat no longer has


def version_of(event: Event) -> Version | None:
    """Return what orders an event among its company's, None when Codat dated it badly or not."""
    return None if event.generated is None else (event.generated, event.id or "")


class CompanyStatus(StrEnum):
    """A company's status as a whole, derived from its connections."""

    BLANK = "Blank"
    PENDING_AUTH = "PendingAuth"
    LINKED = "Linked"
    UNLINKED = "Unlinked"
    DEAUTHORISED = "Deauthorised"
    DELETED = "Deleted"


class NameSource(StrEnum):
    """Who a company's present name is from."""

    PLACEHOLDER = "placeholder"  # a dummy name, to be replaced
    CODAT = "codat"  # ours, taken from Codat's company info
    PERSON = "person"  # chosen by someone: never written over


# The company's status by what its connections are; the first line that fits decides.
STATUS_PRECEDENCE: tuple[tuple[frozenset[str], CompanyStatus], ...] = (
    (frozenset({ConnectionStatus.LINKED}), CompanyStatus.LINKED),
    (frozenset({ConnectionStatus.DEAUTHORIZED}), CompanyStatus.DEAUTHORISED),
    (frozenset({ConnectionStatus.UNLINKED}), CompanyStatus.UNLINKED),
    (frozenset({ConnectionStatus.PENDING_AUTH}), CompanyStatus.PENDING_AUTH),
)
# How a connection's life goes: of two reports of one moment the later in it counts, as Codat's
# test events of all types share one id and one date.
LIFE: tuple[str, ...] = (
    ConnectionStatus.PENDING_AUTH,
    ConnectionStatus.LINKED,
    ConnectionStatus.UNLINKED,
    ConnectionStatus.DEAUTHORIZED,
    DELETED,
)
BROKEN = frozenset({ConnectionStatus.DEAUTHORIZED, ConnectionStatus.UNLINKED})
REFUSED = (
    "403"  # code of an error: the customer said no (Codat: auth-flow/customize/set-up-redirects)
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A company's link to one source, as of `version`."""

    id: str
    status: str  # Codat's word, or "deleted"
    version: Version
    platform_key: str = ""
    platform_name: str = ""
    source_type: str = ""
    errors: tuple[str, ...] = ()
    ever_linked: bool = False
    missed: str = ""  # by what, as what and when it was repaired, until its webhook comes after all
    code: str = ""  # of the last error, as Codat sends it

    @property
    def is_refusal(self) -> bool:
        """Report whether the last error is that the customer said no."""
        return bool(self.errors) and self.code == REFUSED


@dataclass(frozen=True, slots=True)
class DataTypeState:
    """How the last read of one data type over one connection ended."""

    status: str
    version: Version
    last_success: int | None = None  # microseconds since the epoch


class SyncState(StrEnum):
    """How far a sync that was asked for has come."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"  # Codat's pull operations for it are known
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync that was asked for: which period it is, and how many pulls of it are done.

    `requested` and `ended` are microseconds since the epoch.
    """

    period: str
    requested: int
    operation_id: str | None = None
    state: SyncState = SyncState.REQUESTED
    total: int = 0
    done: int = 0
    failed: int = 0
    ended: int | None = None

    @property
    def is_open(self) -> bool:
        """Report whether its outcome is not known yet."""
        return self.ended is None


@dataclass(frozen=True)
class Company:
    """All we hold of one company. Every register carries the version it was set from."""

    id: str
    source: str = "default"
    name: str = ""
    name_version: Version = NEVER
    placeholder: str | None = None  # the dummy name it was created with
    given_name: str | None = None  # the name we wrote in its place
    info: dict[str, Any] | None = None
    info_version: Version = NEVER
    connections: dict[str, Connection] = field(default_factory=dict)
    listed: Version = NEVER  # as of when Codat listed its connections: others there were none
    data_types: dict[str, DataTypeState] = field(default_factory=dict)  # "<connection>|<type>"
    identity_mismatch: dict[str, Any] | None = None  # what a relink changed, until accepted
    expected: dict[str, Any] | None = (
        None  # the company that the info should describe, while it describes another
    )
    syncs: dict[str, Sync] = field(default_factory=dict)  # the latest by data type
    stale: tuple[str, ...] = ()  # data types that no read renewed in time
    tags: dict[str, str] = field(default_factory=dict)
    tags_version: Version = NEVER
    deleted: bool = False
    deleted_version: Version = NEVER
    first_seen: Millis = Millis(0)  # ms since the epoch
    last_webhook: Millis = Millis(0)  # ms since the epoch
    awaited: dict[str, str] = field(default_factory=dict)  # connection -> journey that awaits it
    info_reads: int = 0  # how often Codat said that it read the data behind the info
    info_after: int = 0  # how many of those reads the info held was asked after

    def to_json(self) -> bytes:
        """Return the company as it is stored: what is as by default is left out, for its size."""
        values = {
            name: value
            for name, default in _DEFAULTS.items()
            if (value := getattr(self, name)) != default
        }
        return orjson.dumps({"id": self.id, **values}).replace(_UNSAID, b"")

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read what `to_json` wrote."""
        values = orjson.loads(raw)
        for name in VERSIONS:
            values[name] = tuple(values.get(name, NEVER))
        values["connections"] = {
            key: _connection(connection)
            for key, connection in values.get("connections", {}).items()
        }
        values["data_types"] = {
            key: DataTypeState(state["status"], tuple(state["version"]), state["last_success"])
            for key, state in values.get("data_types", {}).items()
        }
        values["syncs"] = {
            key: Sync(**sync | {"state": SyncState(sync["state"])})
            for key, sync in values.get("syncs", {}).items()
        }
        values["stale"] = tuple(values.get("stale", ()))
        return cls(**values)

    @property
    def status(self) -> CompanyStatus:
        """The status as a whole: see TRANSITIONS; no connection left is Blank."""
        if self.deleted:
            return CompanyStatus.DELETED
        statuses = {c.status for c in self.connections.values()}
        for present, status in STATUS_PRECEDENCE:
            if statuses & present:
                return status
        return CompanyStatus.BLANK

    @property
    def known(self) -> bool:
        """Report whether we hold more than its id: a name or a connection."""
        return bool(self.name or self.connections or self.placeholder)

    @property
    def needs_attention(self) -> bool:
        """Report whether a connection is broken; never once the company is deleted."""
        return self.status is not CompanyStatus.DELETED and any(
            c.status in BROKEN for c in self.connections.values()
        )

    @property
    def name_source(self) -> NameSource:
        """Who the present name is from: only a placeholder may be replaced."""
        if self.given_name is not None and self.name == self.given_name:
            return NameSource.CODAT
        if self.given_name is None and self.placeholder == self.name:
            return NameSource.PLACEHOLDER
        return NameSource.PERSON

    @property
    def platforms(self) -> list[str]:
        """The names of the platforms it is connected to, deleted connections aside."""
        names = (c.platform_name for c in self.connections.values() if c.status != DELETED)
        return sorted({name for name in names if name})

    @property
    def latest(self) -> int:
        """The latest time in any version, microseconds since the epoch."""
        versions: list[int] = [getattr(self, name)[0] for name in VERSIONS]
        versions += [connection.version[0] for connection in self.connections.values()]
        versions += [state.version[0] for state in self.data_types.values()]
        versions += [sync.requested for sync in self.syncs.values()]
        return max(versions)

    def without_versions_after(self, limit: int) -> Self:
        """Return the company with all that is dated after `limit` as undated.

        What it holds stays, but anything that is dated is newer.
        """
        changes: dict[str, Any] = {
            name: NEVER for name in VERSIONS if getattr(self, name)[0] > limit
        }
        changes["connections"] = {
            key: replace(held, version=NEVER) if held.version[0] > limit else held
            for key, held in self.connections.items()
        }
        changes["data_types"] = {
            key: replace(
                held,
                version=NEVER if held.version[0] > limit else held.version,
                last_success=min(held.last_success or 0, limit) or None,
            )
            for key, held in self.data_types.items()
        }
        changes["syncs"] = {
            key: replace(
                held,
                requested=min(held.requested, limit),
                ended=None if held.ended is None else min(held.ended, limit),
            )
            for key, held in self.syncs.items()
        }
        changes["last_webhook"] = min(self.last_webhook, limit // 1000)
        changes["first_seen"] = min(self.first_seen, limit // 1000)
        return fast_replace(self, **changes)

    def named(self, name: str, version: Version) -> Self:
        """Return the company with Codat's present name for it, unless we know a newer one."""
        if not name or (version, name) <= (self.name_version, self.name):
            return self
        return fast_replace(self, name=name, name_version=version)

    def gone(self, version: Version) -> Self:
        """Return the company as deleted at `version`, or later if we know so."""
        return fast_replace(self, deleted=True, deleted_version=max(version, self.deleted_version))

    def tagged(self, tags: Mapping[str, str], version: Version) -> Self:
        """Return the company with the tags it has at Codat, unless we know newer ones."""
        if (version, sorted(tags.items())) <= (self.tags_version, sorted(self.tags.items())):
            return self
        return fast_replace(self, tags=dict(tags), tags_version=version)

    def with_connection(
        self, given: CodatConnection, version: Version, status: str | None = None
    ) -> Self:
        """Return the company with this connection as of `version`; `status` overrides what it says.

        What is older than we hold adds only what we lack: its platform, and that it was once
        linked. So the order in which webhooks arrive makes no difference. One that Codat listed
        no more by then stays away.
        """
        seen = _connection_seen(given, version, status)
        held = self.connections.get(given.id)
        if held is None and version <= self.listed:
            return self
        connection = seen if held is None else _joined(held, seen)
        if connection == held:
            return self
        return fast_replace(self, connections={**self.connections, given.id: connection})

    def with_missed(self, connection_id: str, missed: str) -> Self:
        """Return the company with a note of who counts this connection's last change as missed."""
        noted = replace(self.connections[connection_id], missed=missed)
        return fast_replace(self, connections={**self.connections, connection_id: noted})

    def is_stale(self, given: CodatConnection, version: Version, status: str | None = None) -> bool:
        """Report whether we know this of the connection, or how it or its absence was later.

        `status` overrides what it says, as in `with_connection`.
        """
        held = self.connections.get(given.id)
        if held is None:
            return version <= self.listed
        return _order(_connection_seen(given, version, status)) <= _order(held)

    def with_read(self, key: str, status: str, version: Version, *, success: bool) -> Self:
        """Return the company with the outcome of one data type's read.

        Of one older than the newest known, only a success later than the last one counts.
        """
        held = self.data_types.get(key)
        successes = [version[0]] if success else []
        if held is not None and held.last_success is not None:
            successes.append(held.last_success)
        if held is not None and (version, status) <= (held.version, held.status):
            status, version = held.status, held.version
        state = DataTypeState(status, version, max(successes, default=None))
        return fast_replace(self, data_types={**self.data_types, key: state})

    def recognise_placeholder(self, pattern: re.Pattern[str] | None) -> Self:
        """Return the company with its name taken for a placeholder, where the pattern says so."""
        if pattern is None or self.placeholder is not None or self.given_name is not None:
            return self
        if not self.name or not pattern.fullmatch(self.name):
            return self
        return fast_replace(self, placeholder=self.name)


_BLANK = Company(id="")
# Of a connection, where it is as by default; within a text these quotes would have a stroke each.
_UNSAID = b',"missed":"","code":""'
_DEFAULTS: dict[str, Any] = {
    f.name: getattr(_BLANK, f.name) for f in fields(Company) if f.name != "id"
}


def real_name(info: Mapping[str, Any] | None, order: tuple[str, ...]) -> str:
    """Return the first usable name of Codat's company info, in the characters Codat keeps.

    `order` names the fields to try (Codat: companyName may be null and companyLegalName filled,
    or the reverse). Empty when there is none: a name that would read differently is not written.
    """
    for name in order:
        value = (info or {}).get(name)
        if isinstance(value, str) and not reads_differently(value):
            clean = sanitise_name(value)
            if any(letter.isalnum() for letter in clean):
                return clean
    return ""


def _connection_seen(given: CodatConnection, version: Version, status: str | None) -> Connection:
    status = status or _status_word(given.status)
    return Connection(
        id=given.id,
        status=status,
        version=version,
        platform_key=given.platform_key or "",
        platform_name=given.platform_name or "",
        source_type=given.source_type or "",
        errors=tuple(
            hidden_text(text)
            for issue in given.errors
            if (text := issue.message or issue.status_text)
        ),
        ever_linked=status == ConnectionStatus.LINKED,
        code=next((issue.status_code for issue in given.errors[-1:] if issue.status_code), ""),
    )


def _joined(held: Connection, seen: Connection) -> Connection:
    newer, older = (seen, held) if _order(seen) > _order(held) else (held, seen)
    return replace(
        newer,
        platform_key=newer.platform_key or older.platform_key,
        platform_name=newer.platform_name or older.platform_name,
        source_type=newer.source_type or older.source_type,
        ever_linked=newer.ever_linked or older.ever_linked,
        missed=newer.missed or older.missed,
    )


def _order(connection: Connection) -> tuple[Version, int, str, tuple[str, ...], str]:
    """Return what orders reports of one connection, also such as are of one moment and event."""
    status = connection.status
    rank = LIFE.index(status) if status in LIFE else -1
    return connection.version, rank, status, connection.errors, connection.code


def _connection(values: dict[str, Any]) -> Connection:
    values["version"] = tuple(values["version"])
    values["errors"] = tuple(values["errors"])
    return Connection(**values)


def _status_word(text: str) -> str:
    """Return Codat's own spelling of a status; an unknown one stays as it is."""
    return ConnectionStatus.parse(text) or text
