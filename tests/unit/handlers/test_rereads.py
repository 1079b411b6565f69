"""A company as Codat showed it heals what webhooks told wrongly, late or not at all."""

import pytest

from relay.companies.company import DELETED
from support.folding import action, apply, company_after, logged, micros, types, wanted, webhook
from support.parts import company_id, connection_id, make_connection, make_event


def shown(*connections, at=10.0, name="Company 1", **more):
    company = {"id": company_id(1), "name": name}
    company["dataConnections"] = [make_connection(number, status) for number, status in connections]
    return action("relay.company_read", company=company | more, at=at)


def told(event_type, status, at, number=1):
    return webhook(make_event(event_type, connection=(number, status), at=at))


LINKED = told("connection.connected", "Linked", 1)


def statuses(company):
    return {
        number: c.status
        for number in (1, 2)
        if (c := company.connections.get(connection_id(number)))
    }


def test_what_codat_shows_is_taken_over():
    folded = apply(company_after(LINKED), shown((1, "Deauthorized"), (2, "PendingAuth")))
    assert statuses(folded.company) == {1: "Deauthorized", 2: "PendingAuth"}
    assert types(folded) == [
        "connection.status_changed",
        "connection.status_changed",
        "company.status_changed",
    ]
    assert wanted(folded) == {"cadence": 0}


def test_what_is_as_we_hold_it_leads_to_nothing():
    folded = apply(company_after(LINKED), shown((1, "Linked")))
    assert (types(folded), wanted(folded)) == ([], {})
    assert folded.company.connections[connection_id(1)].version[0] == micros(10)


def test_a_link_without_a_webhook_starts_the_companys_work():
    folded = apply(
        company_after(told("connection.created", "PendingAuth", 1)), shown((1, "Linked"))
    )
    assert sorted(wanted(folded)) == ["cadence", "info", "track"]
    # A second link of a linked company changes no status, but brings info of its own.
    second = apply(folded.company, shown((1, "Linked"), (2, "Linked"), at=11))
    assert wanted(second) == {"info": 0}


def test_a_company_that_we_did_not_hold_is_taken_in():
    folded = apply(None, shown((1, "Linked"), name="Bakery"))
    assert (folded.company.name, folded.company.status) == ("Bakery", "Linked")
    assert types(folded)[0] == "company.created"
    assert sorted(wanted(folded)) == ["cadence", "info"]


def test_a_connection_that_codat_no_longer_shows_is_gone():
    folded = apply(company_after(LINKED), shown())
    assert statuses(folded.company) == {1: DELETED}
    assert folded.company.status == "Blank"
    assert wanted(folded) == {"cadence": 0}
    late = apply(folded.company, told("connection.reconnected", "Linked", 5))
    assert types(late) == ["webhook.stale"]


def test_an_older_event_adds_no_connection_codat_stopped_listing():
    held = company_after(LINKED, shown((1, "Linked"), at=10))
    late = apply(held, told("connection.connected", "Linked", 5, number=2))
    assert types(late) == ["webhook.stale"]
    assert statuses(late.company) == {1: "Linked"}
    assert wanted(late) == {"reread": 0}  # no work of a link, but a look whether it is there
    older = apply(held, shown((1, "Linked"), (2, "Linked"), at=9))
    assert (types(older), statuses(older.company), wanted(older)) == ([], {1: "Linked"}, {})
    newer = apply(held, told("connection.connected", "Linked", 11, number=2))
    assert statuses(newer.company) == {1: "Linked", 2: "Linked"}
    seen = apply(late.company, shown((1, "Linked"), (2, "Linked"), at=12))
    assert statuses(seen.company) == {1: "Linked", 2: "Linked"}


@pytest.mark.parametrize("connections", [None, {}, "none"])
def test_an_answer_that_lists_no_connections_says_nothing_of_them(connections):
    held = company_after(LINKED)
    folded = apply(held, shown(dataConnections=connections))
    assert statuses(folded.company) == {1: "Linked"}
    assert wanted(folded) == {}
    late = apply(folded.company, told("connection.connected", "Linked", 5, number=2))
    assert statuses(late.company) == {1: "Linked", 2: "Linked"}


def test_a_webhook_later_than_the_question_wins():
    """An answer is never newer than its question."""
    held = company_after(LINKED, told("connection.disconnected", "Unlinked", 20))
    folded = apply(held, shown((1, "Linked"), at=10))
    assert statuses(folded.company) == {1: "Unlinked"}
    assert (types(folded), wanted(folded)) == ([], {})
    gone = apply(held, shown(at=10))
    assert statuses(gone.company) == {1: "Unlinked"}


def test_a_rename_without_a_webhook_is_logged():
    folded = apply(company_after(LINKED), shown((1, "Linked"), name="Our Bakery"))
    assert logged(folded) == [
        ("company.renamed", {"previous": "Company 1", "current": "Our Bakery", "source": "person"})
    ]


def test_whoever_replaced_a_dummy_name_unheard_is_found_out():
    held = company_after(action("relay.company_created", name="Pending 1", placeholder=True))
    seen = {"id": company_id(1), "name": "Our Bakery", "dataConnections": []}
    compared = action("relay.reconciled", run="r", company=seen, at=9)
    for found in (shown(name="Our Bakery"), compared):
        folded = apply(held, found)
        assert "name" in wanted(folded)
        kept = apply(folded.company, action("relay.name_kept", name="Our Bakery", at=11))
        assert logged(kept)[0][0] == "company.renamed"
        assert logged(kept)[0][1]["source"] == "person"
        assert wanted(kept) == {}
    assert wanted(apply(held, shown(name="Pending 1"))) == {}


def test_a_company_that_codat_does_not_know_is_deleted():
    gone = action("relay.company_gone", at=10)
    folded = apply(company_after(LINKED), gone)
    assert types(folded) == ["company.status_changed", "company.deleted"]
    assert folded.company.status == "Deleted"
    assert wanted(folded) == {"cadence": 0}
    again = apply(folded.company, gone)
    assert (types(again), wanted(again)) == ([], {})


def test_a_company_with_later_news_from_codat_is_not_gone():
    held = company_after(told("connection.connected", "Linked", 11))
    for kind in ("relay.company_gone", "relay.reconciled_gone"):
        folded = apply(held, action(kind, at=10, run="r1"))
        assert (types(folded), folded.company.status) == ([], "Linked")


def test_an_unknown_company_is_not_taken_in():
    folded = apply(None, action("relay.company_gone"))
    assert (folded.company, types(folded), wanted(folded)) == (None, [], {})
