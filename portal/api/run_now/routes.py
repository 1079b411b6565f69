"""Run something now that otherwise waits for its time: re-read a company, or sync its data."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from flask_openapi.models.tag import Tag
from pydantic import AfterValidator, BaseModel, Field, model_validator

from portal.api.companies.routes import CompanyPath, known
from portal.http.auth import caller
from portal.http.groups import Reply, Sent, described, group
from portal.http.problems import Refusal
from portal.http.selections import Left, NotLinked, Selection, chosen, cost_of, leave
from relay.companies.company import Company, CompanyStatus, Sync
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.policy import known_data_type
from relay.syncs.schedule import ALL
from relay.times import Moment, iso_from_micros, now_ms

api = group(
    "run_now",
    __name__,
    Tag(name="Run now", description="Ask Codat for data at once, or read companies anew."),
)

WILL_MISS = (
    "The company is {}: unless it links before Codat is asked, `sync.missed` will tell that it was"
    " not synced."
)


DataType = Annotated[
    str,
    AfterValidator(known_data_type),
    Field(max_length=64, description="`all`, or one of Codat's data types.", examples=["invoices"]),
]


class SyncBody(Sent):
    """What to sync; an empty body means everything."""

    data_type: DataType = ALL

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_everything(cls, value: Any) -> Any:
        return {} if value is None else value


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


@api.post(
    "/companies/<company_id>/reread",
    responses={202: Accepted, **described("forbidden", "unknown-company")},
)
def reread_company(path: CompanyPath) -> Reply:
    """Read a company's status and connections from Codat again."""
    company = known(path.company_id)
    return _leave(_need(company, f"reread:{company.id}", {}))


@api.get("/companies/<company_id>/syncs", responses={200: SyncList, **described("unknown-company")})
def list_syncs(path: CompanyPath) -> Reply:
    """Tell how far a company's first and latest syncs have come."""
    company = known(path.company_id)
    newest = sorted(company.syncs.items(), key=lambda item: item[1].requested, reverse=True)
    shapes = [_sync_shape(data_type, sync) for data_type, sync in newest]
    return SyncList(syncs=shapes, stale=list(company.stale)).model_dump()


@api.post(
    "/companies/<company_id>/syncs",
    responses={202: SyncAccepted, **described("forbidden", "unknown-company", "conflict")},
)
def request_sync(path: CompanyPath, body: SyncBody) -> Reply:
    """Ask Codat to sync a company's data now."""
    company = known(path.company_id)
    if company.status is CompanyStatus.DELETED:
        raise Refusal("conflict", "Codat has deleted this company; nothing is left to sync.")
    linked = company.status is CompanyStatus.LINKED
    need = _sync(company, body.data_type, _period())
    leave([need])
    note = None if linked else WILL_MISS.format(company.status)
    return SyncAccepted(intent=need.name, note=note).model_dump(), HTTPStatus.ACCEPTED


class SyncSelection(Selection):
    """Which companies to sync, and what."""

    data_type: DataType = ALL


@api.post("/syncs", responses={200: Left, 202: Left, **described("forbidden", "unknown-company")})
def request_syncs(body: SyncSelection) -> Reply:
    """Ask Codat to sync many companies now: those named, of a filter the linked ones.

    Those named that are not linked are `not_linked`: the log will say that they were not synced.

    A call each, and for `all` a look at Codat's pull history, which alone tells of its end.
    """
    companies = [
        company
        for company in chosen(body)
        if body.companies or company.status is CompanyStatus.LINKED
    ]
    period = _period()
    return _leave_for(
        body,
        [_sync(company, body.data_type, period) for company in companies],
        not_linked=[one for company in companies for one in _not_linked(company)],
        like=f"sync:*:{body.data_type}:{period}",
        calls_each=2 if body.data_type == ALL else 1,
    )


def _not_linked(company: Company) -> list[NotLinked]:
    if company.status is CompanyStatus.LINKED:
        return []
    return [NotLinked(company_id=company.id, reason=f"the company is {company.status}")]


@api.post("/rereads", responses={200: Left, 202: Left, **described("forbidden", "unknown-company")})
def reread_companies(body: Selection) -> Reply:
    """Read many companies from Codat again. One call each; a reconciliation of all costs less."""
    needs = [_need(company, f"reread:{company.id}", {}) for company in chosen(body)]
    return _leave_for(body, needs, like="reread:*")


def _leave_for(
    selection: Selection,
    needs: Sequence[NewIntent],
    *,
    like: str,
    calls_each: int = 1,
    not_linked: Sequence[NotLinked] = (),
) -> Reply:
    cost = cost_of(len(needs), len(needs) * calls_each)
    answer = Left(left=0, revived=0, like=[like], cost=cost, not_linked=list(not_linked))
    if selection.preview:
        return answer.model_dump(), HTTPStatus.OK
    answer.left, answer.revived = len(needs), leave(needs)
    return answer.model_dump(), HTTPStatus.ACCEPTED


def _period() -> str:
    return f"now-{now_ms()}"


def _sync(company: Company, data_type: str, period: str) -> NewIntent:
    name = f"sync:{company.id}:{data_type}:{period}"
    return _need(company, name, {"data_type": data_type, "period": period})


def _sync_shape(data_type: str, sync: Sync) -> SyncShape:
    return SyncShape(
        data_type=data_type,
        period=sync.period,
        state=sync.state,
        requested=iso_from_micros(sync.requested),
        ended=None if sync.ended is None else iso_from_micros(sync.ended),
        operation_id=sync.operation_id,
        total=sync.total,
        done=sync.done,
        failed=sync.failed,
        share=sync.done / sync.total if sync.total else None,
    )


def _need(company: Company, name: str, args: dict[str, Any]) -> NewIntent:
    return NewIntent(
        name=name,
        company_id=company.id,
        priority=Priority.NOW,
        due=now_ms(),
        cause=f"api:{caller().name}",
        args=args,
    )


def _leave(need: NewIntent) -> Reply:
    leave([need])
    return Accepted(intent=need.name).model_dump(), HTTPStatus.ACCEPTED
