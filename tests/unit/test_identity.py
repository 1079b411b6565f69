"""Two descriptions of a company are compared by what both of them say."""

import pytest

from relay.companies.identity import Identity, Match, compare, identity_of


@pytest.mark.parametrize(
    ("expected", "found", "match"),
    [
        (Identity("A", "", "0123"), Identity("B", "", "123"), Match.SAME),
        (Identity("A", "", "GB 123"), Identity("A", "", "gb-123"), Match.SAME),
        (Identity("A", "", "123"), Identity("A", "", "124"), Match.OTHER),
        (Identity("Acme", "Acme Limited"), Identity("", "ACME Ltd."), Match.SAME),
        (Identity("Acme"), Identity("Acme", "Other Ltd", "1"), Match.SAME),
        (Identity("Smith", "Smith Leeds Ltd"), Identity("Smith", "J Brown Ltd"), Match.OTHER),
        (Identity("Smith", "Smith Ltd"), Identity("Smith & Son", "Smith Limited"), Match.SAME),
        (Identity("Acme", "", "N/A"), Identity("Other", "", "n/a"), Match.OTHER),
        (Identity("Acme", "", "n.a."), Identity("Acme", "", "123"), Match.SAME),
        (Identity("Acmé & Sons"), Identity("Acme and Sons"), Match.SAME),
        (Identity("Acme"), Identity("Other"), Match.OTHER),
        (Identity("شركة"), Identity("شركة"), Match.SAME),
        (Identity("شركة"), Identity("مصنع"), Match.OTHER),
        (Identity("Ромашка 2"), Identity("Лютик 2"), Match.OTHER),
        (Identity("ООО «Ромашка»"), Identity("ооо Ромашка"), Match.SAME),
        (Identity("Ørsted"), Identity("Orsted"), Match.SAME),
        (Identity(), Identity("Acme"), Match.UNKNOWN),
        (Identity("", "", "1"), Identity("Acme"), Match.UNKNOWN),
        (Identity("", "", "1", books="a"), Identity("Acme", books="b"), Match.OTHER),
        (Identity(books="a"), Identity("Acme", books="a"), Match.UNKNOWN),
        (Identity("Acme", books="a"), Identity("Acme", books="b"), Match.OTHER),
        (Identity("Acme", books="a"), Identity("Acme"), Match.SAME),
        (Identity("", "Acme Ltd", books="a"), Identity("", "Acme Ltd", books="b"), Match.SAME),
        (Identity("A", "", "1", books="a"), Identity("B", "", "1", books="b"), Match.SAME),
    ],
)
def test_numbers_decide_and_else_names_and_else_books(expected, found, match):
    assert compare(expected, found) is match
    assert compare(found, expected) is match


def test_info_that_lacks_everything_is_an_identity_without_a_name():
    assert identity_of(None, "Xero").shown == ""
    assert identity_of({"companyName": None, "companyLegalName": "A Ltd"}, "").shown == "A Ltd"
