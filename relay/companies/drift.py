"""Where what we hold of a company differs from what Codat shows: pure comparison, no judgement."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from codat.records import Company as CodatCompany
from codat.records import Connection, read_time
from codat.statuses import ConnectionStatus
from relay.companies.company import DELETED, Company
from relay.times import Micros


class DriftKind(StrEnum):
    """What a difference means."""

    MISSED = "missed"  # a change for which Codat sends a webhook, and none was applied
    WRONG = "wrong"  # a difference for which no webhook is sent, such as a new name
    UNKNOWN = "unknown"  # a company that only one of us knows


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the event that should have reported it, what it is about, ours and Codat's.

    `at` is when it came about at Codat (microseconds since the epoch), where that is known.
    """

    kind: DriftKind
    event_type: str
    about: str
    ours: str | None
    codats: str | None
    at: Micros | None = None

    def shown(self) -> dict[str, Any]:
        """Return it as an event shows it."""
        return {name: value for name, value in asdict(self).items() if name != "at"}


# The webhook for a connection's change to a status (Codat: webhooks/event-types).
WEBHOOKS = {
    ConnectionStatus.PENDING_AUTH: "connection.created",
    ConnectionStatus.LINKED: "connection.connected",
    ConnectionStatus.UNLINKED: "connection.disconnected",
    ConnectionStatus.DEAUTHORIZED: "connection.disconnected",
}


def differences(held: Company | None, shown: CodatCompany) -> list[Difference]:
    """Compare one company; an empty list means that we hold what Codat shows."""
    if held is None or not held.known:
        created = read_time(shown.created)
        return [
            Difference(DriftKind.UNKNOWN, "company.created", shown.id, None, shown.name, created)
        ]
    found = []
    if held.deleted:
        found.append(Difference(DriftKind.WRONG, "company.deleted", held.id, "Deleted", shown.name))
    if shown.name and shown.name != held.name:
        found.append(Difference(DriftKind.WRONG, "name", held.id, held.name, shown.name))
    present = set()
    for connection in shown.connections:
        present.add(connection.id)
        ours = held.connections.get(connection.id)
        status = ConnectionStatus.parse(connection.status)
        told_by = WEBHOOKS.get(status, "connection.*") if status else "connection.*"
        codats = status or connection.status
        if ours is None or ours.status != codats:
            before = ours.status if ours else None
            at = _changed_at(connection, status)
            found.append(
                Difference(DriftKind.MISSED, told_by, connection.id, before, str(codats), at)
            )
    says_connections = isinstance(shown.raw.get("dataConnections"), list)
    for connection_id, ours in held.connections.items() if says_connections else ():
        if connection_id not in present and ours.status != DELETED:
            found.append(
                Difference(DriftKind.MISSED, "connection.deleted", connection_id, ours.status, None)
            )
    return found


def _changed_at(connection: Connection, status: ConnectionStatus | None) -> Micros | None:
    """Return when a connection got its status, as far as its record says."""
    if status is ConnectionStatus.PENDING_AUTH:
        return read_time(connection.created)
    if status is ConnectionStatus.DEAUTHORIZED:
        errors = (read_time(issue.errored_on) for issue in connection.errors)
        return max((at for at in errors if at is not None), default=None)
    return None
