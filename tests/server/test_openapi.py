"""Our own API as others read it: a description without faults, and answers that keep to it.

`make fuzz` asks for three minutes with each role (RELAY_FUZZ_SECONDS), new requests each time.
"""

import inspect
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings, strategies
from pydantic import BaseModel, ValidationError
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from codat.records import Company, Integration
from portal.api.schedules.schemas import ScheduleBody
from portal.http.groups import Schemas, Sent
from relay.events.catalogue import event_types
from relay.store import Store
from support import npm
from support.parts import company_id, connection_id
from support.portal_bench import (
    OPERATOR,
    VIEWER,
    Portal,
    ScriptedCodat,
    kind,
    make_company,
    make_data_type,
)

SECONDS = float(os.environ.get("RELAY_FUZZ_SECONDS", "0"))
EXAMPLES = 3
TOKENS = {"operate": OPERATOR, "view": VIEWER, "none": None}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = list(schemathesis.GenerationMode)
# Without end, or whole only with a server that these tests have not.
LEFT_OUT = {"stream_events"}


def description(portal: Portal) -> dict[str, Any]:
    found: dict[str, Any] = portal.get("/openapi.json", token=None).json
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_a_linter_finds_nothing(tmp_path):
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(description(Portal())))
    redocly = npm.binary("@redocly/cli", "redocly")
    done = subprocess.run(
        [redocly, "lint", "--format=json", "openapi.json"], cwd=tmp_path, timeout=120,
        capture_output=True, text=True, check=False, env=os.environ | {"REDOCLY_TELEMETRY": "off"},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [(one["ruleId"], one["message"]) for one in found["problems"]] == []
    assert done.returncode == 0


def test_every_operation_says_who_may_ask_and_what_refusals_may_come():
    portal = Portal(relay_public_url="https://relay.example")
    described = description(portal)
    assert described["servers"] == [{"url": "https://relay.example"}]
    for method, path, operation in operations(described):
        guarded = path.startswith("/v1/")
        assert operation["security"] == ([{"token": []}] if guarded else [])
        refusals = {"401", "422", "503"} if guarded else set()
        if guarded and method != "get":
            refusals |= {"400", "403", "408", "413", "415"}
        assert refusals <= set(operation["responses"]), (method, path)
    assert len(described["webhooks"]) == len(event_types())
    assert all(one["post"]["security"] == [] for one in described["webhooks"].values())


def test_two_models_of_one_name_are_refused():
    portal = Portal()
    assert description(portal)
    held = portal.app.components_schemas
    assert isinstance(held, Schemas)
    assert {"PolicyPreview", "ReplayPreview"} <= set(held)
    assert "Preview" not in held
    with pytest.raises(ValueError, match="two different models are named Problem"):
        held.update(Problem=held["PolicyPreview"])
    held.update(Problem=held["Problem"])


def bodies(portal: Portal) -> dict[str, type[BaseModel]]:
    """The model of each operation's body, by the view's name."""
    found = {}
    for name, view in portal.app.view_functions.items():
        annotations = inspect.unwrap(view).__annotations__
        if "body" in annotations:
            found[name] = annotations["body"]
    return found


def test_every_body_is_read_strictly():
    found = bodies(Portal())
    assert len(found) > 15
    assert [name for name, model in found.items() if not issubclass(model, Sent)] == []


LINKED = f"/v1/schedules/{company_id(1)}/all"
WRONG_TYPES = [
    ("put", LINKED, {"cadence": "daily", "off": 0}, "off"),
    ("put", LINKED, {"cadence": "daily", "off": "true"}, "off"),
    ("put", LINKED, {"cadence": "daily", "hour": True}, "hour"),
    ("put", LINKED, {"cadence": "daily", "hour": "5"}, "hour"),
    ("put", LINKED, {"cadence": "daily", "hour": 5.0}, "hour"),
    ("put", LINKED, {"cadence": "hourly", "every": True}, "every"),
    ("put", LINKED, {"cadence": "daily", "timezone": 5}, "timezone"),
    ("post", "/v1/syncs", {"all": True, "preview": 0}, "preview"),
    ("post", "/v1/syncs", {"all": 1, "preview": True}, "all"),
    ("post", "/v1/rereads", {"all": True, "preview": "no"}, "preview"),
    ("post", "/v1/rereads", {"companies": company_id(1)}, "companies"),
    ("post", "/v1/rereads", {"companies": {company_id(1): 1}}, "companies"),
    ("post", "/v1/schedules/load", {"added": [False]}, "added.0"),
    ("post", "/v1/schedules/load", {"added": ["1"]}, "added.0"),
    ("post", "/v1/schedules/load", {"hours": "24"}, "hours"),
    ("post", "/v1/pauses?preview=true",
     {"scope": "everything", "reason": "x", "ends": 4000000000}, "ends"),
    ("post", "/v1/pauses?preview=true",
     {"scope": "everything", "reason": "x",
      "window": {"start": "22:00", "end": "06:00", "weekdays": [True]}}, "window.weekdays.0"),
    ("post", "/v1/intents/retry", {"all": True, "preview": 0}, "preview"),
    ("post", "/v1/reconciliations", {"all": True, "preview": 1}, "preview"),
    ("post", "/v1/replays", {"preview": 1}, "preview"),
    ("post", "/v1/policy/apply", {"preview": 1}, "preview"),
    ("post", "/v1/policy/apply", {"all": False}, "body"),
    ("post", "/v1/policy/apply", {"companies": []}, "body"),
    ("post", "/v1/policy/apply", {"companies": "x"}, "companies"),
    ("post", "/v1/policy/apply", [], "body"),
    ("post", "/v1/policy/apply", 0, "body"),
    ("post", "/v1/policy/apply", False, "body"),
    ("post", "/v1/policy/apply", "", "body"),
    ("put", "/v1/policy", {"rules": [{"cadence": "daily", "hour": "5"}]}, "rules.0.hour"),
    ("post", "/v1/subscriptions", {"url": "https://example.com/", "batch": "5"}, "batch"),
    ("post", "/v1/schedules", {"companies": [5], "data_type": "all"}, "companies.0"),
    ("put", LINKED, '{"cadence":"daily"}', "body"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "field"), WRONG_TYPES)
def test_a_value_of_another_type_is_refused_and_not_converted(method, path, body, field):
    portal = Portal()
    portal.hold(make_company(1))
    answer = portal.ask(method.upper(), path, json=body)
    assert kind(answer) == "invalid"
    assert field in [error["field"] for error in answer.get_json(force=True)["errors"]]


def test_values_of_their_types_are_taken():
    taken = {"cadence": "hourly", "every": 4, "off": False, "catch_up": "all", "timezone": "UTC"}
    assert ScheduleBody.model_validate(taken).every == 4
    with pytest.raises(ValidationError):
        ScheduleBody.model_validate(taken | {"every": 4.5})
    portal = Portal()
    ends = "2099-01-05T08:00:00+01:00"
    pause = {"scope": "everything", "reason": "x", "ends": ends}
    assert portal.post("/v1/pauses?preview=true", json=pause).status_code == 200
    portal.hold(make_company(1))
    chosen = {"companies": [company_id(1)], "preview": True}
    for path in ("rereads", "syncs", "policy/apply", "reconciliations", "intents/retry"):
        given = {"all": True, "preview": True} if path == "intents/retry" else chosen
        assert portal.post(f"/v1/{path}", json=given).status_code == 200
    since = {"since": "2026-01-05T08:00:00Z", "type": ["*"], "result": "dead", "preview": True}
    assert portal.post("/v1/replays", json=since).status_code == 200
    nothing = {"kind": None, "company": None, "names": [], "all": True, "preview": True}
    assert portal.post("/v1/intents/retry", json=nothing).status_code == 200
    load = {"hours": 3, "added": [1, -1], "status": "Linked", "companies": []}
    assert portal.post("/v1/schedules/load", json=load).status_code == 200
    assert portal.post("/v1/policy/apply", json=None).status_code == 202
    assert portal.post("/v1/policy/apply").status_code == 202


@pytest.mark.parametrize("raw", [b"{", b"[1,]", b"\xff", b"NaN", b'{"a":\xed\xa0\x80}'])
@pytest.mark.parametrize("path", ["/v1/syncs", f"/v1/companies/{company_id(1)}/reread"])
def test_what_is_no_json_is_malformed_as_is_described(path, raw):
    portal = Portal()
    answer = portal.post(path, data=raw, content_type="application/json")
    assert (answer.status_code, kind(answer)) == (400, "malformed")


class Offering(ScriptedCodat):
    """Also knows each company, and says what can be linked: nothing."""

    def get_company(self, company: str) -> Company:
        return Company(company, "Acme", redirect="https://link.codat.io/company/77")

    def list_integrations(self) -> Iterator[Integration]:
        return iter(())


def peopled(store: Store) -> Portal:
    """A portal with something of each kind in it."""
    portal = Portal(store=store, codat=Offering(), relay_private_networks=("127.0.0.0/8",))
    company = make_company(1, data_types={f"{connection_id(1)}|invoices": make_data_type()})
    portal.hold(company, make_company(2, "Unlinked"))
    portal.put(LINKED, json={"cadence": "daily"})
    portal.log(("company.renamed", 1), ("pause.started", None), data={})
    return portal


def ids(portal: Portal) -> dict[str, str]:
    """Ids of what is there; made-up ones alone would meet 404 and nothing else."""
    made = portal.post("/v1/subscriptions", json={"url": "http://127.0.0.1:9/hook"}).json
    journey = portal.post("/v1/journeys", json={"company_id": company_id(1)}).json
    pause = portal.post("/v1/pauses", json={"scope": "data_type", "value": "bills", "reason": "x"})
    run = portal.post("/v1/reconciliations", json={"all": True}).json
    return {
        "company_id": company_id(1), "data_type": "all", "event_type": "pause.set",
        "subscription_id": made["id"], "journey_id": journey["id"], "pause_id": pause.json["id"],
        "reconciliation_id": run["id"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    return schemathesis.openapi.from_dict(description(Portal()))


@pytest.mark.parametrize("role", TOKENS)
def test_whatever_is_asked_the_answer_is_as_described(store, schema, role):
    """Each operation in turn, by what its description allows and what it does not."""
    portal = peopled(store)
    known = ids(portal)
    head = {"Accept-Encoding": "identity"}  # what is asked in this process is not decoded
    if TOKENS[role] is not None:
        head["Authorization"] = f"Bearer {TOKENS[role]}"
    asked = [one.ok() for one in schema.get_all_operations()]
    asked = [one for one in asked if one.definition.raw["operationId"] not in LEFT_OUT]
    statuses: set[int] = set()

    def ask(operation: Any) -> None:
        cases = strategies.one_of(operation.as_strategy(generation_mode=mode) for mode in MODES)

        @given(case=cases, is_real=strategies.booleans())
        @settings(
            max_examples=10 if SECONDS else EXAMPLES,
            derandomize=not SECONDS,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        def judge(case: Any, is_real: bool) -> None:
            if is_real:
                for name in re.findall(r"\{(\w+)\}", operation.path):
                    case.path_parameters[name] = known.get(name, case.path_parameters.get(name))
            case.headers.pop("Authorization", None)
            answer = case.call(app=portal.app, headers=head)
            statuses.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        judge()

    faults: dict[str, BaseException] = {}
    until = time.monotonic() + SECONDS
    for number, operation in enumerate(cycle(asked) if SECONDS else asked):
        if number >= len(asked) and time.monotonic() >= until:
            break
        try:
            ask(operation)
        except (Exception, FailureGroup) as fault:
            faults.setdefault(operation.label, fault)
    assert not faults, "\n".join(f"{label}: {fault}" for label, fault in faults.items())
    if role == "none":
        assert statuses - {401} <= {200, 503}
    assert {401} <= statuses if role == "none" else {200, 404, 422} <= statuses
