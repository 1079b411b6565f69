"""Where a journey stands follows from its record and its company, and from nothing else."""

from dataclasses import replace

import orjson
import pytest

from relay.companies.company import Company, Connection, DataTypeState
from relay.companies.identity import Identity, mark_of
from relay.journeys import rules
from relay.journeys.journey import Journey, Platform, Step
from relay.journeys.stage import Stage, is_disconnected, progress, stage_of
from support.journeys import CONSENT, NEW, T0, XERO, sent

SAGE = Platform("hbql", "Sage 50", "Accounting", is_offline=True)
SQUARE = Platform("zsth", "Square", "Commerce")
INFO = {"companyName": "Acme", "registrationNumber": "1"}


def at(seconds):
    """A version, in seconds after the customer was sent."""
    return ((T0 + seconds * 1000) * 1000, "e")


def company(status="Linked", seconds=5, info=None, info_at=9, **changes):
    held = Connection("k-1", status, at(seconds), "gbol", "Xero", "Accounting")
    held = replace(held, **changes)
    return Company(
        "c-1", connections={"k-1": held}, info=info, info_version=at(info_at) if info else (0, "")
    )


def stage(journey, held=None, now=T0 + 1):
    return stage_of(journey, held, now)


def test_the_steps_before_codat_follow_each_other():
    assert stage(NEW) is Stage.PICK
    chosen = rules.choose_platform(NEW, XERO, T0).journey
    assert stage(chosen) is Stage.CONSENT
    agreed = rules.record_consent(chosen, CONSENT).journey
    assert stage(agreed) is Stage.AUTHORISE
    gone = rules.send_to_codat(agreed, "k-1", T0, is_linked=False).journey
    assert stage(gone) is Stage.WAITING


def test_another_platform_needs_another_consent():
    agreed = rules.record_consent(rules.choose_platform(NEW, XERO, T0).journey, CONSENT).journey
    back = rules.leave_platform(agreed, T0).journey
    assert stage(back) is Stage.PICK
    assert stage(rules.choose_platform(back, SQUARE, T0).journey) is Stage.CONSENT


def test_nobody_is_sent_without_consent():
    chosen = rules.choose_platform(NEW, XERO, T0).journey
    assert rules.send_to_codat(chosen, "k-1", T0, is_linked=False) is None


def test_only_a_link_that_codat_reported_counts():
    assert stage(sent(), None) is Stage.WAITING
    assert stage(sent(), Company("c-1")) is Stage.WAITING
    assert stage(sent(), company("PendingAuth")) is Stage.WAITING
    assert stage(sent(), company()) is Stage.READING
    assert stage(sent(), company(info=INFO)) is Stage.CONFIRM


def test_a_refusal_counts_until_the_customer_is_sent_again():
    refused = company("PendingAuth", seconds=60, errors=("User cancelled",))
    assert stage(sent(), refused) is Stage.REFUSED
    assert stage(sent(sent=T0 + 90_000), refused) is Stage.WAITING


def test_what_names_no_company_is_confirmed_without_a_name():
    assert stage(sent(SQUARE), company()) is Stage.CONFIRM


def test_info_of_before_is_not_taken_for_the_new_companys():
    before = Identity("Acme", "", "1")
    again = sent(reconnects="k-1", identity=before, reads_before=1)
    old_link = company(seconds=-100, info=INFO, info_at=-90)
    assert stage(again, old_link) is Stage.WAITING
    stale = replace(company(info=INFO), info_reads=1, info_after=1)  # the read of before
    assert stage(again, stale) is Stage.READING
    assert stage(again, replace(stale, info_reads=2)) is Stage.READING  # not asked for since
    fresh = replace(stale, info_reads=2, info_after=2)
    assert stage(again, fresh) is Stage.CONFIRM
    other = replace(fresh, identity_mismatch={"registrationNumber": {}})
    assert stage(again, other) is Stage.MISMATCH
    assert stage(replace(again, was_linked_already=True), other) is Stage.CONFIRM


def test_without_reads_the_time_of_the_info_decides():
    again = sent(reconnects="k-1")
    assert stage(again, company(info=INFO, info_at=-9)) is Stage.READING
    assert stage(again, company(info=INFO, info_at=9)) is Stage.CONFIRM


def test_a_connector_that_reads_once_and_removes_itself_has_linked():
    """Codat: integrations/accounting/sage50, one-time sync."""
    ended = company("Deauthorized", seconds=50, info=INFO, ever_linked=True)
    assert stage(sent(SAGE), ended) is Stage.CONFIRM
    assert stage(sent(XERO), ended) is Stage.WAITING


@pytest.mark.parametrize("step", [Step.EXPIRED, Step.REVOKED])
def test_a_journey_that_is_over_says_how_it_ended(step):
    assert stage(replace(NEW, step=step)) is Stage(step)
    assert stage(sent(), company(info=INFO), now=NEW.expires) is Stage.EXPIRED
    confirmed = sent(step=Step.CONFIRMED)
    assert stage(confirmed, company(info=INFO), now=NEW.expires) is Stage.CONFIRMED


def test_progress_is_shown_for_each_data_type_agreed_to():
    read = {
        "k-1|invoices": DataTypeState("Complete", at(20), at(20)[0]),
        "k-1|bills": DataTypeState("FetchError", at(20), None),
        "k-1|items": DataTypeState("Complete", at(20), at(20)[0]),
    }
    told = progress(sent(), replace(company(), data_types=read))
    assert told == {"company": "waiting", "invoices": "read", "bills": "failed"}


def test_reads_from_before_the_customer_was_sent_again_do_not_count():
    read = {
        "k-1|invoices": DataTypeState("Complete", at(-900), at(-900)[0]),
        "k-1|bills": DataTypeState("Complete", at(20), at(20)[0]),
    }
    held = replace(company(), data_types=read)
    again = sent(reconnects="k-1")
    assert progress(again, held) == {"company": "waiting", "invoices": "waiting", "bills": "read"}
    already = replace(again, was_linked_already=True)
    assert progress(already, held)["invoices"] == "read"


def test_a_company_is_either_confirmed_or_disowned_for_good():
    found = Identity("Acme")
    disowned = rules.begin_unlinking(sent()).journey
    assert rules.confirm_company(disowned, found, T0) is None
    assert rules.begin_unlinking(disowned) is None
    confirmed = rules.confirm_company(sent(), found, T0).journey
    assert rules.begin_unlinking(confirmed) is None
    assert rules.restart(confirmed, found, T0) is None
    assert rules.begin_unlinking(sent(was_linked_already=True)) is None


def test_what_a_journey_linked_itself_was_not_there_before():
    """The customer is sent once more, before the webhook of the link came."""
    assert rules.send_to_codat(sent(), "k-1", T0 + 9, is_linked=True) is None
    before = rules.send_to_codat(sent(), "k-2", T0 + 9, is_linked=True).journey
    assert before.was_linked_already


@pytest.mark.parametrize(
    ("platform", "status", "ended"),
    [
        (XERO, "Linked", False),
        (XERO, "Deauthorized", True),
        (XERO, "Unlinked", True),
        (XERO, "deleted", True),
        (SAGE, "Unlinked", True),
        (SAGE, "Deauthorized", False),  # read once and removed itself: a normal end
    ],
)
def test_what_was_confirmed_can_end(platform, status, ended):
    held = company(status, seconds=50, info=INFO, ever_linked=True)
    assert is_disconnected(sent(platform, step=Step.CONFIRMED), held) is ended


def test_a_journey_is_read_as_it_was_written():
    journey = rules.confirm_company(sent(identity=Identity("Acme")), Identity("A"), T0).journey
    assert Journey.from_json(journey.to_json()) == journey


def test_the_stored_names_of_a_journey_stay():
    stored = orjson.loads(NEW.to_json())
    assert {"passed", "undoing", "made", "dropped", "undone", "step"} <= set(stored)
    assert not {"history", "is_unlinking", "created_connection"} & set(stored)


def test_a_wrong_company_restarts_the_choice_unless_only_one_is_left():
    found = Identity("Wrong")
    assert rules.restart(sent(), found, T0) is None  # nobody said so before
    again = rules.restart(sent(is_unlinking=True), found, T0).journey
    assert (stage(again), again.attempt, again.connection_id) == (Stage.PICK, 2, None)
    single = rules.restart(sent(allowed_platforms=("gbol",), is_unlinking=True), found, T0).journey
    assert stage(single) is Stage.CONSENT


def test_a_renewed_link_takes_an_expired_journey_up_where_it_was():
    over = rules.expire(sent(), NEW.expires).journey
    assert rules.expire(over, NEW.expires) is None
    again = rules.renew_link(over, "h", NEW.expires + 10**9, NEW.expires).journey
    assert stage(again, company(info=INFO), now=NEW.expires) is Stage.CONFIRM
    assert again.token_hash == "h"


def test_until_the_wrong_company_is_unlinked_no_choice_is_taken():
    undoing = sent(is_unlinking=True)
    assert rules.send_to_codat(undoing, "k-2", T0, is_linked=False) is None
    assert rules.choose_platform(undoing, SQUARE, T0) is None
    assert rules.leave_platform(undoing, T0) is None


def test_a_journeys_link_counts_from_when_its_customer_was_sent():
    agreed = replace(NEW, platform=XERO, step=Step.CONSENTED, consents=(CONSENT,), attempt=2)
    gone = rules.send_to_codat(agreed, "k-1", T0, is_linked=False, is_new=True).journey
    again = rules.choose_platform(gone, XERO, T0 + 9000).journey
    agreed = rules.record_consent(again, CONSENT).journey
    back = rules.send_to_codat(agreed, "k-1", T0 + 9500, is_linked=True).journey
    assert (back.sent, back.was_linked_already, back.created_connection) == (T0, False, "k-1")
    assert stage(back, company(seconds=5)) is Stage.READING
    assert rules.send_to_codat(back, "k-1", T0 + 9900, is_linked=True) is None


def test_the_firm_accepts_one_company_and_none_that_comes_after():
    before, found, third = Identity("Acme"), Identity("Other", platform_name="Xero"), Identity("3")
    stopped = rules.stop_at_mismatch(sent(reconnects="k-1"), before, found, T0).journey
    accepted = rules.accept_mismatch(stopped, before, found, "olga", T0)
    assert accepted.events[0][1]["identity_mark"] == mark_of({"companyName": "Other"})
    after = accepted.journey
    assert rules.accept_mismatch(after, before, found, "olga", T0) is None
    assert rules.stop_at_mismatch(after, before, found, T0) is None
    again = rules.stop_at_mismatch(after, before, third, T0).journey
    assert rules.accept_mismatch(again, before, third, "olga", T0)
