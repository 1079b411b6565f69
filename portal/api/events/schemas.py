"""Which events of the log are asked for, and a page of them."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from portal.http.groups import AskedMoment, Cursor, Given, GivenCompany
from relay.events.catalogue import event_types
from relay.nearest import hint

MAX_WAIT = 25  # seconds; proxies commonly cut at 30


def _told(value: str) -> str:
    beginning = value.removesuffix("*")
    known = event_types()
    if value not in known and not (
        value.endswith("*") and any(name.startswith(beginning) for name in known)
    ):
        raise ValueError("fits no type of /v1/event-types" + hint(value.removesuffix("*"), known))
    return value


EventType = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_.-]+\*?$|^\*$")]
# Of the catalogue; what Codat sends is an open set, of which `EventType` only has the form.
ToldType = Annotated[EventType, AfterValidator(_told)]


class EventQuery(Given):
    """Which events."""

    after: Annotated[Cursor, Field(description="`cursor` of the answer before; 0 at first.")] = 0
    since: Annotated[
        AskedMoment | None,
        Field(description="Instead of `after`: from this moment on, up to a minute earlier."),
    ] = None
    epoch: Annotated[
        str | None,
        Field(max_length=64, description="`epoch` of the answer before: 409 if the log was reset."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    company: GivenCompany | None = None
    type: Annotated[
        list[ToldType],
        Field(
            default_factory=list,
            max_length=20,
            description="Wanted types; one that ends in * takes what follows.",
        ),
    ]
    wait: Annotated[
        float, Field(ge=0, le=MAX_WAIT, description="Seconds to wait when there are none.")
    ] = 0


class EventsPage(BaseModel):
    """Events in order, as CloudEvents 1.0, and the cursor to ask with next."""

    events: list[dict[str, Any]]
    cursor: str
    epoch: str
