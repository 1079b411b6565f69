"""What the sandbox remembers: companies, connections, reads, writes and webhook consumers."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from codat.statuses import ConnectionStatus
from sandbox.world.ids import Ids
from sandbox.world.platforms import Platform
from sandbox.world.sync_settings import SyncSettings

MAX_HISTORY = 2000  # pull operations per company
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
    started: float | None = None  # None while it waits for a machine to be on
    due: float = 0.0
    final: str | None = None
    completed: float | None = None
    message: str | None = None
    records_modified: bool = True
    is_initial: bool = False

    def status(self, now: float) -> str:
        """Return Codat's status at `now`."""
        if self.final is not None:
            return self.final
        if self.started is None:
            return "Queued"
        share = (now - self.started) / max(self.due - self.started, 1e-9)
        return next(name for end, name in STAGES if share < end or end > 1)


@dataclass(slots=True)
class Write:
    """One push operation: something the client wrote to a platform; times since the epoch."""

    id: str
    company_id: str
    connection_id: str
    data_type: str
    kind: str  # Create, Update, Delete or UploadAttachment
    requested: float
    status: str = "Pending"
    completed: float | None = None
    message: str | None = None
    record_id: str | None = None


@dataclass(slots=True)
class Connection:
    """A company's link to one platform.

    `is_on` says whether the machine that an on-premise platform runs on is on; `is_one_time` that
    its connector removes itself after the first read.
    """

    id: str
    company_id: str
    platform: Platform
    created: str
    ids: Ids
    status: ConnectionStatus = ConnectionStatus.PENDING_AUTH
    last_sync: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    was_linked: bool = False
    linked_at: float = 0.0
    is_on: bool = True
    is_one_time: bool = False
    reading: set[str] = field(default_factory=set)  # data types
    read_at: dict[str, float] = field(default_factory=dict)  # data type: when its read ended
    otp: str = ""
    otp_issued: float = 0.0

    def fresh_otp(self, now: float) -> str:
        """Return the link's one-time password, a new one when the last is near its end."""
        if not self.otp or now - self.otp_issued > OTP_FRESH:
            self.renew_otp(now)
        return self.otp

    def renew_otp(self, now: float) -> None:
        """Make the links handed out so far worthless."""
        self.otp, self.otp_issued = self.ids.token(), now

    def accepts(self, otp: str, now: float) -> bool:
        """Whether a link with this password still works."""
        return otp != "" and otp == self.otp and now - self.otp_issued <= OTP_LIFE


@dataclass(slots=True)
class Company:
    """A customer whose data is shared."""

    id: str
    name: str
    created: str
    ids: Ids
    ledger: tuple[int, int]  # a seed and an ordinal: decide what its ledger holds
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    last_sync: str | None = None
    connections: dict[str, Connection] = field(default_factory=dict)
    info: dict[str, Any] | None = None  # what its ledger says, once read
    given_info: dict[str, Any] = field(default_factory=dict)  # wins over what is made up
    is_classic: bool = False
    is_silent: bool = False
    history: deque[Pull] = field(default_factory=lambda: deque(maxlen=MAX_HISTORY))
    running: dict[tuple[str, str], Pull] = field(default_factory=dict)  # (connection, data type)
    latest: dict[str, Pull] = field(default_factory=dict)  # data type
    succeeded: dict[str, Pull] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)  # data type: how its next reads end
    sync_settings: SyncSettings | None = None
    products: list[str] = field(default_factory=list)
    writes: deque[Write] = field(default_factory=lambda: deque(maxlen=MAX_HISTORY))

    def linked(self) -> Iterator[Connection]:
        """Go through the connections that are linked now."""
        return (c for c in self.connections.values() if c.status is ConnectionStatus.LINKED)


@dataclass(slots=True)
class Consumer:
    """An endpoint that takes webhooks: of today's service, or the older one's rule (`rule_type`).

    `event_types` None means all.
    """

    id: str
    url: str
    event_types: list[str] | None = None
    company_tags: list[str] = field(default_factory=list)
    disabled: bool = False
    rule_type: str | None = None
    company_id: str | None = None
    emails: list[str] = field(default_factory=list)

    def serves(self, company_id: str | None, tags: dict[str, str]) -> bool:
        """Whether what a company does goes here: any of its tags is enough (Codat)."""
        if self.company_id not in (None, company_id):
            return False
        return not self.company_tags or any(
            f"{k}:{v}" in self.company_tags for k, v in tags.items()
        )

    def wants(self, kind: str) -> bool:
        """Whether events of a type go here."""
        return self.event_types is None or kind in self.event_types
