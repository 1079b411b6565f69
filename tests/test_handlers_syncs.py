"""What became of the syncs we wanted is told, a line for each period."""

from folding import action, apply, company_after, logged, webhook
from parts import company_id, make_event

HELD = company_after(webhook(make_event("company.created")))
FACTS = {"data_type": "all", "period": "2026-01-05", "operation_id": None}


def test_a_requested_sync_is_told_as_it_was_requested():
    folded = apply(HELD, action("relay.sync_requested", **FACTS))
    assert logged(folded) == [("sync.requested", FACTS)]
    assert (folded.company, folded.needs) == (HELD, [])
    [event] = folded.events
    assert (event.subject, event.cause) == (company_id(1), "i#1")


def test_a_period_without_a_sync_is_told_with_its_reason():
    facts = {"data_type": "all", "period": "2026-01-05", "reason": "the company is Unlinked"}
    assert logged(apply(HELD, action("relay.sync_missed", **facts))) == [("sync.missed", facts)]


def test_each_period_that_passed_meanwhile_is_told():
    told = action(
        "relay.periods_missed", data_type="all", periods=["2026-W01", "2026-W02"], reason="away"
    )
    assert logged(apply(HELD, told)) == [
        ("sync.missed", {"data_type": "all", "period": period, "reason": "away"})
        for period in ("2026-W01", "2026-W02")
    ]


def test_what_was_given_up_is_told():
    facts = {"intent": f"info:{company_id(1)}", "ending": "gave_up", "reason": "503"}
    folded = apply(HELD, action("relay.intent_given_up", **facts))
    assert logged(folded) == [("intent.given_up", facts)]


def test_a_sync_of_a_company_that_we_do_not_hold_is_told_and_makes_none():
    facts = {"data_type": "all", "period": "2026-01-05", "reason": "the company is unknown"}
    folded = apply(None, action("relay.sync_missed", **facts))
    assert folded.company is None
    assert [kind for kind, _ in logged(folded)] == ["sync.missed"]
