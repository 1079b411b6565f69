"""One type of event: its meaning, the model of its data, an example."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """The data of an event. What we tell fits exactly; readers must expect further fields."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


Model = type[Told]


@dataclass(frozen=True, slots=True)
class Entry:
    """A type of event. `apart` names the fields by which two of one message are told apart.

    `numbers` names moments that messages and older logs hold as whole numbers since the epoch, each
    with its unit in milliseconds: they are written out as `Moment`s. `codats` names fields that
    hold what Codat gave: a date-time in it without a zone, or with another, is written in UTC.
    """

    type: str
    when: str
    data: Model
    example: Mapping[str, Any]
    apart: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    codats: tuple[str, ...] = ()
    version: int = 1
