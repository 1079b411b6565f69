"""A company is taken in when Codat makes it, and marked gone for good when Codat deletes it."""

import pytest

from support.folding import (
    NOW,
    RECEIVED,
    apply,
    company_after,
    logged,
    payload,
    types,
    wanted,
    webhook,
)
from support.parts import company_id, make_event


def test_a_created_company_is_held_under_its_name():
    folded = apply(None, webhook(make_event("company.created", name="Bakery")))
    assert logged(folded) == [("company.created", {"name": "Bakery", "status": "Blank"})]
    held = folded.company
    assert (held.id, held.name, held.status) == (company_id(1), "Bakery", "Blank")
    assert (held.first_seen, held.last_webhook) == (RECEIVED, RECEIVED)
    assert wanted(folded) == {}


def test_a_created_company_without_a_date_is_asked_for():
    event = make_event("company.created") | {"generatedDate": "2999-01-01T00:00:00Z"}
    folded = apply(None, webhook(event))
    assert (folded.company, wanted(folded)) == (None, {"reread": 0})


def test_a_company_is_known_once():
    held = company_after(webhook(make_event("company.created")))
    assert types(apply(held, webhook(make_event("company.created", at=1)))) == []


def test_a_deleted_company_is_logged_once_and_its_cadence_ends():
    held = company_after(webhook(make_event("connection.connected", connection=(1, "Linked"))))
    folded = apply(held, webhook(make_event("company.deleted", at=1)))
    assert types(folded) == ["company.status_changed", "company.deleted"]
    assert wanted(folded) == {"cadence": 0}
    assert folded.company.status == "Deleted"
    again = apply(folded.company, webhook(make_event("company.deleted", at=2)))
    assert (types(again), wanted(again)) == ([], {})


def test_a_deleted_company_does_not_come_back_by_later_news():
    held = company_after(
        webhook(make_event("company.deleted", at=1)),
        webhook(make_event("connection.connected", connection=(1, "Linked"), at=2)),
    )
    assert held.status == "Deleted"


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_product_given_or_taken_is_logged(change):
    sample = payload(f"company.product.{change}")
    folded = apply(None, webhook(sample))
    kind, data = logged(folded)[-1]
    assert kind == "company.products_changed"
    assert data == {
        "change": change,
        "product_id": sample["payload"]["productId"],
        "product_name": sample["payload"]["productName"],
    }


def test_a_rename_at_codat_is_seen_in_any_event_and_is_a_persons():
    held = company_after(webhook(make_event("company.created", name="Bakery")))
    folded = apply(held, webhook(make_event("read.completed", at=1, name="Our Bakery")))
    assert logged(folded) == [
        ("company.renamed", {"previous": "Bakery", "current": "Our Bakery", "source": "person"})
    ]
    late = apply(folded.company, webhook(make_event("company.created", at=0.5, name="Old")))
    assert (late.company.name, types(late)) == ("Our Bakery", [])


def test_the_last_webhook_of_a_company_is_remembered():
    held = company_after(webhook(make_event("company.created")))
    assert held.last_webhook == RECEIVED < NOW
