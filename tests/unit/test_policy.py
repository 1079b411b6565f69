"""Rules decide what companies are given; what a person set stays; idle ones are kept alive."""

from dataclasses import replace

import pytest

from relay.companies.company import Company, Connection
from relay.syncs.policy import KEEP_ALIVE, BadPolicy, Policy, changes_for
from relay.syncs.schedule import ALL, SPREAD, Anchor, Cadence, Schedule
from support.parts import company_id

NOW = 1_772_452_800  # 2026-03-02T12:00Z
COMPANY = company_id(1)
DAILY = Policy.of_cadence("daily")
NONE = Policy.of_cadence("none")
GIVEN = Schedule(COMPANY, ALL, Cadence.DAILY, spread=SPREAD[Cadence.DAILY], origin="policy")
PERSONS = Schedule(COMPANY, "invoices", Cadence.WEEKLY, Anchor(hour=7), "Europe/London")


def company(*connections):
    """`(status, platform key, platform name, source type)` each."""
    return Company(
        COMPANY,
        connections={
            str(n): Connection(str(n), status, (1, "e"), *platform)
            for n, (status, *platform) in enumerate(connections)
        },
    )


XERO = ("Linked", "gbol", "Xero", "Accounting")
BANK = ("Linked", "hcws", "Some Bank", "Banking")
LINKED = company(XERO)
UNLINKED = company(("Unlinked", "gbol", "Xero", "Accounting"))

TEXT = """
[[rules]]
platform = "XERO"
schedule = { cadence = "hourly", every = 6, minute = 15, spread = 900 }

[[rules]]
platform = "gbol"
data_type = "invoices"
schedule = { cadence = "daily", hour = 6, timezone = "Europe/London", fresh = 36 }

[[rules]]
source_type = "banking"

[[rules]]
schedule = { cadence = "weekly", weekday = 7 }
"""


def kinds(found):
    return [(change.kind, (change.after or change.before).data_type) for change in found]


def test_the_first_rule_that_fits_decides_for_each_data_type():
    policy = Policy.from_toml(TEXT)
    wanted = policy.schedules_for(LINKED)
    assert (wanted[ALL].every, wanted[ALL].spread) == (6, 900)
    assert (wanted["invoices"].zone, wanted["invoices"].fresh) == ("Europe/London", 36)
    assert policy.schedules_for(company(BANK)) == {}
    [other] = policy.schedules_for(company(("Linked", "qhyg", "QBO", "Accounting"))).values()
    assert (other.cadence, other.anchor.weekday) == (Cadence.WEEKLY, 7)


def test_a_connection_that_is_not_linked_decides_nothing():
    both = company(BANK, ("Deauthorized", "gbol", "Xero", "Accounting"))
    assert Policy.from_toml(TEXT).schedules_for(both) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules", "is not TOML"),
        ("[[rule]]\n", "rule: "),
        ('[[rules]]\nplatfrom = "gbol"', "rules.0.platfrom: "),
        ('[[rules]]\nschedule = { cadence = "yearly" }', "rules.0.schedule.cadence: "),
        ('[[rules]]\nschedule = { cadence = "daily", spread = 90000 }', "at most 86400"),
        ('[[rules]]\nschedule = { cadence = "daily", timezone = "Mars" }', "schedule.timezone: "),
        ('[[rules]]\ndata_type = "gossip"', "rules.0.data_type: "),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_the_place(text, said):
    with pytest.raises(BadPolicy) as caught:
        Policy.from_toml(text)
    assert said in str(caught.value)


def test_a_company_that_has_just_linked_is_given_what_the_rules_say():
    [change] = changes_for(LINKED, {}, DAILY, now=NOW)
    assert (change.before, change.after, change.kind) == (None, GIVEN, "given")
    assert changes_for(LINKED, {ALL: GIVEN}, DAILY, now=NOW) == []
    assert changes_for(LINKED, {}, NONE, now=NOW) == []


def test_a_changed_policy_reaches_existing_companies_only_when_asked():
    weekly = Policy.of_cadence("weekly")
    held = {ALL: GIVEN}
    assert changes_for(LINKED, held, weekly, now=NOW) == []
    [change] = changes_for(LINKED, held, weekly, now=NOW, apply=True)
    assert (change.kind, change.after.cadence) == ("changed", Cadence.WEEKLY)
    assert kinds(changes_for(LINKED, held, Policy(), now=NOW, apply=True)) == [
        ("removed", ALL),
        ("given", "company"),
    ]


def test_what_a_person_set_is_left_alone():
    mine = replace(GIVEN, origin="person", cadence=Cadence.HOURLY)
    assert changes_for(LINKED, {ALL: mine}, DAILY, now=NOW, apply=True) == []


def test_a_company_that_cannot_sync_has_its_schedules_suspended():
    [change] = changes_for(UNLINKED, {"invoices": PERSONS}, DAILY, now=NOW)
    stopped = PERSONS.suspend("the company is Unlinked", NOW)
    assert (change.after, change.kind) == (stopped, "suspended")
    assert changes_for(UNLINKED, {"invoices": stopped}, DAILY, now=NOW) == []
    [back] = changes_for(LINKED, {"invoices": stopped}, DAILY, now=NOW + 20 * 86_400)
    assert (back.after, back.kind) == (PERSONS, "resumed")


def test_the_reason_follows_the_status_and_the_time_stays():
    before = PERSONS.suspend("the company is Deauthorised", NOW)
    [change] = changes_for(UNLINKED, {"invoices": before}, DAILY, now=NOW + 5)
    assert change.after == before.suspend("the company is Unlinked", NOW)


def test_a_company_that_nothing_syncs_is_kept_alive_once_a_month():
    off = replace(PERSONS, off=True)
    [change] = changes_for(LINKED, {"invoices": off}, DAILY, now=NOW)
    assert (change.after.data_type, change.after.cadence) == ("company", Cadence.MONTHLY)
    assert change.after.origin == KEEP_ALIVE
    kept = {"invoices": off, "company": change.after}
    assert changes_for(LINKED, kept, DAILY, now=NOW) == []
    again = {"invoices": PERSONS, "company": change.after}
    assert kinds(changes_for(LINKED, again, DAILY, now=NOW)) == [("removed", "company")]
    assert changes_for(LINKED, {"invoices": off}, NONE, now=NOW) == []


@pytest.mark.parametrize(
    ("connections", "kept"),
    [
        ([XERO], ["company"]),
        ([BANK], ["banking-accounts"]),
        ([("Linked", "fztf", "Shopify", "Commerce")], ["commerce-companyInfo"]),
        ([("Linked", "pqsw", "QuickBooks Desktop", "Accounting")], ["company"]),
        ([("Linked", "xxxx", "Something new", "Unheard of")], ["company"]),
        ([XERO, BANK], ["company", "banking-accounts"]),
        ([XERO, ("Unlinked", *BANK[1:])], ["company"]),
    ],
)
def test_each_sort_of_software_is_kept_alive_by_what_it_has(connections, kept):
    given = changes_for(company(*connections), {}, Policy(), now=NOW)
    assert kinds(given) == [("given", data_type) for data_type in kept]


def test_a_sort_of_software_that_is_synced_needs_nothing_more():
    invoices = replace(PERSONS, data_type="invoices")
    both = company(XERO, BANK)
    assert kinds(changes_for(both, {"invoices": invoices}, DAILY, now=NOW)) == [
        ("given", "banking-accounts")
    ]
    everything = {"invoices": replace(invoices, off=True), ALL: GIVEN}
    assert changes_for(both, everything, DAILY, now=NOW) == []


def test_if_the_smallest_is_switched_off_another_keeps_alive():
    off = replace(PERSONS, data_type="company", off=True)
    [change] = changes_for(LINKED, {"company": off}, DAILY, now=NOW)
    assert (change.kind, change.after.data_type) == ("given", "taxRates")


def test_a_removed_schedule_stays_away_but_the_company_is_kept_alive():
    assert kinds(changes_for(LINKED, {}, DAILY, now=NOW, keep=True)) == [("given", "company")]
    assert kinds(changes_for(LINKED, {}, DAILY, now=NOW)) == [("given", ALL)]
    assert changes_for(LINKED, {}, NONE, now=NOW, keep=True) == []
    assert changes_for(UNLINKED, {}, DAILY, now=NOW, keep=True) == []
