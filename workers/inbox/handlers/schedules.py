"""What became of a company's schedules, and which periods passed without a run."""

from relay.companies.company import Company
from relay.inbox.message import Action
from relay.syncs import missed
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.schedules_changed")
def schedules_changed(company: Company, action: Action) -> Outcome:
    """Tell of each schedule given, changed, suspended, resumed or removed."""
    outcome = Outcome(company)
    for told in action.payload["schedules"]:
        outcome = outcome.log(
            f"schedule.{told['change']}",
            data_type=told["data_type"],
            cadence=told["cadence"],
            origin=told["origin"],
            reason=told["reason"],
        )
        # Earlier versions named the periods that passed in a suspension, and nothing else.
        before = {"periods": told.get("missed", ()), "reason": told.get("was")}
        for passed in (before, *told.get("passed", ())):
            for one in missed.event_data(told["data_type"], passed):
                outcome = outcome.log("sync.missed", **one)
    return outcome
