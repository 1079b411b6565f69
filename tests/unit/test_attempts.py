"""Tries of a journey, read from what it passed."""

from dataclasses import replace

from relay.companies.company import Company, Connection
from relay.companies.identity import Identity
from relay.journeys.attempts import Reason, attempts, with_outcome
from relay.journeys.journey import Consent, Journey, Platform
from relay.journeys.rules import (
    Change,
    add_entry,
    choose_platform,
    confirm_company,
    open_link,
    record_consent,
    restart,
    send_to_codat,
    start,
    stop_at_mismatch,
)

XERO, SAGE = Platform("gbol", "Xero", "Accounting"), Platform("hbql", "Sage 50", "Accounting")
ACME = Identity("Acme")
HOUR = 3_600_000


def linked(journey, platform, at):
    """Choose, agree and go, up to the link."""
    for rule in (
        lambda j: choose_platform(j, platform, at),
        lambda j: record_consent(j, Consent(at, "v", "en", platform.key, (), "daily", ())),
        lambda j: send_to_codat(j, f"c-{platform.key}", at, is_linked=True),
    ):
        change = rule(journey)
        assert isinstance(change, Change)
        journey = change.journey
    return journey


def begun():
    journey = start(Journey("j", "c", 0, 1000 * HOUR, "olga")).journey
    return open_link(journey, 1).journey


def told(journey, now=2):
    return [
        (t.platform_name, t.last_step, t.reason) for t in attempts(journey, None, now, 24 * HOUR)
    ]


def test_a_wrong_company_ends_a_try_and_another_platform_is_another():
    first = restart(linked(begun(), XERO, 1), ACME, 1).journey
    done = confirm_company(linked(first, SAGE, 2), ACME, 2).journey
    assert told(done, 900 * HOUR) == [
        ("Xero", "linked", Reason.WRONG_COMPANY),
        ("Sage 50", "confirmed", None),
    ]


def test_the_same_platform_after_a_wrong_company_is_another_try():
    again = restart(linked(begun(), XERO, 1), ACME, 1).journey
    assert told(linked(again, XERO, 2)) == [
        ("Xero", "linked", Reason.WRONG_COMPANY),
        ("Xero", "linked", None),
    ]


def test_another_company_than_expected_stops_a_try():
    stopped = stop_at_mismatch(linked(begun(), XERO, 1), ACME, Identity("Other"), 1).journey
    assert told(stopped, 30 * HOUR) == [("Xero", "linked", Reason.MISMATCH)]


def test_a_journey_over_is_expired_and_one_confirmed_is_not():
    assert told(linked(begun(), XERO, 1), 2000 * HOUR)[0][2] is Reason.EXPIRED
    done = confirm_company(linked(begun(), XERO, 1), ACME, 2).journey
    assert told(done, 2000 * HOUR)[0][2] is None


def test_before_a_choice_there_is_one_try_without_a_platform():
    assert told(begun()) == [("", "opened", None)]


def disconnected(at, **more):
    """The company once its connection is broken with an error, `at` ms since the epoch."""
    one = Connection(
        "c-gbol", "Deauthorized", (at * 1000, "e"), "gbol", errors=("Revoked",), **more
    )
    return Company("c", connections={one.id: one})


def went(journey, at):
    """Go to Codat for Xero."""
    agreed = record_consent(
        choose_platform(journey, XERO, at).journey, Consent(at, "v", "en", "gbol", (), "", ())
    )
    return send_to_codat(agreed.journey, "c-gbol", at, is_linked=False).journey


def history(journey, company):
    return [one.type for one in with_outcome(journey, company).history]


def test_a_disconnection_after_the_confirmation_is_no_refusal():
    done = confirm_company(linked(begun(), XERO, 1), ACME, 2).journey
    assert with_outcome(done, disconnected(9 * HOUR, ever_linked=True)) is done


def test_what_was_linked_since_the_customer_was_sent_was_not_refused():
    away = went(begun(), 1)
    assert with_outcome(away, disconnected(HOUR, ever_linked=True)) is away
    again = replace(away, reconnects="c-gbol")  # linked long before: that says nothing
    assert history(again, disconnected(HOUR, ever_linked=True))[-1] == "journey.refused"
    seen = add_entry(again, "journey.linked", 2)
    assert with_outcome(seen, disconnected(HOUR, ever_linked=True)) is seen
    assert history(away, disconnected(HOUR))[-1] == "journey.refused"
