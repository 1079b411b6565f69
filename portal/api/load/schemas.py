"""The load of the coming hours, as it is asked for and shown."""

from typing import Annotated

from pydantic import BaseModel, Field

from portal.http.company_selection import MAX_COMPANIES
from portal.http.groups import Given, Sent
from relay.companies.company import CompanyStatus
from relay.services.load_forecast import LoadForecast
from relay.syncs.load import HOUR, WEEK_HOURS
from relay.times import Millis, Moment, iso_from_ms


class LoadQuery(Given):
    """How far to look."""

    hours: Annotated[int, Field(ge=1, le=WEEK_HOURS)] = 24


class LoadBody(Sent, LoadQuery):
    """How far to look, and at what besides: `added` to each hour, or only some companies."""

    added: Annotated[
        list[int],
        Field(
            default_factory=list,
            max_length=WEEK_HOURS,
            description="Syncs more, or less, in each hour: `load` of a previewed change.",
        ),
    ]
    companies: Annotated[
        tuple[Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")], ...],
        Field(max_length=MAX_COMPANIES, description="Only these companies, by id."),
    ] = ()
    status: CompanyStatus | None = None
    platform: Annotated[str | None, Field(max_length=100)] = None


class HourShape(BaseModel):
    """One hour and how many syncs fall due in it."""

    hour: Moment
    syncs: int


class Covers(BaseModel):
    """How many syncs Codat's limits cover."""

    hour: int
    day: int


class Load(BaseModel):
    """The load by hour; what is late already stands in the first."""

    hours: list[HourShape]
    total: int
    peak: int
    looked_at: Annotated[int, Field(description="Schedules counted; of more, an estimate.")]
    schedules: int
    covers: Covers
    warnings: list[str]


def load_shape(forecast: LoadForecast) -> Load:
    """Return a forecast as the API shows it."""
    return Load(
        hours=[
            HourShape(
                hour=iso_from_ms(Millis(Millis(forecast.start + number * HOUR) * 1000)), syncs=count
            )
            for number, count in enumerate(forecast.syncs)
        ],
        total=sum(forecast.syncs),
        peak=max(forecast.syncs),
        looked_at=forecast.looked_at,
        schedules=forecast.schedules,
        covers=Covers(hour=forecast.capacity.hour, day=forecast.capacity.day),
        warnings=list(forecast.warnings),
    )
