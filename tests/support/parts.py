"""What tests build with: signed deliveries, events of today, workers without RQ, one fake Codat."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from codat import records, signature
from codat.client import Codat, Generation
from codat.errors import CodatError, NotFound
from receiver.intake import Answer, Delivery, Intake
from relay.budget import SharedGate
from relay.settings import Settings
from relay.store import Store
from support.log import read_log
from workers.context import Context
from workers.inbox.drain import drain_lanes
from workers.intents.perform import perform_due

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
OTHER_SECRET = "whsec_" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI="
SHARED = "Bearer shared-value-of-the-rules"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def company_id(number: int) -> str:
    """The id of a company by number: the same every time."""
    return str(UUID(int=0xC0DA7 << 64 | number))


def connection_id(number: int) -> str:
    """The id of a connection by number."""
    return str(UUID(int=0xC022 << 64 | number))


def moment(seconds: float = 0) -> str:
    """A time as Codat writes it, `seconds` after a fixed start."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def make_event(
    event_type: str,
    *,
    company: int | None = 1,
    at: float = 0,
    id: str | None = None,
    **payload: Any,
) -> dict[str, Any]:
    """An event of today as a dict; `connection=(number, status)` puts a connection in."""
    if company is not None:
        named = {"id": company_id(company), "name": payload.pop("name", f"Company {company}")}
        payload = (
            payload | named
            if event_type.startswith("company.")
            else {
                **payload,
                "referenceCompany": named,
            }
        )
    if "connection" in payload:
        number, status = payload.pop("connection")
        payload["connection"] = make_connection(number, status)
    return {
        "id": id or str(uuid4()),
        "eventType": event_type,
        "generatedDate": moment(at),
        "payload": payload,
    }


def odd_bodies(event: dict[str, Any]) -> dict[str, bytes]:
    """The bodies in which an event may come that Python's parser reads and a strict one refuses.

    They differ from it by a field `more` and in the name of the company, if at all.
    """
    text = json.dumps(event, ensure_ascii=False)

    def more(value: str) -> bytes:
        return text.replace("{", f'{{"more": {value}, ', 1).encode()

    named = text.replace("Company 1", "Café 1")
    return {
        "half a surrogate pair": text.replace("Company 1", r"Company \ud83d").encode(),
        "half a pair in a field's name": more(r'{"\udc00": 1}'),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "NaN": more("NaN"),
        "infinities": more("[Infinity, -Infinity]"),
        "1e400": more("1e400"),
        "a whole number without end": more("9" * 5000),
        "control characters": text.replace("Company 1", "Comp\x00any\x1b[2J\n\t1").encode(),
        "a field twice": more('1, "more": NaN'),
        "lists in lists": more("[" * 2000 + "]" * 2000),
        "objects in objects": more('{"a":' * 20_000 + "1" + "}" * 20_000),
        "Latin-1": named.encode("latin-1"),
        "a letter cut in half": named.encode().replace(b"\xc3\xa9", b"\xc3"),
        "UTF-16": named.encode("utf-16"),
        "UTF-16 without a mark": named.encode("utf-16-be"),
        "UTF-32": named.encode("utf-32"),
    }


def make_connection(number: int, status: str) -> dict[str, Any]:
    """A connection as Codat writes it."""
    return {
        "id": connection_id(number),
        "integrationId": str(UUID(int=1)),
        "integrationKey": "gbol",
        "sourceId": str(UUID(int=2)),
        "platformName": "Xero",
        "linkUrl": f"https://link-api.codat.io/connections/{connection_id(number)}",
        "status": status,
        "created": moment(),
        "sourceType": "Accounting",
    }


def signed(
    body: bytes, *, message_id: str | None = None, secret: str = SECRET, at: int | None = None
) -> dict[str, str]:
    """All headers of a signed delivery, names in lower case."""
    stamp = int(time.time()) if at is None else at
    return {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **signature.headers(secret, message_id or f"msg_{uuid4().hex}", stamp, body),
    }


@dataclass
class SentHints:
    """Hints that were sent, instead of RQ's queues."""

    drained: list[int] = field(default_factory=list)
    performed: int = 0
    delivered: int = 0
    replayed: list[str] = field(default_factory=list)

    def drain(self, lane: int) -> bool:
        self.drained.append(lane)
        return True

    def perform(self) -> None:
        self.performed += 1

    def deliver(self) -> None:
        self.delivered += 1

    def replay(self, replay_id: str) -> None:
        self.replayed.append(replay_id)


@dataclass
class FakeCodat:
    """Codat as a dict of companies; what was asked is recorded, and `failing` makes calls fail."""

    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    infos: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)  # by data type
    failing: Callable[[str, str], CodatError | None] = lambda operation, company: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    refreshed: list[tuple[str, str]] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    connections: dict[str, str] = field(default_factory=dict)  # id -> status
    deleted: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _ask(self, operation: str, company: str) -> None:
        with self.lock:
            self.asked.append((operation, company))
            if error := self.failing(operation, company):
                raise error

    def _held(self, company: str) -> dict[str, Any]:
        if company not in self.companies:
            raise NotFound("no such company", status=404)
        return self.companies[company]

    def get_company(self, company: str) -> records.Company:
        self._ask("get_company", company)
        return records.Company.from_json(json.loads(json.dumps(self._held(company))))

    def update_company(
        self, company: str, name: str, *, read: records.Company | None = None
    ) -> records.Company:
        self._ask("update_company", company)
        self._held(company)["name"] = records.kept_by_codat(name)
        self.renamed.append((company, name))
        return records.Company.from_json(self._held(company))

    def get_company_info(self, company: str) -> records.CompanyInfo:
        from codat.errors import Conflict

        self._ask("get_company_info", company)
        if company not in self.infos:
            raise Conflict("The data set has not been requested.", status=409)
        return records.CompanyInfo.from_json(self.infos[company])

    def get_connection(self, company: str, connection: str) -> records.Connection:
        self._ask("get_connection", company)
        if connection not in self.connections:
            raise NotFound("no such connection", status=404)
        return records.Connection(connection, self.connections[connection])

    def get_company_data_status(self, company: str) -> dict[str, records.DataStatus]:
        self._ask("get_company_data_status", company)
        return {
            name: records.DataStatus.from_json({**one, "dataType": name})
            for name, one in self.statuses.items()
        }

    def delete_connection(self, company: str, connection: str) -> None:
        self._ask("delete_connection", company)
        del self.connections[connection]
        self.deleted.append(connection)

    def refresh_company_data(self, company: str) -> None:
        self._ask("refresh_company_data", company)
        self.refreshed.append((company, "all"))

    def refresh_data_type(self, company: str, data_type: str) -> records.PullOperation:
        self._ask("refresh_data_type", company)
        self.refreshed.append((company, data_type))
        return records.PullOperation.from_json({"id": str(uuid4())})

    def list_pull_operations(self, company: str, **_: Any) -> Iterable[records.PullOperation]:
        self._ask("list_pull_operations", company)
        return iter([records.PullOperation.from_json(one) for one in self.history])


@dataclass
class Bench:
    """A store with an intake in front and workers behind, without processes between them."""

    store: Store
    settings: Settings
    codat: FakeCodat = field(default_factory=FakeCodat)
    hints: SentHints = field(default_factory=SentHints)

    def __post_init__(self) -> None:
        self.intake = Intake(
            self.store,
            self.hints,
            secrets=[SECRET, OTHER_SECRET],
            authorizations=[SHARED],  # type: ignore[arg-type]
        )
        self.context = Context(self.settings, self.store, self.hints, self.codat)  # type: ignore[arg-type]

    def deliver(self, event: dict[str, Any] | bytes, **signing: Any) -> Answer:
        """Post one event, signed, as Codat would."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.take(signed(body, **signing), body)

    def take(self, headers: dict[str, str], body: bytes) -> Answer:
        delivery = Delivery(headers, "default")
        before = self.intake.before_body(delivery)
        return before if isinstance(before, Answer) else self.intake.take(delivery, body)

    def drain(self) -> int:
        return drain_all(self.context)

    def perform(self) -> int:
        return perform_due(self.context)

    def settle(self, rounds: int = 20) -> None:
        """Drain and perform until neither finds anything to do."""
        for _ in range(rounds):
            if not self.drain() + self.perform():
                return

    def log(self) -> list[tuple[str, dict[str, Any]]]:
        """All events as type and data, after checking that their numbers have no gap."""
        events = read_log(self.store, 0, 1_000_000)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        return [(event.type, event.data) for event in events]

    def types(self) -> list[str]:
        return [event_type for event_type, _ in self.log()]


def drain_all(context: Context) -> int:
    """Drain until no lane waits: a job that has worked for a second hands the others on."""
    applied = 0
    while more := drain_lanes(context):
        applied += more
    return applied


def make_codat(
    api_key: str, url: str, store: Store | None = None, generation: Generation = Generation.CURRENT
) -> Codat:
    """A real client with short patience for a sandbox, behind the store's budget if given."""
    gate = SharedGate(store) if store else None
    return Codat(api_key, url, timeout=(2.0, 2.0), gate=gate, generation=generation)
