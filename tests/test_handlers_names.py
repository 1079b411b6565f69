"""How the replacement of a dummy name ended is told: ours, a person's, or no name to be had."""

import pytest

from folding import action, apply, company_after, logged, types, wanted, webhook
from parts import make_event

CREATED = action("relay.company_created", name="Pending 1", placeholder=True)
RENAMED = action("relay.renamed", previous="Pending 1", name="Bakery Ltd", at=2)
OURS = {"previous": "Pending 1", "current": "Bakery Ltd", "source": "codat"}


def seen(name, at):
    return webhook(make_event("read.completed", name=name, at=at))


def test_a_replaced_name_is_told_with_old_and_new():
    folded = apply(company_after(CREATED), RENAMED)
    assert logged(folded) == [("company.renamed", OURS)]
    held = folded.company
    assert (held.name, held.given_name, held.name_source) == ("Bakery Ltd", "Bakery Ltd", "codat")
    assert folded.needs == []


def test_a_replacement_told_twice_is_told_of_once():
    held = company_after(CREATED, RENAMED)
    folded = apply(held, RENAMED)
    assert (types(folded), folded.company) == ([], held)


@pytest.mark.parametrize("at", [1, 3])
def test_a_webhook_that_shows_our_new_name_first_does_not_tell_of_it_too(at):
    """Whoever wrote it, the `name` intent finds out; its answer says so, once."""
    shown = apply(company_after(CREATED), seen("Bakery Ltd", at))
    assert types(shown) == []
    assert wanted(shown) == {"name": 0}
    folded = apply(shown.company, RENAMED)
    assert logged(folded) == [("company.renamed", OURS)]
    assert (folded.company.name, folded.company.name_source) == ("Bakery Ltd", "codat")


def test_a_later_rename_by_a_person_is_told_as_theirs():
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


def test_info_without_a_name_is_told_and_the_dummy_name_stays():
    told = action("relay.name_unavailable", reason="no name")
    folded = apply(company_after(CREATED), told)
    assert logged(folded) == [("company.name_unavailable", {"reason": "no name"})]
    assert folded.company.name_source == "placeholder"
