"""Which companies a request is about: some by id, all that fit a filter, or all; and the cost."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from codat.records import read_id
from portal.api.companies.routes import is_on
from portal.http import known
from portal.http.groups import Sent
from portal.http.problems import Refusal
from portal.services import services
from relay.companies.company import Company, CompanyStatus
from relay.store.intents.queue import NewIntent
from relay.times import now_ms

MOST_CHOSEN = 1000  # ids in one request
NAMED = 5  # ids in a refusal
NOT_HELD = "Of these companies some are not held here:"
AT_ONCE = 500  # intents left per call to the store


class Selection(Sent):
    """Companies by id, or all that fit the filter; `all` says that every company is meant."""

    companies: Annotated[
        tuple[Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")], ...],
        Field(max_length=MOST_CHOSEN, description="Ids of companies."),
    ] = ()
    status: CompanyStatus | None = None
    platform: Annotated[
        str | None, Field(max_length=100, description="A platform's key or name.")
    ] = None
    all: Annotated[bool, Field(description="Every company.")] = False
    preview: Annotated[bool, Field(description="Only tell what it would cost.")] = False

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        filtered = self.status is not None or self.platform is not None
        if [bool(self.companies), filtered, self.all].count(True) != 1:
            raise ValueError("give either `companies`, or a filter, or `all`: true")
        return self


class Cost(BaseModel):
    """What it takes, against what is left of the day's calls (null: Codat has not said)."""

    companies: int
    calls: Annotated[
        int,
        Field(
            description="At least: what has to be tried again, further looks at a sync that takes "
            "long, and the info of companies found to be linked come on top."
        ),
    ]
    calls_left_today: int | None
    fits_today: bool


class NotLinked(BaseModel):
    """A company that is not linked now: unless it links before, its sync is told as missed."""

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


def chosen(selection: Selection) -> Iterator[Company]:
    """Walk the companies meant; raises Refusal for an id we do not hold."""
    companies = services().store.companies
    if selection.companies:
        ids = [read_id(given) or given for given in selection.companies]
        held = companies.get_many(dict.fromkeys(ids))
        if missing := [company_id for company_id, company in held.items() if company is None]:
            named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
            near = known.nearest_company(missing[0]) if len(missing) == 1 else ""
            raise Refusal("unknown-company", f"{NOT_HELD} {named}{near}.")
        yield from (company for company in held.values() if company is not None)
        return
    known.platform("platform", selection.platform)
    for company in companies.all():
        if not company.deleted and _fits(company, selection):
            yield company


def cost_of(companies: int, calls: int) -> Cost:
    """Compare calls with the day's budget."""
    left = services().store.budget.state(now_ms()).spendable
    return Cost(
        companies=companies,
        calls=calls,
        calls_left_today=left,
        fits_today=left is None or calls <= left,
    )


def leave(needs: Sequence[NewIntent]) -> int:
    """Leave intents, and send one hint for them all; give how many had been given up before."""
    store, now = services().store, now_ms()
    revived = 0
    for start in range(0, len(needs), AT_ONCE):
        some = needs[start : start + AT_ONCE]
        revived += store.intents.dead_among([need.name for need in some])
        store.intents.put(some, now)
    if needs and store.intents.may_hint():
        services().hints.perform()
    return revived


def _fits(company: Company, selection: Selection) -> bool:
    if selection.status is not None and company.status is not selection.status:
        return False
    return selection.platform is None or is_on(company, selection.platform)
