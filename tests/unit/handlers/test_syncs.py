"""What became of the syncs we wanted is told, a line for each period."""

from relay.companies.company import SyncState
from support.folding import action, apply, company_after, logged, types, wanted, webhook
from support.parts import company_id, connection_id, make_event
from workers.inbox.handlers.syncs import LOOK_AFTER, LOOK_AFTER_ONE

HELD = company_after(webhook(make_event("company.created")))
FACTS = {"data_type": "all", "period": "2026-01-05", "operation_id": None}


def test_a_requested_sync_is_logged_as_it_was_requested():
    folded = apply(HELD, action("relay.sync_requested", **FACTS))
    assert logged(folded) == [("sync.requested", FACTS)]
    assert wanted(folded) == {"track": LOOK_AFTER}
    [event] = folded.events
    assert (event.subject, event.cause) == (company_id(1), "i#1")


def test_a_period_without_a_sync_is_logged_with_its_reason():
    facts = {"data_type": "all", "period": "2026-01-05", "reason": "the company is Unlinked"}
    assert logged(apply(HELD, action("relay.sync_missed", **facts))) == [("sync.missed", facts)]


def test_each_period_that_passed_meanwhile_is_logged():
    told = action(
        "relay.periods_missed", data_type="all", periods=["2026-W01", "2026-W02"], reason="away"
    )
    assert logged(apply(HELD, told)) == [
        ("sync.missed", {"data_type": "all", "period": period, "reason": "away"})
        for period in ("2026-W01", "2026-W02")
    ]


def test_grouped_periods_are_logged_with_first_last_and_count():
    told = action(
        "relay.periods_missed",
        data_type="all",
        periods=["2026-W09"],
        reason="away",
        older=["2006-W01", "2026-W08", 1052],
    )
    facts = {"data_type": "all", "reason": "away"}
    together = {"period": "2006-W01", "from": "2006-W01", "to": "2026-W08", "count": 1052}
    assert logged(apply(HELD, told)) == [
        ("sync.missed", facts | together),
        ("sync.missed", facts | {"period": "2026-W09"}),
    ]


def test_a_sync_given_up_is_logged():
    facts = {"intent": f"info:{company_id(1)}", "ending": "gave_up", "reason": "503"}
    folded = apply(HELD, action("relay.intent_given_up", **facts))
    assert logged(folded) == [("intent.given_up", facts)]


def test_a_sync_of_an_unknown_company_is_logged_and_makes_none():
    facts = {"data_type": "all", "period": "2026-01-05", "reason": "the company is unknown"}
    folded = apply(None, action("relay.sync_missed", **facts))
    assert folded.company is None
    assert [kind for kind, _ in logged(folded)] == ["sync.missed"]


ONE = {"data_type": "invoices", "period": "2026-01-05", "operation_id": "op-1"}


def requested(at=10, **more):
    return action("relay.sync_requested", at=at, **(ONE | more))


def read(status, at, data_type="invoices", number=1):
    result = {"connectionId": connection_id(number), "dataType": data_type, "status": status}
    return webhook(make_event("read.completed", at=at, dataTypes=[result]))


def sync(folded, data_type="invoices"):
    return folded.company.syncs[data_type]


def test_a_data_types_sync_opens_with_its_operation_ends_by_its_read():
    begun = apply(HELD, requested())
    assert types(begun) == ["sync.requested", "sync.accepted"]
    assert (sync(begun).state, wanted(begun)) == (SyncState.ACCEPTED, {"track": LOOK_AFTER_ONE})
    closed = apply(begun.company, read("Complete", 12))
    [(kind, told)] = logged(closed)
    assert (kind, told["period"]) == ("sync.completed", "2026-01-05")
    assert (sync(closed).state, sync(closed).done) == (SyncState.COMPLETED, 1)
    assert "period" not in logged(apply(closed.company, read("Complete", 20)))[0][1]


def test_a_read_that_overtakes_the_word_of_its_request_closes_it_too():
    folded = apply(HELD, read("FetchError", 12), requested())
    assert (sync(folded).state, wanted(folded)) == (SyncState.FAILED, {})
    assert logged(folded)[-1][0] == "sync.failed"
    assert logged(folded)[-1][1]["period"] == "2026-01-05"


def test_a_read_from_before_the_request_says_nothing_of_it():
    folded = apply(HELD, requested(), read("Complete", 1))
    assert sync(folded).is_open
    assert "period" not in logged(folded)[0][1]


def test_a_running_sync_is_closed_by_the_read_it_began_with():
    folded = apply(HELD, read("Complete", 9.5), requested(running=True, note="running"))
    assert not sync(folded).is_open
    assert "running" not in logged(folded)[0][1]


def test_a_read_of_something_asks_the_history_how_far_everything_is():
    everything = action("relay.sync_requested", at=10, **FACTS)
    folded = apply(HELD, everything, read("Complete", 12))
    assert wanted(folded) == {"track": 20_000}
    assert logged(folded)[0][1]["period"] == "2026-01-05"
    assert sync(folded, "all").is_open


def look(reason=None, **told):
    first = {"data_type": "all", "period": "2026-01-05", "state": "accepted", "total": 3, "done": 1}
    return action(
        "relay.syncs_checked",
        at=20,
        syncs=[first | {"failed": 0, "ended": None, "reason": reason} | told],
    )


def test_a_sync_in_the_history_is_logged_at_its_begin_and_end():
    everything = action("relay.sync_requested", at=10, **FACTS)
    begun = apply(HELD, everything, look())
    assert [(kind, told["done"], told["total"]) for kind, told in logged(begun)] == [
        ("sync.accepted", 1, 3)
    ]
    assert types(apply(begun.company, look(done=2))) == []
    ended = apply(begun.company, look(done=3, failed=1, state="failed", ended=5))
    [(kind, told)] = logged(ended)
    assert (kind, told["failed"], told["data_type"]) == ("sync.failed", 1, "all")
    assert types(apply(ended.company, look(done=3))) == []


def test_a_sync_without_news_fails_with_the_reason():
    everything = action("relay.sync_requested", at=10, **FACTS)
    folded = apply(HELD, everything, look(reason="no word", total=0, done=0))
    assert [(kind, told["reason"]) for kind, told in logged(folded)] == [("sync.failed", "no word")]


def test_a_look_at_another_period_changes_nothing():
    folded = apply(HELD, action("relay.sync_requested", at=10, **FACTS), look(period="older"))
    assert types(folded) == []


def test_with_two_connections_a_sync_ends_with_the_last_read():
    two = [
        webhook(make_event("connection.connected", connection=(number, "Linked"), at=number))
        for number in (1, 2)
    ]
    before = [read("Complete", 5, number=1), read("Complete", 6, number=2)]
    held = apply(HELD, *two, *before, requested()).company
    half = apply(held, read("Complete", 12, number=1))
    assert sync(half).is_open
    assert logged(half)[-1][1]["period"] == "2026-01-05"
    whole = apply(half.company, read("FetchError", 13, number=2))
    assert (sync(whole).state, sync(whole).done, sync(whole).failed) == (SyncState.FAILED, 2, 1)
    assert logged(whole)[-1][1]["period"] == "2026-01-05"
    gone = webhook(make_event("connection.disconnected", connection=(2, "Unlinked"), at=11))
    assert not sync(apply(held, gone, read("Complete", 12, number=1))).is_open


def test_a_sync_that_a_later_one_overtakes_is_logged_as_covered():
    begun = apply(HELD, requested()).company
    folded = apply(begun, requested(at=20, period="2026-01-06", operation_id="op-2"))
    kinds = [(kind, told["period"]) for kind, told in logged(folded)]
    assert kinds == [
        ("sync.requested", "2026-01-06"),
        ("sync.accepted", "2026-01-06"),
        ("sync.skipped", "2026-01-05"),
    ]
    assert "the sync of period 2026-01-06 stands for this one" in logged(folded)[2][1]["reason"]
    late = apply(begun, requested(at=5, period="2026-01-04", operation_id="op-0"))
    assert ("sync.skipped", "2026-01-04") in [(k, told["period"]) for k, told in logged(late)]
    assert sync(late).period == "2026-01-05"


def test_a_sync_that_ended_is_not_logged_again_at_the_next_request():
    ended = apply(HELD, requested(), read("Complete", 12)).company
    assert "sync.skipped" not in types(apply(ended, requested(at=20, period="2026-01-06")))


def test_a_failure_in_the_history_is_logged_with_codats_reason():
    everything = action("relay.sync_requested", at=10, **FACTS)
    shown = look(done=3, failed=1, state="failed", ended=5, why="bills: Timed out.")
    [_, (kind, told)] = logged(apply(HELD, everything, shown))
    assert (kind, told["reason"]) == ("sync.failed", "bills: Timed out.")
