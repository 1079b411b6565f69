"""Pauses through the API: what is held back and how much, new ones, and their end."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Self
from uuid import uuid4

from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field, field_validator, model_validator

from codat.records import read_id
from codat.times import LATEST
from portal.api.schedules.held_back import would_hold_back
from portal.http.auth import caller
from portal.http.groups import AskedMoment, Given, Reply, Sent, described, group
from portal.http.problems import Refusal
from portal.services import services
from relay.nearest import hint
from relay.services import known_names
from relay.syncs.definition import known_zone
from relay.syncs.pause import EVERY_DAY, Pause, Scope, Window
from relay.syncs.policy import known_data_type
from relay.syncs.schedule import ALL
from relay.times import Moment, iso_from_ms, ms_of, now_ms

api = group(
    "pauses", __name__, Tag(name="Pauses", description="Syncs that are held back for a while.")
)

CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
NOT_ALL = (
    "Schedules for `all` read this data type too, and this pause does not hold them back; one of"
    " `all`, a company, platform or tag does."
)
NO_END = "must be before the year 2100; leave it out for a pause that lasts until somebody ends it"
NAMED_THINGS = {
    Scope.PLATFORM: known_names.check_platform,
    Scope.TAG: known_names.check_tag,
    Scope.COMPANY: known_names.check_company,
}
NO_PAUSE = "There is no pause of this id; GET /v1/pauses lists those there are"


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


@api.get("/pauses", responses={200: PauseList})
def list_pauses() -> Reply:
    """List pauses, those between their windows too."""
    store, now = services().store, now_ms() // 1000
    found = [pause for pause in store.pauses.all() if not pause.is_over(now)]
    counts = store.pauses.parked(found)
    covers = would_hold_back(store, found)
    shapes = [_shape(p, now, *counted) for p, *counted in zip(found, covers, counts, strict=True)]
    return PauseList(pauses=shapes).model_dump()


class PauseQuery(Given):
    """How to set the pause."""

    preview: Annotated[
        bool,
        Field(description="Tell in `holds_back` how many schedules it would; save nothing."),
    ] = False


@api.post(
    "/pauses",
    responses={200: PauseShape, 201: PauseShape, **described("forbidden", "conflict")},
)
def create_pause(query: PauseQuery, body: PauseBody) -> Reply:
    """Hold back scheduled syncs; what is held back is caught up with as each schedule says."""
    store, now = services().store, now_ms() // 1000
    if body.scope in NAMED_THINGS and not body.anyway:
        NAMED_THINGS[body.scope](store, "value", body.value)
    window = body.window
    pause = Pause(
        id=uuid4().hex[:12],
        scope=body.scope,
        value=(read_id(body.value) or "") if body.scope is Scope.COMPANY else body.value,
        owner=caller().name,
        reason=body.reason,
        begins=now,
        ends=None if body.ends is None else ms_of(body.ends) // 1000,
        window=Window(window.timezone, window.start, window.end, tuple(window.weekdays))
        if window
        else None,
    )
    if pause.is_over(now):
        raise Refusal("conflict", "This pause would have ended already.")
    pause = replace(pause, on=pause.is_on(now))
    if query.preview:
        [covers] = would_hold_back(store, [pause])
        return _shape(pause, now, covers, covers).model_dump(), HTTPStatus.OK
    _, wake = store.pauses.write(pause, over=None, at=now)
    if wake:
        services().hints.drain(0)
    [covers] = would_hold_back(store, [pause])
    return _shape(pause, now, covers, 0).model_dump(), HTTPStatus.CREATED


@api.delete(
    "/pauses/<pause_id>", responses={204: None, **described("forbidden", "not-found", "conflict")}
)
def end_pause(path: PausePath) -> Reply:
    """End a pause; what it held back falls due again within a second or so."""
    store, now = services().store, now_ms() // 1000
    found = next((p for p in store.pauses.all() if p.id == path.pause_id), None)
    if found is None or found.is_over(now):
        near = hint(path.pause_id, [pause.id for pause in store.pauses.all()])
        raise Refusal("not-found", f"{NO_PAUSE}{near}.")
    written, wake = store.pauses.write(found.end(now), over=found, at=now)
    if not written:
        raise Refusal("conflict", "Someone else is changing this pause. Look and try again.")
    if wake:
        services().hints.drain(0)
    return "", HTTPStatus.NO_CONTENT


def _shape(pause: Pause, now: int, covers: int, holds_back: int) -> PauseShape:
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
        covers=covers,
        holds_back=holds_back,
        note=NOT_ALL if pause.scope is Scope.DATA_TYPE and pause.value != ALL else None,
    )


def _iso(seconds: int) -> str:
    return iso_from_ms(seconds * 1000)
