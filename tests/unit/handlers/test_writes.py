"""A write into the customer's books is told on."""

import pytest

from support.folding import apply, logged, payload, wanted, webhook

SAMPLES = [
    ("invoices.write.successful", "push.completed", "invoices"),
    ("bills.write.unsuccessful", "push.failed", "bills"),
]


@pytest.mark.parametrize(("name", "kind", "data_type"), SAMPLES)
def test_a_write_is_logged_with_its_operation_and_status(name, kind, data_type):
    sample = payload(name)
    folded = apply(None, webhook(sample))
    assert logged(folded)[-1] == (
        kind,
        {
            "data_type": data_type,
            "push_operation_key": sample["payload"]["id"],
            "connection_id": sample["payload"]["connectionId"],
            "action": sample["payload"]["type"],
            "status": sample["payload"]["status"],
        },
    )
    assert wanted(folded) == {}
