"""Every kind of webhook Codat sends: answered 204, and ended as what it means.

The project's own payloads always; Codat's published samples where CODAT_SPEC_DIR names them.
"""

import fnmatch
import json
from typing import Any

import pytest

from codat.webhook import parse
from relay.inbox.replay_filter import MessageFilter
from support import published
from support.parts import SHARED, Bench, signed
from support.paths import PAYLOADS
from support.stored import stored_intent
from workers.inbox.routing import handler_for

OWN = sorted((PAYLOADS).glob("*.json"))
FOLDERS = [
    "webhooks-current",
    "webhooks-current-docs-site",
    "webhooks-legacy",
    "webhooks-legacy-early",
    "webhooks-migration-guide",
]

# What each type must come to: the events logged, in order, and the intents left.
# A first event of a company also logs company.created; connection changes log what changed.
LINKED = ["company.created", "connection.status_changed", "company.status_changed"]
FIRST = ["company.created"]
EXPECTED: dict[str, tuple[list[str], set[str]]] = {
    "company.created": (FIRST, set()),
    "company.deleted": ([*FIRST, "company.status_changed", "company.deleted"], {"cadence"}),
    "company.product.*": ([*FIRST, "company.products_changed"], set()),
    "connection.created": (LINKED, {"cadence"}),
    "connection.connected": (LINKED, {"info", "cadence"}),
    "connection.reconnected": (LINKED, {"info", "cadence"}),
    "connection.disconnected": (LINKED, {"cadence"}),
    "connection.failed": ([*LINKED, "connection.link_failed"], set()),
    "connection.deleted": (LINKED[:2], {"cadence"}),
    "client.rateLimit.reached": (["rate_limit.reached"], set()),
    "client.rateLimit.reset": (["rate_limit.reset"], set()),
    "*.write.successful": ([*FIRST, "push.completed"], set()),
    "*.write.unsuccessful": ([*FIRST, "push.failed"], set()),
    "bankFeeds.sourceAccount.*": ([*FIRST, "solution.reported"], set()),
    "expenses.sync.*": ([*FIRST, "solution.reported"], set()),
    "report.*": ([*FIRST, "solution.reported"], set()),
    "reports.*": ([*FIRST, "solution.reported"], set()),
    "DataConnectionStatusChanged": ([], {"reread"}),
    "NewCompanySynchronized": ([], {"reread"}),
    "DataSyncCompleted": (["sync.completed"], set()),
    "DatasetDataChanged": (["data.changed"], set()),
    "DataSyncStatusChangedToError": (["sync.failed"], {"reread"}),
    "PushOperationStatusChanged": (["push.completed"], set()),
    "PushOperationTimedOut": (["push.failed"], set()),
    "AccountCategoriesUpdated": (["solution.reported"], set()),
    "SyncConnectionDeleted": (["solution.reported"], set()),
    "SyncCompleted": (["solution.reported"], set()),
    "SyncFailed": (["solution.reported"], set()),
    "ClientRateLimitReached": (["rate_limit.reached"], set()),
    "ClientRateLimitReset": (["rate_limit.reset"], set()),
}
STATUSES = {"connection.deleted": "Blank", "company.deleted": "Deleted"}


def deliver_and_check(bench: Bench, body: bytes, *, shared: bool) -> None:
    event = parse(body)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "authorization": SHARED,
    }
    assert bench.take(headers if shared else signed(body), body).status == 204
    assert bench.drain() == 1
    assert bench.store.inbox.dead_letters() == []
    types = bench.types()
    intents = {
        kind
        for kind in ("info", "name", "reread", "cadence")
        if event.company_id and stored_intent(bench.store, f"{kind}:{event.company_id}")
    }
    if event.type.startswith("read.completed"):
        check_reads(bench, event, types)
        return
    pattern = next((p for p in EXPECTED if fnmatch.fnmatchcase(event.type, p)), None)
    if pattern is None:  # a handler's own test holds what the event comes to
        is_unknown = types[-1] == "webhook.unknown_type"
        assert is_unknown == (handler_for(event.type) is None)
        return
    expected, wanted = EXPECTED[pattern]
    if event.is_legacy and event.payload.get("dataType") == "company":
        wanted = wanted | {"info"}
    if event.company_id is None:
        expected = [kind for kind in expected if kind != "company.created"]
        types = [kind for kind in types if kind != "company.created"]
    if event.type == "PushOperationStatusChanged" and event.payload.get("status") != "Success":
        expected = [types[-1]]
        assert types[-1] in ("push.failed", "push.progressed")
    assert types == expected
    assert intents == wanted
    check_state(bench, event)


def check_state(bench: Bench, event: Any) -> None:
    company = bench.store.companies.get(event.company_id) if event.company_id else None
    if event.is_legacy:
        assert company is None, "a hint must not make a company"
        return
    if event.type in STATUSES:
        assert company.status == STATUSES[event.type]
    elif event.type.startswith("connection."):
        assert company.connections[event.connection.id].status == event.connection.status
    if company is not None and event.company is not None:
        assert company.name == event.company.name


def check_reads(bench: Bench, event: Any, types: list[str]) -> None:
    told = [kind for kind in types if kind.startswith("sync.")]
    assert len(told) == len(event.reads) > 0
    company = bench.store.companies.get(event.company_id)
    for read in event.reads:
        assert company.data_types[f"{read.connection_id}|{read.data_type}"].status == read.status
    changed = [r for r in event.reads if r.records_modified and r.status == "Complete"]
    assert types.count("data.changed") == len(changed)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_each_of_our_payloads_ends_as_what_it_means(bench, path):
    body = path.read_bytes()
    deliver_and_check(bench, body, shared=parse(body).is_legacy)


@published.needs_published
@pytest.mark.parametrize(
    "path", [p for folder in FOLDERS for p in published.paths(folder)], ids=lambda p: p.stem
)
def test_each_published_sample_ends_as_what_it_means(bench, path):
    body = path.read_bytes()
    deliver_and_check(bench, body, shared=parse(body).is_legacy)


@published.needs_published
@pytest.mark.parametrize("path", published.paths("webhooks-legacy"), ids=lambda p: p.stem)
def test_a_legacy_body_under_todays_signature_is_taken_the_same_way(bench, path):
    deliver_and_check(bench, path.read_bytes(), shared=False)


@published.needs_published
def test_the_published_signature_vector_is_accepted(store, make_settings):
    vector = published.load("signature/docs-example-vector.json")
    from codat import signature

    given = signature.verify(
        [vector["secret"]],
        vector["headers"],
        vector["body"].encode(),
        now=int(vector["headers"]["webhook-timestamp"]),
    )
    assert given == vector["headers"]["webhook-id"]


@published.needs_published
@pytest.mark.parametrize("order", [1, -1])
def test_samples_with_the_same_id_all_apply_but_their_resends_do_not(bench, order):
    """Codat's test events are such samples: of whatever type, they have the same id."""
    bodies = [p.read_bytes() for folder in FOLDERS for p in published.paths(folder)][::order]
    distinct = len(set(bodies))
    assert len({parse(body).id for body in bodies}) < distinct / 3
    for _ in range(2):
        for body in bodies:
            assert bench.take(signed(body), body).status == 204
    depths = bench.store.inbox.depths()
    assert (depths["accepted"], depths["duplicates"]) == (distinct, 2 * len(bodies) - distinct)
    bench.drain()
    assert bench.store.inbox.dead_letters() == []
    kept = bench.store.messages.newest(MessageFilter(result="applied"), None, 500, 500).messages
    assert sorted(one.message.body for one in kept) == sorted(set(bodies))
    types = bench.types()
    for told in ("push.completed", "push.failed", "solution.reported", "rate_limit.reset"):
        assert types.count(told) == sum(leads_to(body) == told for body in set(bodies)), told
    company = bench.store.companies.get("0498e921-9b53-4396-a412-4f2f5983b0a2")
    assert [connection.status for connection in company.connections.values()] == ["deleted"]


def leads_to(body: bytes) -> str:
    event = parse(body)
    if event.type == "PushOperationStatusChanged" and event.payload["status"] != "Success":
        return "push.failed"
    found = [EXPECTED[p][0] for p in EXPECTED if fnmatch.fnmatchcase(event.type, p)]
    return found[0][-1] if found and found[0] else ""


def test_an_unknown_type_is_kept_and_logged(bench):
    body = json.dumps({"id": "1", "eventType": "ledger.exploded", "payload": {}}).encode()
    assert bench.take(signed(body), body).status == 204
    bench.drain()
    assert bench.log() == [("webhook.unknown_type", {"event_type": "ledger.exploded"})]


def test_every_handled_type_has_a_payload_of_ours():
    from workers.inbox.routing import table

    ours = {parse(path.read_bytes()).type for path in OWN}
    for pattern in table():
        if not pattern.startswith(("relay.", "journey.")):
            assert any(fnmatch.fnmatchcase(one, pattern) for one in ours), pattern
