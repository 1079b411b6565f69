"""A company's status, name and connections follow from what is known, in whatever order it came."""

import json
import re
from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat.records import Connection as CodatConnection
from codat.records import ConnectionIssue
from codat.statuses import ConnectionStatus
from relay.companies.company import (
    BROKEN,
    DELETED,
    STATUS_PRECEDENCE,
    Company,
    CompanyStatus,
    Connection,
    DataTypeState,
    NameSource,
    real_name,
)
from support.paths import ROOT

LINKED, DEAUTHORIZED = ConnectionStatus.LINKED, ConnectionStatus.DEAUTHORIZED
UNLINKED, PENDING = ConnectionStatus.UNLINKED, ConnectionStatus.PENDING_AUTH
EXPLAINED = ROOT / "docs" / "how-it-works.md"
IDS = ["c-1", "c-2", "c-3"]


def company(*statuses: str, **more) -> Company:
    connections = {
        f"c-{n}": Connection(f"c-{n}", str(status), (n, "e")) for n, status in enumerate(statuses)
    }
    return Company("1", connections=connections, **more)


def shown(status: str = "Linked", id: str = "c-1", **more) -> CodatConnection:
    return CodatConnection(id, status, **more)


STATUSES = [
    ((), "Blank", False),
    ((DELETED,), "Blank", False),
    ((PENDING,), "PendingAuth", False),
    ((LINKED,), "Linked", False),
    ((UNLINKED,), "Unlinked", True),
    ((DEAUTHORIZED,), "Deauthorised", True),
    ((PENDING, UNLINKED), "Unlinked", True),
    ((PENDING, DEAUTHORIZED, UNLINKED), "Deauthorised", True),
    ((PENDING, LINKED), "Linked", False),
    ((LINKED, LINKED), "Linked", False),
    ((LINKED, UNLINKED), "Linked", True),
    ((DEAUTHORIZED, LINKED), "Linked", True),
    ((PENDING, DELETED), "PendingAuth", False),
    ((LINKED, DELETED), "Linked", False),
    (("a status of tomorrow",), "Blank", False),
    (("a status of tomorrow", LINKED), "Linked", False),
]


@pytest.mark.parametrize(("statuses", "status", "attention"), STATUSES)
def test_a_companys_status_follows_from_its_connections(statuses, status, attention):
    for order in permutations(statuses):
        held = company(*order)
        assert (held.status, held.needs_attention) == (status, attention)
        gone = company(*order, deleted=True)
        assert (gone.status, gone.needs_attention) == ("Deleted", False)


def test_every_status_of_codats_decides_one_of_a_company():
    decided = set().union(*(present for present, _ in STATUS_PRECEDENCE))
    assert decided == set(ConnectionStatus)
    assert {status for _, status in STATUS_PRECEDENCE} | {"Blank", "Deleted"} == set(CompanyStatus)
    assert {DEAUTHORIZED, UNLINKED} == BROKEN


def test_the_status_table_in_the_docs_is_the_one_in_the_code():
    text = EXPLAINED.read_text(encoding="utf-8")
    table = text.partition("<!-- status -->")[2].partition("<!-- /status -->")[0]
    rows = [
        tuple(cell.strip(" `*") for cell in line.strip(" |").split("|"))
        for line in table.splitlines()
        if line.strip().startswith("|")
    ]
    [(*_,), divider, *printed] = rows
    assert all(set(cell) <= set("-: ") for cell in divider)
    expected = [
        (word, str(status)) for present, status in STATUS_PRECEDENCE for word in sorted(present)
    ]
    assert printed == [*expected, ("none", "Blank"), ("company deleted", "Deleted")]


NAMES = [
    ({"name": "Bakery"}, NameSource.PERSON),
    ({"name": "Pending 1", "placeholder": "Pending 1"}, NameSource.PLACEHOLDER),
    ({"name": "Bakery", "placeholder": "Pending 1"}, NameSource.PERSON),
    (
        {"name": "Bakery", "placeholder": "Pending 1", "given_name": "Bakery"},
        NameSource.CODAT,
    ),
    (
        {"name": "Our bakery", "placeholder": "Pending 1", "given_name": "Bakery"},
        NameSource.PERSON,
    ),
    # A person who brings the dummy name back meant it: it is replaced once, never again.
    (
        {"name": "Pending 1", "placeholder": "Pending 1", "given_name": "Bakery"},
        NameSource.PERSON,
    ),
    # The real name happens to be the dummy's: it is ours, and there is nothing left to do.
    (
        {"name": "Pending 1", "placeholder": "Pending 1", "given_name": "Pending 1"},
        NameSource.CODAT,
    ),
]


@pytest.mark.parametrize(("held", "source"), NAMES)
def test_a_name_shows_who_gave_it(held, source):
    assert Company("1", **held).name_source is source


def test_a_newer_name_is_taken_and_an_older_or_empty_one_is_not():
    held = Company("1").named("Second", (2, "b"))
    assert held.name == "Second"
    assert held.named("First", (1, "z")) is held
    assert held.named("Twin", (2, "a")) is held
    assert held.named("Again", (2, "b")) is held
    assert held.named("", (3, "a")) is held
    assert held.named("Tie", (2, "c")).name == "Tie"


PLACEHOLDERS = re.compile(r"(session|signup) \d+", re.I)


def test_a_name_the_whole_of_which_fits_the_pattern_is_a_placeholder():
    found = Company("1", name="Session 20260105").recognise_placeholder(PLACEHOLDERS)
    assert (found.placeholder, found.name_source) == ("Session 20260105", NameSource.PLACEHOLDER)


@pytest.mark.parametrize(
    ("held", "pattern"),
    [
        (Company("1", name="Session 20260105 Ltd"), PLACEHOLDERS),
        (Company("1", name="The Session 20260105"), PLACEHOLDERS),
        (Company("1", name="Session 20260105"), None),
        (Company("1", name="Session 2", placeholder="Session 1"), PLACEHOLDERS),
        (Company("1", name="Session 2", given_name="Bakery"), PLACEHOLDERS),
        (Company("1"), PLACEHOLDERS),
    ],
)
def test_any_other_name_is_no_placeholder(held, pattern):
    assert held.recognise_placeholder(pattern) is held


BOTH = ("companyName", "companyLegalName")
INFOS = [
    ({"companyName": "Bakery", "companyLegalName": "Bakery Ltd"}, BOTH, "Bakery"),
    ({"companyName": "Bakery", "companyLegalName": "Bakery Ltd"}, BOTH[::-1], "Bakery Ltd"),
    ({"companyName": None, "companyLegalName": "Bakery Ltd"}, BOTH, "Bakery Ltd"),
    ({"companyName": "  ", "companyLegalName": "Bakery Ltd"}, BOTH, "Bakery Ltd"),
    ({"companyName": "パン屋", "companyLegalName": "Bakery KK"}, BOTH, "Bakery KK"),
    ({"companyName": "パン屋 2", "companyLegalName": "Bakery KK"}, BOTH, "Bakery KK"),
    ({"companyName": "パン屋 2"}, BOTH, ""),
    ({"companyName": "- !", "companyLegalName": "Bakery KK"}, BOTH, "Bakery KK"),
    ({"companyName": ["Bakery"]}, BOTH, ""),
    ({"companyName": None, "companyLegalName": None}, BOTH, ""),
    ({}, BOTH, ""),
    (None, BOTH, ""),
    ({"companyName": "Sandbox Company_US_1"}, BOTH, "Sandbox CompanyUS1"),
    ({"companyName": "Crème (Holdings) / Søns\n Ltd"}, BOTH, "Creme Holdings Sons Ltd"),
    ({"companyName": "O’Neil & Co., Ltd?"}, BOTH, "O'Neil & Co., Ltd?"),
]


@pytest.mark.parametrize(("info", "order", "name"), INFOS)
def test_the_real_name_is_the_first_whose_letters_codat_keeps(info, order, name):
    assert real_name(info, order) == name


KEPT_BY_CODAT = re.compile(r"[A-Za-z0-9\s\-',&@.?!]*")


@given(st.text(max_size=60))
def test_a_real_name_holds_only_what_codat_keeps_and_settles_at_once(text):
    name = real_name({"companyName": text}, BOTH)
    assert KEPT_BY_CODAT.fullmatch(name)
    assert real_name({"companyName": name}, BOTH) == name == name.strip()


def test_a_connection_is_held_as_codat_showed_it():
    issues = (
        ConnectionIssue("403", "Forbidden", "User cancelled", None, None, None),
        ConnectionIssue("500", "Broken", None, None, None, None),
        ConnectionIssue(None, None, None, None, None, None),
    )
    given = shown("deauthorised", platform_key="gbol", platform_name="Xero", errors=issues)
    held = Company("1").with_connection(given, (5, "e")).connections["c-1"]
    assert held == Connection(
        "c-1", DEAUTHORIZED, (5, "e"), "gbol", "Xero", errors=("User cancelled", "Broken")
    )


def test_a_newer_view_of_a_connection_keeps_what_it_omits():
    first = shown(platform_key="gbol", platform_name="Xero", source_type="Accounting")
    held = Company("1").with_connection(first, (1, "a")).with_connection(shown("x"), (2, "b"))
    assert held.connections["c-1"] == Connection(
        "c-1", "x", (2, "b"), "gbol", "Xero", "Accounting", ever_linked=True
    )
    assert held.platforms == ["Xero"]


def test_an_older_sight_of_a_connection_changes_no_status():
    held = Company("1").with_connection(shown("Unlinked"), (2, "b"))
    assert held.is_stale(shown("Linked"), (2, "b"))
    assert held.is_stale(shown("Deauthorized"), (1, "z"))
    assert not held.is_stale(shown("PendingAuth"), (2, "c"))
    assert not held.is_stale(shown(id="c-2"), (1, "a"))
    assert held.with_connection(shown("PendingAuth"), (1, "a")) is held
    past = held.with_connection(shown("Linked"), (1, "a")).connections["c-1"]
    assert (past.status, past.version, past.ever_linked) == ("Unlinked", (2, "b"), True)


def test_a_deleted_connection_was_not_linked_because_its_body_says_so():
    held = Company("1").with_connection(shown("Linked"), (1, "a"), DELETED)
    assert held.connections["c-1"].status == DELETED
    assert not held.connections["c-1"].ever_linked
    assert held.platforms == []


sights = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from([*ConnectionStatus, "linked", "Deauthorised", "tomorrow's"]),
        st.integers(1, 12),  # few moments, so that ties are common
        st.booleans(),  # whether it is told as deleted
        st.sampled_from(["gbol", None]),
    ),
    max_size=12,
)


@given(sights, st.randoms(use_true_random=False))
def test_connections_end_the_same_in_any_order_of_events(told, random):
    """Versions tie-break by event id, so that two events of one moment have an order too."""
    dated = [(sight, (sight[2], f"event-{n}")) for n, sight in enumerate(told)]
    shuffled = random.sample(dated, len(dated))
    assert fold(dated) == fold(shuffled) == fold(sorted(dated, key=lambda one: one[1]))


@given(sights, st.randoms(use_true_random=False))
def test_so_do_those_of_one_event_and_moment(told, random):
    """As Codat's test events are: they share one id and one date."""
    dated = [((id, status, 1, deleted, "gbol"), (1, "e")) for id, status, _, deleted, _ in told]
    assert fold(dated) == fold(random.sample(dated, len(dated)))


@given(st.permutations(["", "A", "B"]), st.permutations([{}, {"team": "a"}, {"team": "b"}]))
def test_names_tags_and_reads_of_one_moment_end_the_same_too(names, tags):
    held = Company("1")
    for name, some in zip(names, tags, strict=True):
        held = held.named(name, (1, "e")).tagged(some, (1, "e"))
        held = held.with_read("c|bills", f"Complete{name}", (1, "e"), success=True)
    assert (held.name, held.tags) == ("B", {"team": "b"})
    assert held.data_types["c|bills"].status == "CompleteB"


def test_of_two_reports_of_one_moment_the_later_status_counts():
    statuses = [PENDING, LINKED, UNLINKED, DEAUTHORIZED, DELETED]
    for earlier, later in pairwise(statuses):
        held = Company("1").with_connection(shown(earlier), (1, "e"))
        assert not held.is_stale(shown(later), (1, "e"))
        held = held.with_connection(shown(later), (1, "e"))
        assert held.connections["c-1"].status == later
        assert held.is_stale(shown(earlier), (1, "e"))
        assert held.is_stale(shown(later), (1, "e"))


def fold(dated):
    held = Company("1")
    for (id, status, _, deleted, key), version in dated:
        given = shown(status, id, platform_key=key)
        held = held.with_connection(given, version, DELETED if deleted else None)
    return held.connections


def test_the_last_of_the_dated_events_decides():
    dated = [(("c-1", status, n, False, None), (n, "e")) for n, status in enumerate("abc")]
    for order in permutations(dated):
        assert fold(order)["c-1"].status == "c"


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["Complete", "FetchError"]))),
    st.randoms(use_true_random=False),
)
def test_reads_end_the_same_in_any_order_of_events(told, random):
    dated = [((at, f"event-{n}"), status) for n, (at, status) in enumerate(told)]
    ends = []
    for order in (dated, random.sample(dated, len(dated)), sorted(dated)):
        held = Company("1")
        for version, status in order:
            held = held.with_read("c|bills", status, version, success=status == "Complete")
        ends.append(held.data_types)
    assert ends[0] == ends[1] == ends[2]
    successes = [at for at, status in told if status == "Complete"]
    if told:
        assert ends[0]["c|bills"].last_success == max(successes, default=None)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
versions = st.tuples(st.integers(0, 2**52), texts)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
companies = st.builds(
    Company,
    id=texts,
    source=texts,
    name=texts,
    name_version=versions,
    placeholder=st.none() | texts,
    given_name=st.none() | texts,
    info=st.none() | st.dictionaries(texts, json_values, max_size=4),
    info_version=versions,
    connections=st.dictionaries(
        texts,
        st.builds(
            Connection,
            id=texts,
            status=texts,
            version=versions,
            platform_name=texts,
            errors=st.lists(texts, max_size=3).map(tuple),
            ever_linked=st.booleans(),
        ),
        max_size=3,
    ),
    data_types=st.dictionaries(
        texts,
        st.builds(DataTypeState, texts, versions, st.none() | st.integers(0, 2**52)),
        max_size=3,
    ),
    deleted=st.booleans(),
    first_seen=st.integers(0, 2**52),
    last_webhook=st.integers(0, 2**52),
)


@given(companies)
def test_a_company_comes_back_from_json_as_it_was(held):
    raw = held.to_json()
    assert Company.from_json(raw) == held
    assert Company.from_json(raw.decode()) == held
    assert json.loads(raw)["id"] == held.id


def test_a_company_known_by_its_id_alone_is_not_known():
    assert not Company("1").known
    assert Company("1", name="Bakery").known
    assert Company("1", placeholder="Pending 1").known
    assert company(PENDING).known


def test_a_connection_stores_only_the_fields_it_has():
    plain = Connection("c-1", "Linked", (1, "a"))
    raw = Company("1", name='","missed":"","code":""', connections={"c-1": plain}).to_json()
    assert (raw.count(b'"code"'), b"Linked" in raw) == (0, True)
    assert Company.from_json(raw).connections == {"c-1": plain}
    assert Company.from_json(raw).name == '","missed":"","code":""'
    for more in ({"code": "403"}, {"missed": "r-1"}, {"code": "403", "missed": "r-1"}):
        told = {"c-1": replace(plain, **more)}
        assert Company.from_json(Company("1", connections=told).to_json()).connections == told
