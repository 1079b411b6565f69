"""A company that we created is taken in, and its dummy name remembered as ours to replace."""

from support.folding import action, apply, company_after, logged, types, wanted, webhook
from support.parts import make_event

INFO = {"companyName": "Bakery Ltd"}


def created(name="Pending 1", *, placeholder=True, at=0.0):
    return action("relay.company_created", name=name, placeholder=placeholder, at=at, by="web")


def test_a_company_under_a_dummy_name_waits_for_its_real_one():
    folded = apply(None, created())
    assert logged(folded) == [("company.created", {"name": "Pending 1", "status": "Blank"})]
    held = folded.company
    assert (held.placeholder, held.name_source) == ("Pending 1", "placeholder")
    assert held.last_webhook == 0
    assert wanted(folded) == {}


def test_a_company_created_under_a_real_name_keeps_it():
    held = company_after(created("Bakery", placeholder=False))
    assert (held.placeholder, held.name_source) == (None, "person")


def test_codats_own_word_of_the_company_may_come_first():
    told = webhook(make_event("company.created", name="Pending 1", at=1))
    folded = apply(company_after(told), created())
    assert types(folded) == []
    assert folded.company.name_source == "placeholder"


def test_a_person_may_have_renamed_it_first():
    told = webhook(make_event("read.completed", name="Bakery", at=1))
    held = apply(company_after(told), created()).company
    assert (held.name, held.name_source) == ("Bakery", "person")


def test_info_that_came_first_has_the_name_replaced_at_once():
    told = webhook(make_event("company.created", name="Pending 1", at=1))
    held = company_after(told, action("relay.info_fetched", info=INFO, at=2))
    assert held.name_source == "person"  # as far as anyone knew
    assert wanted(apply(held, created(at=3))) == {"name": 0}
