"""Each type of event has one handler, found by its name or by a pattern."""

import pytest

from codat.legacy import LEGACY_TYPES
from relay.companies.company import Company
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router, handler_for, table

CODATS = [
    ("company.created", "companies.created"),
    ("company.deleted", "companies.deleted"),
    ("company.product.added", "companies.products_changed"),
    ("company.product.removed", "companies.products_changed"),
    ("connection.created", "connections.changed"),
    ("connection.connected", "connections.linked"),
    ("connection.reconnected", "connections.linked"),
    ("connection.disconnected", "connections.changed"),
    ("connection.failed", "connections.link_failed"),
    ("connection.deleted", "connections.deleted"),
    ("read.completed", "reads.read_completed"),
    ("read.completed.initial", "reads.read_completed"),
    ("client.rateLimit.reached", "rate_limits.reached"),
    ("client.rateLimit.reset", "rate_limits.reset"),
    ("invoices.write.successful", "writes.write_ended"),
    ("direct-costs.write.unsuccessful", "writes.write_ended"),
    ("expenses.sync.successful", "solutions.solution_event"),
    ("bankFeeds.sourceAccount.connected", "solutions.solution_event"),
    ("reports.creditModel.generate.successful", "solutions.solution_event"),
    ("report.categorizedBankStatement.generate.successful", "solutions.solution_event"),
    ("DataConnectionStatusChanged", "legacy.something_changed"),
    ("NewCompanySynchronized", "legacy.something_changed"),
    ("DataSyncCompleted", "legacy.sync_completed"),
    ("DatasetDataChanged", "legacy.data_changed"),
    ("DataSyncStatusChangedToError", "legacy.sync_failed"),
    ("PushOperationStatusChanged", "legacy.push_ended"),
    ("PushOperationTimedOut", "legacy.push_ended"),
    ("ClientRateLimitReached", "rate_limits.reached"),
    ("ClientRateLimitReset", "rate_limits.reset"),
    ("AccountCategoriesUpdated", "solutions.solution_event"),
]
OUR_OWN = ("relay.", "journey.")  # actions: their handlers have tests of their own
OURS = [
    ("relay.company_created", "creations.company_created"),
    ("relay.company_read", "rereads.company_read"),
    ("relay.company_gone", "rereads.company_gone"),
    ("relay.info_fetched", "info.info_fetched"),
    ("relay.identity_accepted", "info.identity_accepted"),
    ("relay.reconciled", "reconciliations.reconciled"),
    ("relay.reconciled_gone", "reconciliations.reconciled_gone"),
    ("relay.reconcile_begun", "reconciliations.progressed"),
    ("relay.reconcile_progressed", "reconciliations.progressed"),
    ("relay.reconcile_aborted", "reconciliations.progressed"),
    ("relay.reconcile_ended", "reconciliations.progressed"),
    ("relay.codat_silent", "reconciliations.progressed"),
    ("relay.pause_set", "pauses.set_up"),
    ("relay.pause_started", "pauses.started"),
    ("relay.pause_ended", "pauses.ended"),
    ("relay.subscription_paused", "subscriptions.paused"),
    ("relay.subscription_resumed", "subscriptions.resumed"),
    ("relay.schedules_changed", "schedules.schedules_changed"),
    ("relay.renamed", "names.renamed"),
    ("relay.name_kept", "names.name_kept"),
    ("relay.name_unavailable", "names.name_unavailable"),
    ("relay.sync_requested", "syncs.sync_requested"),
    ("relay.sync_missed", "syncs.sync_missed"),
    ("relay.periods_missed", "syncs.periods_missed"),
    ("relay.company_forgotten", "losses.forgotten"),
    ("relay.log_trimmed", "losses.trimmed"),
    ("relay.log_limit_neared", "losses.neared"),
    ("relay.subscription_paused", "subscriptions.paused"),
    ("relay.subscription_resumed", "subscriptions.resumed"),
    ("relay.intent_given_up", "syncs.given_up"),
]


@pytest.mark.parametrize(("event_type", "handler"), CODATS + OURS)
def test_an_event_goes_to_its_handler(event_type, handler):
    found = handler_for(event_type)
    assert f"{found.__module__}.{found.__name__}" == f"workers.inbox.handlers.{handler}"


def test_every_type_of_codats_that_has_a_handler_is_tried_here():
    tried = {event_type for event_type, _ in CODATS}
    exact = {event_type for event_type in table() if "*" not in event_type}
    codats = {event_type for event_type in exact if not event_type.startswith(OUR_OWN)}
    assert codats - tried == {"SyncCompleted", "SyncFailed", "SyncConnectionDeleted"}


def test_every_legacy_rule_has_a_handler():
    assert {rule for rule in LEGACY_TYPES if handler_for(rule) is None} == set()


@pytest.mark.parametrize(
    "event_type",
    ["", "company", "company.renamed", "Company.Created", "connection.connected.again",
     "write.successful", "relay.anything", "*", "[a-z]*"],
)  # fmt: skip
def test_an_unknown_type_has_no_handler(event_type):
    assert handler_for(event_type) is None


def keep(company, event):
    return Outcome(company)


def test_a_router_returns_the_function_and_remembers_it_per_type():
    router = Router()
    assert router.on("a.b", "c.*")(keep) is keep
    assert router.handlers == {"a.b": keep, "c.*": keep}


def test_two_handlers_for_one_type_are_refused():
    router = Router()
    router.on("a.b")(keep)
    with pytest.raises(ValueError, match=r"a\.b has two handlers"):
        router.on("a.b")(keep)


def test_an_outcome_is_built_in_steps_and_requests_none_if_stale():
    company = Company("1")
    outcome = Outcome(company).log("x", self=1, logged_type=2).request("info", delay=5).hold(7)
    assert [(one.type, one.data) for one in outcome.events] == [
        ("x", {"self": 1, "logged_type": 2})
    ]
    assert [(one.kind, one.delay) for one in outcome.requests] == [("info", 5)]
    assert outcome.hold_until == 7
    assert outcome.with_company(Company("2")).company.id == "2"
    assert Outcome(company, stale=True).request("info").requests == ()
