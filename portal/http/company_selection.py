"""The choice of companies in a request: by id, by a filter, or all; and what it costs."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from portal.http.groups import Sent
from portal.services import services
from relay.companies.company import Company, CompanyStatus
from relay.services.find_companies import choose_companies
from relay.times import now_ms

MAX_COMPANIES = 1000  # ids in one request


class Selection(Sent):
    """Companies by id, or all that fit the filter; `all` says that every company is meant."""

    companies: Annotated[
        tuple[Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")], ...],
        Field(max_length=MAX_COMPANIES, description="Ids of companies."),
    ] = ()
    status: CompanyStatus | None = None
    platform: Annotated[
        str | None, Field(max_length=100, description="A platform's key or name.")
    ] = None
    all: Annotated[bool, Field(description="Every company.")] = False
    preview: Annotated[bool, Field(description="Only tell what it would cost.")] = False

    @model_validator(mode="after")
    def _is_one_choice(self) -> Self:
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


def chosen(selection: Selection) -> Iterator[Company]:
    """Yield the selected companies; raise UnknownCompany, or InvalidValue for the platform."""
    return choose_companies(
        services().store,
        selection.companies,
        status=selection.status,
        platform=selection.platform,
    )


def cost_of(companies: int, calls: int) -> Cost:
    """Compare calls with what is left of the day's calls."""
    left = services().store.budget.state(now_ms()).spendable
    return Cost(
        companies=companies,
        calls=calls,
        calls_left_today=left,
        fits_today=left is None or calls <= left,
    )
