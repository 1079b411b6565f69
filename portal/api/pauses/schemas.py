"""Pauses, as they are sent to the API and shown by it."""

from typing import Annotated, Self
from uuid import uuid4

from pydantic import BaseModel, Field, field_validator, model_validator

from codat.records import read_id
from codat.times import LATEST
from portal.http.groups import AskedMoment, Given, Sent
from relay.services.set_pause import PauseCounts
from relay.syncs.definition import known_zone
from relay.syncs.pause import EVERY_DAY, Pause, Scope, Window
from relay.syncs.policy import known_data_type
from relay.syncs.schedule import ALL
from relay.times import Millis, Moment, iso_from_ms, ms_of

CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
NOT_ALL = (
    "Schedules for `all` read this data type too, and this pause does not hold them back; one of"
    " `all`, a company, platform or tag does."
)
NO_END = "must be before the year 2100; leave it out for a pause that lasts until somebody ends it"


class WindowBody(Given):
    """Hours of each day in which nothing may start; one can span midnight."""

    timezone: Annotated[str, Field(max_length=64, examples=["Europe/London"])] = "UTC"
    start: Annotated[str, Field(pattern=CLOCK, examples=["22:00"])]
    end: Annotated[str, Field(pattern=CLOCK, examples=["06:00"])]
    weekdays: Annotated[
        list[Annotated[int, Field(ge=1, le=7)]],
        Field(
            default_factory=lambda: list(EVERY_DAY),
            min_length=1,
            description="1 Monday to 7, by the day on which the window starts.",
        ),
    ]

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)


class PauseBody(Sent):
    """What to hold back, why, and until when; without `ends` until somebody ends it."""

    scope: Scope
    value: Annotated[
        str,
        Field(
            max_length=200,
            description="Platform key or name, tag as `name` or `name=value`, company id, or data"
            " type; nothing for everything.",
        ),
    ] = ""
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    ends: AskedMoment | None = None
    window: WindowBody | None = None
    anyway: Annotated[
        bool, Field(description="Take a tag that no company has yet, for those that will have it.")
    ] = False

    @field_validator("ends")
    @classmethod
    def _is_an_end(cls, value: AskedMoment | None) -> AskedMoment | None:
        if value is not None and ms_of(value) >= LATEST * 1000:
            raise ValueError(NO_END)
        return value

    @model_validator(mode="after")
    def _value_fits_its_scope(self) -> Self:
        if (self.scope is Scope.EVERYTHING) != (self.value == ""):
            raise ValueError("value is needed for every scope but everything")
        if self.anyway and self.scope is not Scope.TAG:
            raise ValueError("anyway is for tags")
        if self.scope is Scope.COMPANY and read_id(self.value) is None:
            raise ValueError("value must be a company's id")
        if self.scope is Scope.DATA_TYPE:
            known_data_type(self.value)
        return self


class PausePath(BaseModel):
    """Which pause."""

    pause_id: Annotated[str, Field(max_length=64)]


class PauseShape(BaseModel):
    """A pause; `holds_back` counts the schedules that fell due in it and wait for its end."""

    id: str
    scope: str
    value: str
    owner: str
    reason: str
    begins: Moment
    ends: Moment | None
    window: WindowBody | None
    on: bool
    covers: Annotated[
        int, Field(description="Schedules it speaks of, due or not; of many an estimate.")
    ]
    holds_back: int
    note: Annotated[str | None, Field(description="What it does not hold back.")]


class PauseList(BaseModel):
    """Pauses, in the order they began."""

    pauses: list[PauseShape]


class PauseQuery(Given):
    """How to set the pause."""

    preview: Annotated[
        bool,
        Field(description="Tell in `holds_back` how many schedules it would; save nothing."),
    ] = False


def pause_of(body: PauseBody, owner: str, now: int) -> Pause:
    """Return the pause that a body asks for, from `now` (epoch seconds) on."""
    window = body.window
    return Pause(
        id=uuid4().hex[:12],
        scope=body.scope,
        value=(read_id(body.value) or "") if body.scope is Scope.COMPANY else body.value,
        owner=owner,
        reason=body.reason,
        begins=now,
        ends=None if body.ends is None else ms_of(body.ends) // 1000,
        window=Window(window.timezone, window.start, window.end, tuple(window.weekdays))
        if window
        else None,
    )


def pause_shape(counts: PauseCounts, now: int) -> PauseShape:
    """Return a pause as the API shows it; `now` in epoch seconds."""
    pause = counts.pause
    window = pause.window
    return PauseShape(
        id=pause.id,
        scope=pause.scope,
        value=pause.value,
        owner=pause.owner,
        reason=pause.reason,
        begins=_iso(pause.begins),
        ends=None if pause.ends is None else _iso(pause.ends),
        window=WindowBody(
            timezone=window.zone, start=window.start, end=window.end, weekdays=list(window.weekdays)
        )
        if window
        else None,
        on=pause.is_on(now),
        covers=counts.covers,
        holds_back=counts.holds_back,
        note=NOT_ALL if pause.scope is Scope.DATA_TYPE and pause.value != ALL else None,
    )


def _iso(seconds: int) -> str:
    return iso_from_ms(Millis(seconds * 1000))
