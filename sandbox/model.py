"""What the sandbox remembers: companies, connections, pull operations and webhook consumers."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from codat.statuses import ConnectionStatus
from sandbox.platforms import Platform
from sandbox.settings import SyncSettings

HISTORY_KEPT = 2000  # pull operations per company
OTP_LIFE = 24 * 3600.0  # Codat: auth-flow/authorize-hosted-link, a link's password lasts a day
OTP_FRESH = 12 * 3600.0  # a link handed out keeps at least half its life

# Shares of a data set's time at which it moves on (Codat: core-concepts/status).
STAGES = ((0.25, "Queued"), (0.55, "Fetching"), (0.8, "Mapping"), (2.0, "Processing"))
PROGRESS = {"Initial": 0, "Queued": 0, "Fetching": 20, "Mapping": 60, "Processing": 80}


@dataclass(slots=True)
class Pull:
    """One read of one data type (Codat's pull operation); times in seconds since the epoch."""

    id: str
    company_id: str
    connection_id: str
    data_type: str
    requested: float
    due: float
    final: str | None = None
    completed: float | None = None
    message: str | None = None
    records_modified: bool = True

    def status(self, now: float) -> str:
        """Say Codat's status at `now`."""
        if self.final is not None:
            return self.final
        share = (now - self.requested) / max(self.due - self.requested, 1e-9)
        return next(name for end, name in STAGES if share < end or end > 1)


@dataclass(slots=True)
class Connection:
    """A company's link to one platform."""

    id: str
    company_id: str
    platform: Platform
    created: str
    status: ConnectionStatus = ConnectionStatus.PENDING_AUTH
    last_sync: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    was_linked: bool = False
    otp: str = field(default_factory=lambda: token_urlsafe(12))
    otp_issued: float = 0.0

    def fresh_otp(self, now: float) -> str:
        """Give the link's one-time password, a new one when the last is near its end."""
        if now - self.otp_issued > OTP_FRESH:
            self.renew_otp(now)
        return self.otp

    def renew_otp(self, now: float) -> None:
        """Make the links handed out so far worthless."""
        self.otp, self.otp_issued = token_urlsafe(12), now

    def accepts(self, otp: str, now: float) -> bool:
        """Say whether a link with this password still works."""
        return otp == self.otp and now - self.otp_issued <= OTP_LIFE


@dataclass(slots=True)
class Company:
    """A customer whose data is shared."""

    id: str
    name: str
    created: str
    ordinal: int
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    last_sync: str | None = None
    connections: dict[str, Connection] = field(default_factory=dict)
    info: dict[str, Any] | None = None  # what its ledger says, once read
    given_info: dict[str, Any] = field(default_factory=dict)  # wins over what is made up
    is_classic: bool = False
    is_silent: bool = False
    history: deque[Pull] = field(default_factory=lambda: deque(maxlen=HISTORY_KEPT))
    running: dict[tuple[str, str], Pull] = field(default_factory=dict)  # (connection, data type)
    latest: dict[str, Pull] = field(default_factory=dict)  # data type
    succeeded: dict[str, Pull] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)  # data type: how its next reads end
    sync_settings: SyncSettings | None = None

    def linked(self) -> Iterator[Connection]:
        """Go through the connections that are linked now."""
        return (c for c in self.connections.values() if c.status is ConnectionStatus.LINKED)


@dataclass(slots=True)
class Consumer:
    """An endpoint that takes webhooks."""

    id: str
    url: str
    event_types: list[str] | None = None  # None: all
    company_tags: list[str] = field(default_factory=list)
    disabled: bool = False

    def wants(self, event_type: str, tags: dict[str, str]) -> bool:
        """Say whether an event goes here: any of its company tags is enough (Codat)."""
        if self.disabled or (self.event_types is not None and event_type not in self.event_types):
            return False
        return not self.company_tags or any(
            f"{k}:{v}" in self.company_tags for k, v in tags.items()
        )
