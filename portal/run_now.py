"""Run something now that otherwise waits for its time: re-read a company, or sync its data."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, model_validator

from portal.auth import caller
from portal.companies import CompanyPath, known
from portal.groups import Given, Reply, described, group
from portal.parts import parts
from portal.problems import Refusal
from relay.cadence import ALL
from relay.company import Company, CompanyStatus
from relay.policy import known_data_type
from relay.store.intents import Need, Priority
from relay.times import now_ms

api = group("run_now", __name__, "Run now")


DataType = Annotated[
    str,
    AfterValidator(known_data_type),
    Field(max_length=64, description="`all`, or one of Codat's data types.", examples=["invoices"]),
]


class SyncBody(Given):
    """What to sync; an empty body means everything."""

    data_type: DataType = ALL

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_everything(cls, value: Any) -> Any:
        return {} if value is None else value


class Accepted(BaseModel):
    """What was noted to be done at Codat, by its name."""

    intent: str


@api.post(
    "/companies/<company_id>/reread",
    responses={202: Accepted, **described("forbidden", "unknown-company")},
)
def reread_company(path: CompanyPath) -> Reply:
    """Read a company's status and connections from Codat again."""
    company = known(path.company_id)
    return _leave(company, f"reread:{company.id}", {})


@api.post(
    "/companies/<company_id>/syncs",
    responses={202: Accepted, **described("forbidden", "unknown-company", "conflict")},
)
def request_sync(path: CompanyPath, body: SyncBody) -> Reply:
    """Ask Codat to sync a company's data now."""
    company = known(path.company_id)
    if company.status is CompanyStatus.DELETED:
        raise Refusal("conflict", "Codat has deleted this company; nothing is left to sync.")
    period = f"now-{now_ms()}"
    return _leave(
        company,
        f"sync:{company.id}:{body.data_type}:{period}",
        {"data_type": body.data_type, "period": period},
    )


def _leave(company: Company, name: str, args: dict[str, Any]) -> Reply:
    store, now = parts().store, now_ms()
    need = Need(
        name=name,
        company_id=company.id,
        priority=Priority.NOW,
        due=now,
        cause=f"api:{caller().name}",
        args=args,
    )
    store.intents.put([need], now)
    if store.intents.may_hint():
        parts().hints.perform()
    return Accepted(intent=name).model_dump(), HTTPStatus.ACCEPTED
