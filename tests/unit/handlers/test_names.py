"""How the replacement of a dummy name ended is told: ours, a person's, or no name to be had."""

import re

import pytest

from support.folding import action, apply, company_after, logged, types, wanted, webhook
from support.parts import company_id, make_connection, make_event

CREATED = action("relay.company_created", name="Pending 1", placeholder=True)
RENAMED = action("relay.renamed", previous="Pending 1", name="Bakery Ltd", at=2)
OURS = {"previous": "Pending 1", "current": "Bakery Ltd", "source": "codat"}


def seen(name, at):
    return webhook(make_event("read.completed", name=name, at=at))


def test_a_replaced_name_is_logged_with_old_and_new():
    folded = apply(company_after(CREATED), RENAMED)
    assert logged(folded) == [("company.renamed", OURS)]
    held = folded.company
    assert (held.name, held.given_name, held.name_source) == ("Bakery Ltd", "Bakery Ltd", "codat")
    assert folded.needs == []


def test_a_replacement_reported_twice_is_logged_once():
    held = company_after(CREATED, RENAMED)
    folded = apply(held, RENAMED)
    assert (types(folded), folded.company) == ([], held)


@pytest.mark.parametrize("at", [1, 3])
def test_a_webhook_that_shows_our_new_name_first_logs_nothing(at):
    """Whoever wrote it, the `name` intent finds out; its answer says so, once."""
    shown = apply(company_after(CREATED), seen("Bakery Ltd", at))
    assert types(shown) == []
    assert wanted(shown) == {"name": 0}
    folded = apply(shown.company, RENAMED)
    assert logged(folded) == [("company.renamed", OURS)]
    assert (folded.company.name, folded.company.name_source) == ("Bakery Ltd", "codat")


def test_a_later_rename_by_a_person_is_logged_as_theirs():
    folded = apply(company_after(CREATED, RENAMED), seen("Our Bakery", 3))
    assert logged(folded) == [
        (
            "company.renamed",
            {"previous": "Bakery Ltd", "current": "Our Bakery", "source": "person"},
        )
    ]
    assert (folded.company.name_source, folded.needs) == ("person", [])


def test_a_name_that_a_person_chose_meanwhile_is_theirs():
    kept = action("relay.name_kept", name="Our Bakery", at=2)
    folded = apply(company_after(CREATED), kept)
    [(kind, data)] = logged(folded)
    assert (kind, data["previous"], data["current"]) == (
        "company.renamed",
        "Pending 1",
        "Our Bakery",
    )
    assert data["source"] == "person"
    assert (folded.company.name, folded.company.name_source) == ("Our Bakery", "person")


def test_our_own_name_found_again_is_nothing_new():
    held = company_after(CREATED, RENAMED)
    folded = apply(held, action("relay.name_kept", name="Bakery Ltd", at=3))
    assert (types(folded), folded.company) == ([], held)


def test_info_without_a_name_is_logged_and_the_dummy_name_stays():
    told = action("relay.name_unavailable", reason="no name")
    folded = apply(company_after(CREATED), told)
    assert logged(folded) == [("company.name_unavailable", {"reason": "no name"})]
    assert folded.company.name_source == "placeholder"


DUMMIES = {"placeholders": re.compile(r"Session \d+")}
INFO = action("relay.info_fetched", info={"companyName": "Bakery Ltd"}, at=5)


def shown(name, *connections, at=10):
    held = [make_connection(number, "Linked") for number in connections]
    company = {"id": company_id(1), "name": name, "dataConnections": held}
    return action("relay.company_read", company=company, at=at)


@pytest.mark.parametrize("first", [seen("Session 1", 1), shown("Session 1", 1, at=1)])
def test_a_dummy_name_made_elsewhere_is_ours_to_replace(first):
    held = company_after(first, **DUMMIES)
    assert (held.placeholder, held.name_source) == ("Session 1", "placeholder")
    assert wanted(apply(held, INFO, **DUMMIES)) == {"name": 0}


@pytest.mark.parametrize("next_one", [seen("Session 1", 20), shown("Session 1", 1, at=20)])
def test_a_pattern_set_later_applies_at_the_next_event_of_a_company(next_one):
    held = company_after(seen("Session 1", 1), shown("Session 1", 1, at=2), INFO)
    assert held.placeholder is None
    folded = apply(held, next_one, **DUMMIES)
    assert folded.company.name_source == "placeholder"
    assert wanted(folded)["name"] == 0
    assert "name" not in wanted(apply(folded.company, next_one, **DUMMIES))


def test_an_old_event_too_can_show_that_a_name_is_a_dummy():
    linked = make_event("connection.connected", name="Session 1", connection=(1, "Linked"), at=9)
    held = company_after(webhook(linked), INFO)
    older = make_event("connection.created", name="Session 1", connection=(1, "PendingAuth"), at=1)
    folded = apply(held, webhook(older), **DUMMIES)
    assert (types(folded), wanted(folded)) == (["webhook.stale"], {"name": 0})


@pytest.mark.parametrize("name", ["Session 1 Ltd", "My Session 1", "Bakery"])
def test_a_name_that_fits_the_pattern_only_in_part_is_kept(name):
    folded = apply(company_after(seen(name, 1)), INFO, **DUMMIES)
    assert (folded.company.placeholder, wanted(folded)) == (None, {})


def test_a_name_that_we_gave_is_no_dummy_whatever_the_pattern_says():
    held = company_after(CREATED, action("relay.renamed", previous="Pending 1", name="Session 7"))
    folded = apply(held, shown("Session 7", at=20), INFO, **DUMMIES)
    assert (folded.company.name_source, wanted(folded)) == ("codat", {})


def test_a_recognised_dummys_replacement_is_logged_with_its_source():
    held = company_after(seen("Session 1", 1), INFO, **DUMMIES)
    told = action("relay.renamed", previous="Session 1", name="Bakery Ltd", at=6)
    facts = {"previous": "Session 1", "current": "Bakery Ltd", "source": "codat"}
    assert logged(apply(held, told, **DUMMIES)) == [("company.renamed", facts)]
