"""From where on a live stream is read: by query, or by the last id that came."""

import re
from typing import Annotated, Any, ClassVar, Self

from flask import request
from pydantic import BaseModel, Field, field_validator

from portal.api.events.schemas import ToldType
from portal.http.groups import Cursor, Given, GivenCompany

PLACE = r"^(([A-Za-z0-9_-]{1,64}:)?[0-9]{1,16})?$"
LAST_ID = "The last `id` that came, `<epoch>:<number>`; the number alone will do."
# Letters of the names by which clients send it in the address: `lastEventId`, `Last-Event-ID`, ...
SPELLED = re.compile("(evs)?lasteventid")
# What polyfills add for themselves: against caches, and about their own buffers.
ADDED = frozenset({"_", "r", "evs_preamble", "evs_buffer_size_limit"})


class StreamQuery(Given):
    """Which events, and from where on: `Last-Event-ID`, else `after`, else what comes from now."""

    MAY_REPEAT: ClassVar[frozenset[str]] = frozenset({"lastEventId"})

    after: Cursor | None = None
    epoch: Annotated[str | None, Field(max_length=64)] = None
    company: GivenCompany | None = None
    type: Annotated[list[ToldType], Field(default_factory=list, max_length=20)]
    last_event_id: Annotated[
        str | None,
        Field(
            alias="lastEventId",
            pattern=PLACE,
            description=f"{LAST_ID} However it is spelled: `Last-Event-ID`, `last_event_id`, ...",
        ),
    ] = None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Read a query as clients send it: the id however spelled and often, and what they add."""
        names = [name for name in obj if SPELLED.fullmatch(re.sub("[_-]", "", name.lower()))]
        sent = [value for name in names for value in request.args.getlist(name) if value]
        others = {name: value for name, value in obj.items() if name not in {*names, *ADDED}}
        last = {"lastEventId": max(sent, key=position_of)} if sent else {}
        return super().model_validate(others | last, **options)


class LastEvent(BaseModel):
    """Where the stream broke off; empty before the first event."""

    last_event_id: Annotated[
        str | None,
        Field(
            alias="Last-Event-ID",
            serialization_alias="after",
            pattern=PLACE,
            description=LAST_ID,
        ),
    ] = None

    @field_validator("last_event_id", mode="before")
    @classmethod
    def _furthest(cls, given: Any) -> Any:
        """Of several such headers, which arrive as one with commas, the furthest counts."""
        if not isinstance(given, str) or "," not in given:
            return given
        places = [one.strip() for one in given.split(",")]
        return (
            max(places, key=position_of)
            if all(re.fullmatch(PLACE, one) for one in places)
            else given
        )


def position_of(place: str) -> int:
    """Return the number of an event's id, -1 for what is none."""
    number = place.rpartition(":")[2]
    return int(number) if number.isdecimal() else -1
