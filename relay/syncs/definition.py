"""A schedule as people write it in the API and the policy file, checked and with defaults."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from relay.nearest import hint
from relay.syncs import zones
from relay.syncs.schedule import Anchor, Cadence, CatchUp, Schedule

# Seconds: the spread must not move a run out of its period.
MAX_SPREAD = {
    Cadence.HOURLY: 3600,
    Cadence.DAILY: 86_400,
    Cadence.WEEKLY: 7 * 86_400,
    Cadence.MONTHLY: 28 * 86_400,
}

NOT_A_ZONE = "must be a time zone's name, such as Europe/London or UTC"


def _no_boolean(value: Any) -> Any:
    """Raise ValueError for true, which Python takes for 1."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number")  # noqa: TRY004 (pydantic asks for it)
    return value


class Definition(BaseModel):
    """A cadence, and where in each period it runs, on the wall clock of `timezone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cadence: Cadence
    minute: Annotated[int, Field(ge=0, le=59)] = 0
    hour: Annotated[
        int, Field(ge=0, le=23, description="Not for hourly; of every few hours, it is one.")
    ] = 0
    weekday: Annotated[int, Field(ge=1, le=7, description="1 Monday to 7, for weekly.")] = 1
    day: Annotated[
        int, Field(ge=1, le=31, description="For monthly; past the month's end means its last day.")
    ] = 1
    timezone: Annotated[str, Field(max_length=64, examples=["Europe/London"])] = "UTC"
    spread: Annotated[
        int, Field(ge=0, description="Seconds over which companies are spread; 0 keeps the time.")
    ] = 0
    every: Annotated[
        Literal[1, 2, 3, 4, 6, 8, 12],
        BeforeValidator(_no_boolean),
        Field(description="Hours from run to run, for hourly."),
    ] = 1
    catch_up: Annotated[
        CatchUp, Field(description="What happens to periods that passed while nothing ran.")
    ] = CatchUp.ONCE
    cap: Annotated[
        int, Field(ge=1, le=168, description="Most missed periods that `all` makes up for.")
    ] = 24
    fresh: Annotated[
        int,
        Field(ge=0, le=8784, description="Hours after which data counts as stale; 0 for never."),
    ] = 0
    off: Annotated[bool, Field(description="Keep the schedule, but do not run it.")] = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _within_its_period(self) -> Self:
        if self.every != 1 and self.cadence is not Cadence.HOURLY:
            raise ValueError("every is for hourly")
        longest = MAX_SPREAD[self.cadence] * self.every
        if self.spread > longest:
            raise ValueError(f"spread must be at most {longest} seconds for {self.cadence}")
        return self

    def schedule(self, company_id: str, data_type: str, origin: str = "person") -> Schedule:
        """Return this as a schedule for one data type of one company."""
        return Schedule(
            company_id=company_id,
            data_type=data_type,
            cadence=self.cadence,
            anchor=Anchor(self.minute, self.hour, self.weekday, self.day),
            zone=self.timezone,
            spread=self.spread,
            origin=origin,
            every=self.every,
            catch_up=self.catch_up,
            cap=self.cap,
            fresh=self.fresh,
            off=self.off,
        )


def known_zone(name: str) -> str:
    """Return the name if it is a time zone's; raises ValueError."""
    if name not in zones.names():
        raise ValueError(NOT_A_ZONE + hint(name, sorted(zones.names())))
    return name
