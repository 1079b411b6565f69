"""What became of a company's schedules, and which periods passed while they were suspended."""

from relay.company import Company
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

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
        for period in told["missed"]:
            outcome = outcome.log(
                "sync.missed", data_type=told["data_type"], period=period, reason=told["was"]
            )
    return outcome
