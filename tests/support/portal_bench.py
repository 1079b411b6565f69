"""What the portal's tests share: an app over a fake server, companies in it, a scripted Codat."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import uuid4

import fakeredis
import orjson
import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI
from werkzeug.test import TestResponse

from codat.client import Codat
from codat.records import Company as CodatCompany
from portal.app import make_routes, make_services, provide
from portal.http.tail import Tail
from portal.services import Services
from relay.companies.company import Company, Connection, DataTypeState
from relay.inbox.message import Action, action_fields
from relay.settings import Settings
from relay.store import Store, keys
from relay.store.inbox.lanes import Batch, Event
from relay.store.scripts import Scripts
from relay.store.server.checks import Server
from support.parts import SentHints, company_id, connection_id

VIEWER = "viewer-viewer-viewer-viewer"
OPERATOR = "operator-operator-operator"
# A company's books before and now, and how they differ.
BEFORE = {"companyName": "Acme", "registrationNumber": "1"}
NOW = {"companyName": "Other", "registrationNumber": "2"}
FLAG = {"registrationNumber": {"previous": "1", "current": "2"}}
MOMENT = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z in microseconds
LEASE_MS = 60_000


@dataclass
class ScriptedCodat:
    """Creates companies as told: `answer` is given or raised, and what was asked is kept."""

    answer: CodatCompany | Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def create_company(self, name: str, **given: Any) -> CodatCompany:
        self.asked.append({"name": name, **given})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or CodatCompany(
            company_id(77), name, redirect="https://link.codat.io/company/77"
        )


def make_company(number: int, status: str = "Linked", **changes: Any) -> Company:
    """A company with one connection in this status, or none for an empty one."""
    version = (MOMENT, "e-1")
    company = Company(
        id=company_id(number),
        name=f"Company {number}",
        name_version=version,
        first_seen=MOMENT // 1000,
        last_webhook=MOMENT // 1000,
    )
    if status:
        connection = Connection(
            connection_id(number), status, version, "gbol", "Xero", "Accounting", ever_linked=True
        )
        company = replace(company, connections={connection.id: connection})
    return replace(company, **changes)


def make_data_type(status: str = "Complete", last_success: int | None = MOMENT) -> DataTypeState:
    return DataTypeState(status, (MOMENT, "e-1"), last_success)


def trim(store: Store, up_to: int) -> None:
    """Drop the log's old end, up to this number."""
    names = [keys.LOG, keys.META, keys.TIME_INDEX, keys.ERASED]
    Scripts(store.client).trim_log(names, [up_to])


@contextmanager
def tails_ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that whoever watches the log's end in the block stops with it, before its server does."""
    tails: list[Tail] = []
    begin = Tail._start

    def begun(self: Tail) -> None:
        tails.append(self)
        self._wait = min(self._wait, 0.2)  # seconds, so that it stops soon
        begin(self)

    monkeypatch.setattr(Tail, "_start", begun)
    yield
    for tail in tails:
        tail.end()
        while tail._running:  # a reader that leaves puts the end of watching off
            tail.close()
            time.sleep(0.01)


@cache
def _routes(uses_sandbox: bool) -> OpenAPI:
    """The app's routes and templates, made once per process: compiling them takes 0.1 s."""
    app = make_routes(uses_sandbox)
    assert app.jinja_env  # made when it is first asked for
    return app


def app_with(services: Services) -> OpenAPI:
    """The portal's app with services of its own; its routes are those of all tests."""
    app = copy(_routes(services.settings.uses_sandbox))
    app.extensions = {}
    provide(app, services)
    return app


class Portal:
    """The portal over a fake server. `get`, `post`, `put` and `delete` send an operator's token."""

    def __init__(
        self,
        waiting: bool = False,
        store: Store | None = None,
        codat: Codat | None = None,
        **changes: Any,
    ) -> None:
        self.redis_server = fakeredis.FakeServer()
        self.client = fakeredis.FakeStrictRedis(server=self.redis_server)
        self.store = store or Store(self.client, Server("fake", False, 0))
        self.hints = SentHints()
        self.codat = codat or ScriptedCodat()
        changes.setdefault("relay_tokens", (f"vera:view:{VIEWER}", f"olga:operate:{OPERATOR}"))
        self.settings = Settings(**changes)
        self.app = app_with(
            make_services(
                self.settings,
                self.store,
                self.hints,  # type: ignore[arg-type]
                self.codat,  # type: ignore[arg-type]
                waiting=self.store if waiting else None,
            )
        )
        self.web: FlaskClient = self.app.test_client()

    def ask(
        self, method: str, path: str, token: str | None = OPERATOR, **options: Any
    ) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.web.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.ask("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.ask("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.ask("DELETE", path, **options)

    def hold(self, *companies: Company, **batch: Any) -> None:
        """Put companies into the store the way a drain does, one lane after another."""
        for company in companies:
            self._commit(company.id, Batch(states={company.id: company.to_json()}, **batch))

    def log(self, *events: tuple[str, int | None], data: Mapping[str, Any] | None = None) -> None:
        """Append events, each of a type and about a company's number or none, in one commit."""
        logged = [
            Event(
                event_type,
                "/codat/default" + ("" if number is None else f"/companies/{company_id(number)}"),
                "" if number is None else company_id(number),
                MOMENT,
                "msg_1",
                orjson.dumps(data or {}),
            )
            for event_type, number in events
        ]
        self._commit(company_id(0), Batch(events=logged))

    def _commit(self, company: str, batch: Batch) -> None:
        inbox = self.store.inbox
        key = f"test-{uuid4()}"
        action = Action(key, "relay.test", company, MOMENT, {})
        entry = inbox.ingest(key, company, action_fields(action))
        lease = inbox.claim(entry.lane, LEASE_MS)
        assert lease is not None
        *_, last = inbox.read(lease, lease.cursor, 1000)
        done = inbox.commit(lease, lease.cursor, last, batch, now=MOMENT // 1000, lease_ms=LEASE_MS)
        assert done is not None
        assert inbox.release(lease)

    def messages(self, number: int) -> list[dict[bytes, bytes]]:
        """All messages in the lane of a company."""
        company = company_id(number)
        lane = self.store.inbox.lane_of(company)
        entries = self.store.client.xrange(keys.LANE + str(lane))
        return [fields for _, fields in entries if fields[b"company"] == company.encode()]


def problem(response: TestResponse) -> dict[str, Any]:
    """The body of a refusal, after checking that it is a whole problem."""
    assert response.mimetype == "application/problem+json"
    body = response.get_json(force=True)
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == response.status_code
    return body


def kind(response: TestResponse) -> str:
    """The name of a refusal's kind."""
    return problem(response)["type"].rpartition("#")[2]
