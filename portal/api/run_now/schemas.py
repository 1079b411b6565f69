"""What a request to run something now says, and what it is answered."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from portal.http.company_selection import Cost, Selection
from portal.http.groups import Sent
from portal.http.parameters import DataType
from relay.companies.company import Company, CompanyStatus, Sync
from relay.syncs.schedule import ALL
from relay.times import Micros, Moment, iso_from_micros


class SyncBody(Sent):
    """What to sync; an empty body means everything."""

    data_type: DataType = ALL

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_everything(cls, value: Any) -> Any:
        return {} if value is None else value


class SyncSelection(Selection):
    """Which companies to sync, and what."""

    data_type: DataType = ALL


class SyncShape(BaseModel):
    """The latest sync of one data type, or of everything; `share` is what is done of it, 0 to 1."""

    data_type: str
    period: Annotated[str, Field(description="`first` is the one Codat runs after a link.")]
    state: str
    requested: Moment
    ended: Moment | None
    operation_id: str | None
    total: Annotated[int, Field(description="Pull operations known to belong to it.")]
    done: int
    failed: int
    share: float | None


class SyncList(BaseModel):
    """The latest syncs of a company, and what no read renewed in time."""

    syncs: list[SyncShape]
    stale: list[str]


class Accepted(BaseModel):
    """What was noted to be done at Codat, by its name."""

    intent: str


class SyncAccepted(Accepted):
    """A sync that was noted to be requested at Codat."""

    note: Annotated[str | None, Field(description="Why it will not come to what was asked.")]


class NotLinked(BaseModel):
    """A company not linked now: unless it links before, its sync is published as missed."""

    company_id: str
    reason: str


class Left(BaseModel):
    """What was left to be done at Codat; with `preview` nothing was."""

    left: int
    revived: Annotated[int, Field(description="Of these, given up before and run again.")]
    like: Annotated[list[str], Field(description="`like` of `GET /v1/intents` that shows them.")]
    cost: Cost
    not_linked: Annotated[
        list[NotLinked],
        Field(description="Of these, those whose sync `sync.missed` will tell unless they link."),
    ] = []


def sync_shape(data_type: str, sync: Sync) -> SyncShape:
    """Return a sync as the API shows it."""
    return SyncShape(
        data_type=data_type,
        period=sync.period,
        state=sync.state,
        requested=iso_from_micros(Micros(sync.requested)),
        ended=None if sync.ended is None else iso_from_micros(Micros(sync.ended)),
        operation_id=sync.operation_id,
        total=sync.total,
        done=sync.done,
        failed=sync.failed,
        share=sync.done / sync.total if sync.total else None,
    )


def not_linked(companies: list[Company]) -> list[NotLinked]:
    """Return those of the companies that are not linked, with the reason."""
    return [
        NotLinked(company_id=company.id, reason=f"the company is {company.status}")
        for company in companies
        if company.status is not CompanyStatus.LINKED
    ]
