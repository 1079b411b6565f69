"""Heal what a reconciliation found to differ, tell of it, and count it in the run's figures."""

from dataclasses import asdict

from codat.records import Company as CodatCompany
from relay.company import Company
from relay.drift import DriftKind, differences
from relay.message import Action
from relay.outcome import Outcome
from relay.times import iso_from_micros
from workers.handlers.rereads import as_shown, company_gone
from workers.routing import Router

router = Router()

HOUR = slice(0, 13)  # of an ISO time: the date and the hour


@router.on("relay.reconciled")
def reconciled(company: Company, action: Action) -> Outcome:
    """Compare again, now that all that came before is applied: what is right by now was late."""
    run = action.payload["run"]
    shown = CodatCompany.from_json(action.payload["company"])
    outcome = as_shown(company, shown, action.version)
    hour = iso_from_micros(action.at)[HOUR]
    if _standing(outcome.company) == _standing(company):
        late = Outcome(company).count(run, "late").count(run, "folded")
        for event_type in action.payload.get("found", ()):
            late = late.count(run, f"late:{event_type}:{hour}")
        return late
    found = differences(company, shown)
    for difference in found:
        outcome = outcome.count(run, difference.kind).count(
            run, f"{difference.kind}:{difference.event_type}:{hour}"
        )
    return (
        outcome.log(
            "company.drift_found",
            source="reconcile",
            reconciliation=run,
            differences=[asdict(difference) for difference in found],
        )
        .count(run, "healed")
        .count(run, "folded")
    )


@router.on("relay.reconciled_gone")
def reconciled_gone(company: Company, action: Action) -> Outcome:
    """Mark a company deleted that we hold and Codat does not know."""
    run = action.payload["run"]
    outcome = company_gone(company, action)
    if outcome.company is company:
        return outcome.count(run, "late").count(run, "folded")
    hour = iso_from_micros(action.at)[HOUR]
    for what in (DriftKind.UNKNOWN, f"{DriftKind.UNKNOWN}:company.deleted:{hour}", "healed"):
        outcome = outcome.count(run, what)
    return outcome.log(
        "company.drift_found",
        source="reconcile",
        reconciliation=run,
        differences=[{"kind": DriftKind.UNKNOWN, "event_type": "company.deleted"}],
    ).count(run, "folded")


TOLD_AS = {
    "relay.reconcile_begun": "reconcile.started",
    "relay.reconcile_progressed": "reconcile.progressed",
    "relay.reconcile_ended": "reconcile.completed",
    "relay.reconcile_aborted": "reconcile.aborted",
    "relay.reconcile_stopped": "reconcile.stopped",
    "relay.codat_silent": "codat.silent",
}


@router.on(*TOLD_AS)
def told(company: Company, action: Action) -> Outcome:
    """Tell downstream how a reconciliation goes, and that Codat has gone silent."""
    return Outcome(company).log(TOLD_AS[action.type], **action.payload)


def _standing(company: Company) -> tuple[str, bool, dict[str, str]]:
    """Give what a reconciliation is about, versions aside."""
    statuses = {key: connection.status for key, connection in company.connections.items()}
    return company.name, company.deleted, statuses
