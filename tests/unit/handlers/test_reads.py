"""Every data type that Codat read is told of by how it ended; info is fetched once there."""

import pytest

from codat.statuses import PullOutcome
from support.folding import apply, company_after, logged, payload, types, wanted, webhook
from support.parts import connection_id, make_event
from workers.inbox.handlers.reads import LOGGED


def read(*results, at=1.0, event_type="read.completed", **more):
    data_types = [
        {
            "connectionId": connection_id(number),
            "dataType": data_type,
            "recordsModified": modified,
            "status": status,
            "issues": [],
        }
        for number, data_type, status, modified in results
    ]
    return webhook(make_event(event_type, at=at, dataTypes=data_types, **more))


def test_every_data_type_is_logged_and_kept():
    folded = apply(
        None,
        read(
            (1, "invoices", "Complete", True),
            (1, "bills", "FetchError", True),
            (2, "company", "NotSupported", False),
            (2, "suppliers", "Queued", False),
        ),
    )
    assert types(folded)[1:] == [
        "sync.completed",
        "data.changed",
        "sync.failed",
        "sync.skipped",
        "sync.progressed",
    ]
    held = folded.company.data_types
    assert held[f"{connection_id(1)}|invoices"].last_success is not None
    assert held[f"{connection_id(1)}|bills"].status == "FetchError"
    assert held[f"{connection_id(1)}|bills"].last_success is None
    assert len(held) == 4
    assert wanted(folded) == {}


def test_every_outcome_of_a_pull_is_logged():
    assert set(LOGGED) == set(PullOutcome)


def test_a_read_is_logged_with_its_connection_status_and_issues():
    folded = apply(None, webhook(payload("read.completed")))
    completed = [data for kind, data in logged(folded) if kind == "sync.completed"]
    assert completed[1] == {
        "connection_id": "c2f0a7d4-1e6b-4b8a-8f3d-7795e1b0d302",
        "data_type": "invoices",
        "status": "Complete",
        "initial": False,
        "issues": ["Two invoices have no due date."],
    }


def test_a_first_read_says_so():
    event = read((1, "invoices", "Complete", False), event_type="read.completed.initial")
    [(_, data)] = logged(apply(None, event))[1:]
    assert data["initial"] is True


@pytest.mark.parametrize("data_type", ["company", "commerce-companyInfo"])
def test_info_is_fetched_once_its_data_type_has_been_read(data_type):
    assert wanted(apply(None, read((1, data_type, "Complete", False)))) == {"info": 0}


@pytest.mark.parametrize("status", ["FetchError", "NotSupported", "Queued", ""])
def test_info_is_not_fetched_when_its_read_did_not_succeed(status):
    results = [(1, "company", status, True), (1, "bills", "Complete", True)]
    assert wanted(apply(None, read(*results))) == {}


def test_a_source_that_refuses_codat_leads_to_a_reread():
    folded = apply(None, read((1, "bills", "AuthError", False)))
    assert wanted(folded) == {"reread": 0}
    assert "sync.failed" in types(folded)


def test_a_failure_keeps_the_last_success_in_any_order():
    success = read((1, "bills", "Complete", True), at=1)
    failure = read((1, "bills", "FetchError", False), at=2)
    one, other = company_after(success, failure), company_after(failure, success)
    assert one.data_types == other.data_types
    [state] = one.data_types.values()
    assert (state.status, state.last_success) == ("FetchError", state.version[0] - 1_000_000)


def test_a_read_with_a_bad_date_is_logged_and_changes_no_freshness():
    event = make_event("read.completed", dataTypes=[{"dataType": "bills", "status": "Complete"}])
    folded = apply(None, webhook(event | {"generatedDate": "2024-09-01T23:59:99Z"}))
    assert types(folded) == ["sync.completed"]
    assert folded.company is None


def test_data_types_that_cannot_be_read_are_passed_over():
    event = make_event("read.completed", at=1, dataTypes=[None, 7, {}, {"dataType": "bills"}])
    assert types(apply(None, webhook(event)))[1:] == ["sync.progressed"]
