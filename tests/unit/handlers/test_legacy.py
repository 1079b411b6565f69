"""A rule webhook carries no time: it changes nothing by itself, but has Codat asked."""

import pytest

from support.folding import apply, company_after, logged, payload, types, wanted, webhook

COMPANY = payload("connection.connected")


def legacy(name, **data):
    sample = payload(f"legacy-{name}")
    sample["Data"] = sample["Data"] | data
    return webhook(sample)


@pytest.mark.parametrize("name", ["DataConnectionStatusChanged", "NewCompanySynchronized"])
def test_a_change_that_is_only_hinted_at_is_read_from_codat(name):
    held = company_after(webhook(COMPANY))
    folded = apply(held, legacy(name, newStatus="Deauthorized"))
    assert wanted(folded) == {"reread": 0}
    assert types(folded) == []
    assert folded.company.connections == held.connections


def test_a_hint_makes_no_company():
    assert apply(None, legacy("DataConnectionStatusChanged")).company is None


@pytest.mark.parametrize(("data_type", "left"), [("invoices", {}), ("company", {"info": 0})])
def test_a_completed_sync_is_logged_and_fetches_info_if_it_was_read(data_type, left):
    folded = apply(None, legacy("DataSyncCompleted", dataType=data_type))
    [(kind, data)] = logged(folded)
    assert (kind, data["data_type"], data["status"]) == ("sync.completed", data_type, "Complete")
    assert data["dataset_id"] == "9b2f7e44-1c6d-4f0a-8e35-b8a1d0c47f04"
    assert wanted(folded) == left


def test_changed_data_is_logged():
    folded = apply(None, legacy("DatasetDataChanged", dataType="company"))
    assert types(folded) == ["data.changed"]
    assert wanted(folded) == {}


def test_a_failed_sync_is_logged_and_the_connection_reread():
    folded = apply(None, legacy("DataSyncStatusChangedToError"))
    [(kind, data)] = logged(folded)
    assert (kind, data["data_type"], data["status"]) == ("sync.failed", "bills", "FetchError")
    assert wanted(folded) == {"reread": 0}


PUSHES = [
    ("PushOperationStatusChanged", {"status": "Success"}, "push.completed", "Success"),
    ("PushOperationStatusChanged", {"status": "Pending"}, "push.progressed", "Pending"),
    ("PushOperationStatusChanged", {"status": "Failed"}, "push.failed", "Failed"),
    ("PushOperationStatusChanged", {"status": None}, "push.failed", None),
    ("PushOperationTimedOut", {}, "push.failed", "TimedOut"),
]


@pytest.mark.parametrize(("name", "data", "kind", "status"), PUSHES)
def test_a_push_is_logged_by_its_status(name, data, kind, status):
    folded = apply(None, legacy(name, **data))
    [(told, facts)] = logged(folded)
    assert (told, facts["status"], facts["data_type"]) == (kind, status, "invoices")
    assert facts["push_operation_key"] == "4e8d0a91-63fb-47c2-a7a5-92d0e1b3c605"
    assert wanted(folded) == {}
