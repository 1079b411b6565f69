"""What became of each data type that Codat read: completed does not mean succeeded."""

from dataclasses import replace

from codat.statuses import PullOutcome, pull_outcome
from codat.webhook import Event
from relay.company import Company, version_of
from relay.outcome import Outcome
from workers.routing import Router

router = Router()

INFO_TYPES = frozenset({"company", "commerce-companyInfo"})
LOGGED = {
    PullOutcome.COMPLETE: "sync.completed",
    PullOutcome.FAILED: "sync.failed",
    PullOutcome.NEEDS_CUSTOMER: "sync.failed",
    PullOutcome.NEUTRAL: "sync.skipped",
    PullOutcome.IN_PROGRESS: "sync.progressed",
}


@router.on("read.completed", "read.completed.initial")
def read_completed(company: Company, event: Event) -> Outcome:
    """Record every data type's outcome, tell of changed data, and fetch info that is now there."""
    outcome = Outcome(company)
    version = version_of(event)
    kinds = set()
    for read in event.reads:
        kind = pull_outcome(read.status)
        kinds.add((kind, read.data_type in INFO_TYPES))
        facts = {
            "connection_id": read.connection_id,
            "data_type": read.data_type,
            "status": read.status,
        }
        outcome = outcome.log(
            LOGGED[kind],
            **facts,
            initial=event.type.endswith(".initial"),
            issues=list(read.issues[:5]),
        )
        if kind is PullOutcome.COMPLETE and read.records_modified:
            outcome = outcome.log("data.changed", **facts)
        if version is not None:
            company = company.with_read(
                f"{read.connection_id or ''}|{read.data_type}",
                read.status,
                version,
                success=kind is PullOutcome.COMPLETE,
            )
    if (PullOutcome.COMPLETE, True) in kinds:
        company = replace(company, info_reads=company.info_reads + 1)
        outcome = outcome.then("info")
    if any(kind is PullOutcome.NEEDS_CUSTOMER for kind, _ in kinds):
        # The source no longer lets Codat in: see whether the connection says so too.
        outcome = outcome.then("reread")
    return outcome.now(company)
