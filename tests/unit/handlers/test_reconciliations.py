"""What a reconciliation found is healed, told, and counted in its figures."""

import pytest

from support.folding import action, apply, company_after, logged, types, webhook
from support.parts import company_id, connection_id, make_connection, make_event
from workers.inbox.handlers.reconciliations import EVENT_TYPES


def told(event_type, status, at):
    return webhook(make_event(event_type, connection=(1, status), at=at))


def found(*connections, at=10.0, name="Company 1", differed=(), **more):
    shown = [make_connection(number, status) | more for number, status in connections]
    company = {"id": company_id(1), "name": name, "dataConnections": shown}
    differed = [{"event_type": event_type, "about": about} for event_type, about in differed]
    return action("relay.reconciled", run="r1", company=company, differed=differed, at=at)


LINKED = told("connection.connected", "Linked", 1)
HOUR = "2026-01-05T09"


def counts(folded):
    assert {one.run for one in folded.counted} <= {"r1"}
    return sorted(one.what for one in folded.counted)


def test_a_missed_webhook_is_healed_and_counted_by_type_and_hour():
    folded = apply(company_after(LINKED), found((1, "Unlinked")))
    assert folded.company.status == "Unlinked"
    assert types(folded)[-1] == "company.drift_found"
    drift = logged(folded)[-1][1]
    assert (drift["source"], drift["reconciliation"]) == ("reconcile", "r1")
    assert drift["differences"] == [
        {
            "kind": "missed",
            "event_type": "connection.disconnected",
            "about": connection_id(1),
            "ours": "Linked",
            "codats": "Unlinked",
        }
    ]
    by_hour = f"missed:connection.disconnected:{HOUR}"
    assert counts(folded) == sorted(["healed", "missed", by_hour])


def test_a_webhook_that_came_in_first_was_late_and_nothing_is_logged():
    unlinked = told("connection.disconnected", "Unlinked", 5)
    folded = apply(company_after(LINKED, unlinked), found((1, "Unlinked")))
    assert types(folded) == []
    assert counts(folded) == ["late"]


def test_late_changes_are_counted_by_type_and_hour():
    unlinked = told("connection.disconnected", "Unlinked", 5)
    differed = [("connection.disconnected", connection_id(1))]
    seen = found((1, "Unlinked"), differed=differed, at=7300)
    by_hour = f"late:connection.disconnected:{HOUR}"
    assert counts(apply(company_after(LINKED, unlinked), seen)) == ["late", by_hour]


def test_a_change_is_counted_in_the_hour_codat_dates_it():
    errors = [{"errorMessage": "revoked", "erroredOnUtc": "2026-01-05T08:59:00Z"}]
    seen = found((1, "Deauthorized"), at=7300, dataConnectionErrors=errors)
    folded = apply(company_after(LINKED), seen)
    assert "missed:connection.disconnected:2026-01-05T08" in counts(folded)
    unknown = apply(company_after(LINKED), found((1, "Unlinked"), at=7300))
    assert "missed:connection.disconnected:2026-01-05T11" in counts(unknown)


def test_a_webhook_that_comes_after_the_heal_was_late_and_not_missed():
    healed = company_after(LINKED, found((1, "Unlinked"), at=10))
    relinked = apply(healed, told("connection.reconnected", "Linked", 20)).company
    for company in (healed, relinked):
        other = apply(company, told("connection.created", "PendingAuth", 0))
        assert counts(other) == []
        newer = apply(company, told("connection.disconnected", "Unlinked", 11))
        assert counts(newer) == []
        late = apply(company, told("connection.disconnected", "Unlinked", 5))
        assert types(late) == ["webhook.stale"]
        assert late.company.status == company.status
        assert {(one.what, one.more) for one in late.counted} == {
            ("missed", -1),
            ("late", 1),
            (f"missed:connection.disconnected:{HOUR}", -1),
            (f"late:connection.disconnected:{HOUR}", 1),
        }
        assert counts(apply(late.company, told("connection.disconnected", "Unlinked", 6))) == []


def test_only_the_healed_one_of_two_differences_is_logged_as_drift():
    second = webhook(make_event("connection.connected", connection=(2, "Linked"), at=1))
    newer = webhook(make_event("connection.disconnected", connection=(2, "Unlinked"), at=20))
    differed = [("connection.disconnected", connection_id(1))]
    differed.append(("connection.connected", connection_id(2)))
    folded = apply(
        company_after(LINKED, second, newer),
        found((1, "Unlinked"), (2, "Linked"), differed=differed),
    )
    assert [one["about"] for one in logged(folded)[-1][1]["differences"]] == [connection_id(1)]
    assert counts(folded) == sorted(
        [
            "healed",
            "missed",
            f"missed:connection.disconnected:{HOUR}",
            "late",
            f"late:connection.connected:{HOUR}",
        ]
    )


def test_news_newer_than_the_comparison_is_kept():
    relinked = told("connection.reconnected", "Linked", 20)
    folded = apply(company_after(LINKED, relinked), found((1, "Unlinked"), at=10))
    assert folded.company.status == "Linked"
    assert types(folded) == []
    assert counts(folded) == ["late"]


def test_a_company_codat_no_longer_knows_is_deleted_and_counted_once():
    gone = action("relay.reconciled_gone", run="r1", at=10.0)
    folded = apply(company_after(LINKED), gone)
    assert folded.company.status == "Deleted"
    assert "company.deleted" in types(folded)
    assert counts(folded) == sorted(["healed", "unknown", f"unknown:company.deleted:{HOUR}"])
    again = apply(folded.company, gone)
    assert types(again) == []
    assert counts(again) == ["late"]


def test_a_company_thought_deleted_returns_when_codat_shows_it():
    gone = apply(company_after(LINKED), action("relay.reconciled_gone", run="r1", at=10.0))
    older = apply(gone.company, found((1, "Linked"), at=9))
    assert older.company is None or older.company.status == "Deleted"
    folded = apply(gone.company, found((1, "Linked"), at=11))
    assert folded.company.status == "Linked"
    assert "wrong" in counts(folded)


@pytest.mark.parametrize(
    ("kind", "told_as"),
    [
        ("relay.reconcile_begun", "reconcile.started"),
        ("relay.reconcile_progressed", "reconcile.progressed"),
        ("relay.reconcile_aborted", "reconcile.aborted"),
        ("relay.reconcile_stopped", "reconcile.stopped"),
        ("relay.reconcile_ended", "reconcile.completed"),
        ("relay.codat_silent", "codat.silent"),
    ],
)
def test_progress_is_logged_unchanged(kind, told_as):
    facts = next(entry.example for entry in EVENT_TYPES if entry.type == told_as)
    assert logged(apply(None, action(kind, **facts))) == [(told_as, facts)]
