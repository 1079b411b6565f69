"""Codat's company info is kept as of when it was asked for, and has a dummy name replaced."""

from dataclasses import replace

import pytest

from relay.companies.company import Company
from relay.companies.identity import mark_of
from support.folding import action, apply, company_after, logged, micros, types, wanted

INFO = {"companyName": "Bakery Ltd", "baseCurrency": "GBP"}
PENDING = action("relay.company_created", name="Pending 1", placeholder=True)
PERSONS = action("relay.company_created", name="Bakery", placeholder=False)


def fetched(info=INFO, at=1.0, **more):
    return action("relay.info_fetched", info=info, at=at, **more)


def test_info_is_kept_and_logged_with_its_former_value():
    folded = apply(company_after(PERSONS), fetched())
    assert logged(folded) == [("company.info_fetched", {"previous": None, "current": INFO})]
    assert folded.company.info == INFO
    assert folded.company.info_version == (micros(1), "i#1")
    changed = apply(folded.company, fetched(INFO | {"baseCurrency": "EUR"}, at=2))
    [(_, data)] = logged(changed)
    assert (data["previous"]["baseCurrency"], data["current"]["baseCurrency"]) == ("GBP", "EUR")


def test_the_same_info_is_not_logged_again():
    folded = apply(company_after(PERSONS, fetched()), fetched(at=2))
    assert types(folded) == []
    assert folded.company.info_version[0] == micros(2)


@pytest.mark.parametrize("at", [0.5, 1.0])
def test_an_older_answer_changes_nothing(at):
    held = company_after(PENDING, fetched(at=1))
    folded = apply(held, fetched({"companyName": "Old"}, at=at))
    assert types(folded) == ["webhook.stale"]
    assert (folded.company, wanted(folded)) == (held, {})


def test_a_dummy_name_is_to_be_replaced():
    assert wanted(apply(company_after(PENDING), fetched())) == {"name": 0}


@pytest.mark.parametrize(
    "names", [{}, {"given_name": "Bakery Ltd", "name": "Bakery Ltd"}, {"name": "Chosen"}]
)
def test_any_other_name_is_left_alone(names):
    held = replace(company_after(PERSONS), placeholder="Pending 1", **names)
    assert wanted(apply(held, fetched())) == {}


def test_a_dummy_name_that_a_person_brought_back_is_left_alone():
    held = Company("c-1", name="Pending 1", placeholder="Pending 1", given_name="Bakery Ltd")
    assert wanted(apply(held, fetched())) == {}


FIRST = {"companyLegalName": "Toft Ltd", "registrationNumber": "100", "accountingPlatformRef": "a"}


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        ({"registrationNumber": "200"}, ["registrationNumber"]),
        ({"registrationNumber": None, "companyLegalName": "Other Ltd"}, ["companyLegalName"]),
        ({"companyLegalName": "Toft Holdings Ltd"}, None),  # the same number: a new name of its own
        ({"companyLegalName": None, "registrationNumber": None}, None),
    ],
)
def test_books_of_another_company_are_flagged_until_accepted(second, changed):
    company = company_after(action("relay.info_fetched", at=1, info=FIRST))
    folded = apply(company, action("relay.info_fetched", at=2, info=FIRST | second))
    told = [data for kind, data in logged(folded) if kind == "company.identity_mismatch"]
    if changed is None:
        assert told == []
        assert folded.company.identity_mismatch is None
        return
    assert [sorted(data["changes"]) for data in told] == [changed]
    assert sorted(folded.company.identity_mismatch) == changed
    accepted = apply(folded.company, action("relay.identity_accepted", at=3, by="olga"))
    assert accepted.company.identity_mismatch is None
    assert logged(accepted)[0][1]["by"] == "olga"
    assert types(apply(accepted.company, action("relay.identity_accepted", at=4, by="x"))) == []


def test_other_books_of_the_same_company_are_logged_and_taken():
    company = company_after(action("relay.info_fetched", at=1, info=FIRST))
    folded = apply(
        company, action("relay.info_fetched", at=2, info=FIRST | {"accountingPlatformRef": "b"})
    )
    assert types(folded) == ["company.books_changed", "company.info_fetched"]
    assert logged(folded)[0][1] == {"previous": "a", "current": "b", "platforms": []}
    assert folded.company.identity_mismatch is None
    again = apply(folded.company, action("relay.info_fetched", at=3, info=folded.company.info))
    assert types(again) == []


def test_other_books_under_the_same_trading_name_alone_are_flagged():
    info = {"companyName": "Toft", "accountingPlatformRef": "a"}
    company = company_after(action("relay.info_fetched", at=1, info=info))
    folded = apply(
        company, action("relay.info_fetched", at=2, info=info | {"accountingPlatformRef": "b"})
    )
    assert types(folded) == ["company.identity_mismatch", "company.info_fetched"]
    assert sorted(folded.company.identity_mismatch) == ["accountingPlatformRef"]


def test_books_are_compared_with_the_last_accepted_company():
    other, blank = {"companyLegalName": "Other Ltd", "registrationNumber": "9"}, {"taxNumber": "1"}
    flagged = company_after(
        action("relay.info_fetched", at=1, info=FIRST),
        action("relay.info_fetched", at=2, info=blank),
        action("relay.info_fetched", at=3, info=other),
    )
    assert flagged.identity_mismatch["registrationNumber"] == {"previous": "100", "current": "9"}
    again = apply(flagged, action("relay.info_fetched", at=4, info=other))
    assert types(again) == []
    assert again.company.identity_mismatch == flagged.identity_mismatch
    silent = apply(flagged, action("relay.info_fetched", at=4, info=blank)).company
    assert silent.identity_mismatch == flagged.identity_mismatch
    back = apply(flagged, action("relay.info_fetched", at=4, info=FIRST)).company
    assert (back.identity_mismatch, back.expected) == (None, None)
    taken = apply(flagged, action("relay.identity_accepted", at=5, by="olga")).company
    assert apply(taken, action("relay.info_fetched", at=6, info=other)).company.expected is None
    returned = apply(taken, action("relay.info_fetched", at=6, info=FIRST))
    assert "company.identity_mismatch" in types(returned)


def test_an_acceptance_counts_only_for_the_company_shown():
    books = [FIRST | {"registrationNumber": str(number)} for number in (100, 200, 300)]
    fetched = [action("relay.info_fetched", at=at, info=one) for at, one in enumerate(books, 1)]
    company = company_after(*fetched)
    late = action("relay.identity_accepted", at=4, by="olga", identity_mark=mark_of(books[1]))
    folded = apply(company, late)
    assert (types(folded), folded.company) == ([], company)
    right = action("relay.identity_accepted", at=5, by="olga", identity_mark=mark_of(books[2]))
    assert apply(company, right).company.identity_mismatch is None
