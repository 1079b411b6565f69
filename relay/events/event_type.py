"""One type of event: its meaning, the model of its data, an example."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict


class EventData(BaseModel):
    """The data of an event. What we publish fits exactly; readers must expect further fields."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


Model = type[EventData]


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event; `when` says in a sentence when such an event is published.

    `identity` names the fields by which two events that one message causes are told apart.
    `epoch_times` names fields that messages and older logs hold as whole numbers since the epoch,
    each with its unit in milliseconds: readers get them as `Moment`s. `codat_fields` names fields
    that hold what Codat sent: a date-time in them without a zone, or in another, is read as UTC.
    """

    type: str
    when: str
    model: Model
    example: Mapping[str, Any]
    identity: tuple[str, ...] = ()
    epoch_times: Mapping[str, int] = field(default_factory=dict)
    codat_fields: tuple[str, ...] = ()
    version: int = 1
