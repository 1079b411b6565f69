"""A word that is not known is refused with the nearest one that is, from one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.nearest import hint, nearest
from relay.syncs.definition import known_zone
from relay.syncs.policy import known_data_type
from relay.syncs.zones import names


@pytest.mark.parametrize(
    ("given", "known", "near"),
    [
        ("Xeroo", ["QuickBooks Online", "Xero", "Sage"], "Xero"),
        ("xero", ["Xero"], "Xero"),
        (" Xero ", ["Xero"], "Xero"),
        ("quickbook online", ["QuickBooks Online", "Xero"], "QuickBooks Online"),
        ("London", sorted(names()), "Europe/London"),
        ("Europe/Lodnon", sorted(names()), "Europe/London"),
        ("Nowhere/City", ["UTC"], None),
        ("x", ["Xero"], None),
        ("", ["Xero"], None),
        ("anything", [], None),
    ],
)
def test_the_nearest_word_is_found_whatever_its_case(given, known, near) -> None:
    assert nearest(given, known) == near


def test_few_words_are_all_named_where_none_is_near() -> None:
    assert hint("qqq", ["a", "b"]) == "; known are a, b"
    assert hint("qqq", map(str, range(100))) == ""


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=20), max_size=10))
def test_only_known_words_are_ever_named(word: str, known: list[str]) -> None:
    near = nearest(word, known)
    assert near is None or near in known
    assert isinstance(hint(word, known), str)


@pytest.mark.parametrize(
    ("judge", "word", "near"),
    [
        (known_data_type, "invoice", "invoices"),
        (known_data_type, "bankAccount", "bankAccounts"),
        (known_data_type, "ALL", "all"),
        (known_zone, "europe/london", "Europe/London"),
        (known_zone, "Europe/Berln", "Europe/Berlin"),
    ],
)
def test_zones_and_data_types_are_refused_with_the_nearest(judge, word, near) -> None:
    with pytest.raises(ValueError, match=f"nearest that is known is {near}$"):
        judge(word)
