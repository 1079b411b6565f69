"""How urgent each follow-up is: the reserve is for those who link, the rest follows its cause."""

import json
from dataclasses import replace

import pytest

import workers.inbox.fold as fold
from codat.webhook import Malformed, parse
from relay.store.intents.queue import Priority
from support.folding import action, apply, company_after, logged, payload, webhook
from support.parts import company_id, connection_id, make_connection, make_event
from support.paths import PAYLOADS
from workers.inbox.drain import fold_all
from workers.inbox.outcome import IntentRequest

LINKED = webhook(make_event("connection.connected", connection=(1, "Linked")))
COMPANY = {
    "id": company_id(1), "name": "Company 1", "dataConnections": [make_connection(1, "Linked")]
}  # fmt: skip


def read_of(event_type):
    read = {"connectionId": connection_id(1), "dataType": "company", "status": "Complete"}
    return webhook(make_event(event_type, dataTypes=[read], at=60))


def company_id_of(event):
    return parse(json.dumps(event).encode()).company_id


def without_company(event, given):
    """The event with `given` in the place of its company's id."""
    body = json.loads(json.dumps(event))
    if "CompanyId" in body:
        return body | {"CompanyId": given}
    place = body["payload"]
    if not body["eventType"].startswith("company."):
        place = place["referenceCompany"]
    place["id"] = given
    return body


def urgency(folded):
    """What is wanted, by kind, as urgently as it is."""
    return {need.name.partition(":")[0]: need.priority.name for need in folded.needs}


def told_at(priority, message):
    """The message as it is told by work of this priority."""
    return replace(message, priority=int(priority))


def test_the_info_after_a_link_is_urgent_a_look_at_its_sync_is_not():
    assert urgency(apply(None, LINKED)) == {
        "info": "LINK", "track": "RECONCILE", "cadence": "LOCAL"
    }  # fmt: skip


def test_info_that_is_read_again_is_urgent_only_after_a_link():
    held = company_after(LINKED)
    assert urgency(apply(held, read_of("read.completed.initial")))["info"] == "LINK"
    assert urgency(apply(held, read_of("read.completed")))["info"] == "NOW"


@pytest.mark.parametrize(
    ("priority", "looks"), [(Priority.NOW, "NOW"), (Priority.SCHEDULED, "RECONCILE")]
)
def test_tracking_a_requested_sync_is_urgent_other_tracking_is_last(priority, looks):
    requested = action("relay.sync_requested", data_type="invoices", period="p", operation_id="x")
    folded = apply(company_after(LINKED), told_at(priority, requested))
    assert urgency(folded) == {"track": looks}


def test_a_name_is_as_urgent_as_the_info_it_follows():
    held = company_after(action("relay.company_created", name="Session 1", placeholder=True))
    fetched = action("relay.info_fetched", info={"companyName": "Bakery Ltd"})
    for priority in (Priority.LINK, Priority.NOW, Priority.RECONCILE):
        assert urgency(apply(held, told_at(priority, fetched))) == {"name": priority.name}


def test_a_link_found_by_a_reread_is_urgent_by_a_comparison_not():
    reread = told_at(Priority.SCHEDULED, action("relay.company_read", company=COMPANY))
    assert urgency(apply(None, reread))["info"] == "LINK"
    compared = action("relay.reconciled", run="r", company=COMPANY)
    folded = apply(None, told_at(Priority.RECONCILE, compared))
    assert urgency(folded) == {"info": "RECONCILE", "cadence": "LOCAL"}


def test_work_without_calls_has_local_priority():
    held = replace(company_after(LINKED), stale=("invoices",))
    assert urgency(apply(held, read_of("read.completed")))["fresh"] == "LOCAL"


def test_work_with_calls_never_inherits_local_priority():
    held = company_after(action("relay.company_created", name="Session 1", placeholder=True))
    fetched = action("relay.info_fetched", info={"companyName": "Bakery Ltd"})
    assert urgency(apply(held, told_at(Priority.LOCAL, fetched))) == {"name": "RECONCILE"}


@pytest.mark.parametrize("kind", ["reread", "info", "name", "track", "cadence"])
def test_nothing_a_message_requests_waits_for_a_pause_to_end(kind):
    for priority in (None, *Priority):
        message = replace(LINKED, priority=priority if priority is None else int(priority))
        for link in (True, False):
            assert fold._priority(IntentRequest(kind, link=link), message) is not Priority.SCHEDULED


HINTS = {
    "legacy-NewCompanySynchronized": "LINK",
    "legacy-DataConnectionStatusChanged": "LINK",
    "legacy-DataSyncStatusChangedToError": "NOW",
}


@pytest.mark.parametrize(("name", "expected"), HINTS.items())
def test_a_hint_of_the_older_service_is_urgent_if_it_speaks_of_a_link(name, expected):
    assert urgency(apply(None, webhook(payload(name)))) == {"reread": expected}


def test_a_hint_of_another_change_than_a_link_is_not_urgent():
    event = payload("legacy-DataConnectionStatusChanged", Data={"newStatus": "Unlinked"})
    assert urgency(apply(None, webhook(event))) == {"reread": "NOW"}


def test_a_replay_of_long_ago_uses_no_reserve():
    again = apply(None, replace(LINKED, replay="r-1"))
    assert set(urgency(again).values()) == {"RECONCILE", "LOCAL"}


def test_of_two_requests_in_a_batch_the_urgent_and_sooner_count(bench):
    def info_of(*messages):
        batch = fold_all(bench.context, messages, 0, bench.store.now_ms())
        [info] = [need for need in batch.needs if need.name.startswith("info:")]
        return info

    both = info_of(LINKED, read_of("read.completed"))
    assert both.priority is Priority.LINK
    assert both.due < info_of(LINKED).due  # which leaves Codat time to read


NO_IDS = [
    None,
    {},
    [],
    1,
    True,
    "",
    " ",
    "x" * 65,
    "\x00",
    "a b",
    "{0}",
    "é",
    "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
]
ABOUT_COMPANIES = {
    path.stem: read
    for path in sorted(PAYLOADS.glob("*.json"))
    if company_id_of(read := payload(path.stem)) is not None
}


@pytest.mark.parametrize("given", NO_IDS, ids=repr)
def test_what_is_about_a_company_and_names_none_is_set_aside(given):
    """It was told of nobody, as a change of a company that is none, and was lost."""
    for name, event in ABOUT_COMPANIES.items():
        for dated in (True, False):
            body = without_company(event, given)
            if not dated:
                body.pop("generatedDate", None)
            message = webhook(body)
            assert message.company_id is None, name
            try:
                folded = apply(None, message)
            except Malformed as error:
                assert "names none" in str(error)  # noqa: PT017 (either is right, by its type)
                continue
            assert folded.needs == [], name
            told = {kind for kind, _ in logged(folded)}
            assert told, name
            assert not told & {"connection.status_changed", "company.status_changed"}, name


def test_a_disconnect_without_a_company_is_kept_and_logged(bench):
    for number, kind in enumerate(("connection.disconnected", "company.deleted"), 1):
        event = make_event(kind, connection=(number, "Unlinked"))
        bench.deliver(without_company(event, {"id": "?"}))
    bench.drain()
    assert bench.types() == []
    letters = bench.store.inbox.dead_letters()
    assert len(letters) == 2
    assert all("names none" in letter["reason"] for letter in letters)
