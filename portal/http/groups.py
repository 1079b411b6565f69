"""What all API resources share: blueprint, types of values in requests, described problems."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

import orjson
from flask import Response, has_request_context, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.schema import Schema
from flask_openapi.models.tag import Tag
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from portal.http.problems import KINDS, MEDIA_TYPE

# What a view returns. flask-openapi resolves names at run time, which Flask's own does not allow.
Reply = Response | dict[str, Any] | tuple[Any, ...] | str

COMMON = ("unauthorized", "invalid", "store-away")
TWICE = PydanticCustomError("given_twice", "is given more than once; send it once")
# An empty one would mean "of none" here and "of all" there.
GivenCompany = Annotated[str, Field(min_length=1, max_length=64, description="A company's id.")]
MAX_NUMBER = 2**53  # what every client's numbers can hold
NO_MOMENT = "must be a moment with its zone, such as 2026-01-05T08:00:00Z"
NO_NUMBER = "must be a number of the log in plain digits"
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,20})?)?"
    r"(?:[Zz]|[+ -][0-9]{2}:?[0-9]{2})"
)
_NUMBER = re.compile("[0-9]{1,20}")


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(NO_MOMENT)  # noqa: TRY004 (pydantic takes it for the field's fault)
    if _MOMENT.fullmatch(value) is None:
        raise ValueError(NO_MOMENT)
    # A plus that an address does not write as %2B arrives as a space.
    day, rest = value[:10], value[11:].upper().replace(" ", "+")
    try:
        return datetime.fromisoformat(f"{day}T{rest}")
    except ValueError as error:
        raise ValueError(f"is no moment: {error}") from None


def _number(value: Any) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise ValueError(NO_NUMBER)
    return value


# A moment that a caller asks about or sets, RFC 3339. A number is none: 20260105 would be 1970.
AskedMoment = Annotated[AwareDatetime, BeforeValidator(_moment)]
# A place in the log, in a query.
Cursor = Annotated[int, BeforeValidator(_number), Field(ge=0, le=MAX_NUMBER)]


class Given(BaseModel):
    """Values that a caller sends; a name that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")
    MAY_REPEAT: ClassVar[frozenset[str]] = frozenset()  # in a query, besides lists

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Read a query; raise ValidationError also where one value is given more than once."""
        if has_request_context() and isinstance(obj, dict):
            twice = [
                InitErrorDetails(type=TWICE, loc=(name,), input=None)
                for name, value in obj.items()
                if isinstance(value, str)
                and name not in cls.MAY_REPEAT
                and len(request.args.getlist(name)) > 1
            ]
            if twice:
                raise ValidationError.from_exception_data(cls.__name__, twice)
        return super().model_validate(obj, **options)


class Sent(Given):
    """A body that a caller sends: each value of the JSON type that is asked for, none converted."""

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Read a body; raise ValidationError also for 0 as false, "5" as 5, true as 1."""
        # As JSON: there, strict is that a date is a text, and a tuple a list.
        return super().model_validate_json(orjson.dumps(obj), strict=True)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        """Read a body that is one JSON text: flask-openapi would read what is in it."""
        return cls.model_validate(json_data)


class Schemas(dict[str, Any]):
    """Schemas of the API's description by name: none takes the place of another model's."""

    def __setitem__(self, name: str, schema: Schema) -> None:
        """Put one in; raise ValueError when another stands under the name."""
        if name in self and _bare(self[name]) != _bare(schema):
            raise ValueError(f"two different models are named {name}; rename one of them")
        super().__setitem__(name, schema)

    def update(self, *more: Any, **named: Any) -> None:
        """Put many in."""
        for name, schema in dict(*more, **named).items():
            self[name] = schema


def _bare(schema: Schema) -> dict[str, Any]:
    shown = schema.model_dump(by_alias=True, exclude_none=True)
    return {name: value for name, value in shown.items() if name != "$defs"}


def group(name: str, module: str, tag: Tag) -> APIBlueprint:
    """Return a blueprint for the routes of one resource, under /v1 and described under `tag`."""
    api = APIBlueprint(
        name,
        module,
        url_prefix="/v1",
        abp_tags=[tag],
        abp_security=[{"token": []}],
        abp_responses=described(*COMMON),
        operation_id_callback=named_as_the_view,
    )
    api.components_schemas = Schemas()
    return api


def named_as_the_view(*, name: str, **_: str) -> str:
    """Return an operation the name of the function that serves it."""
    return name


def described(*kinds: str) -> dict[Any, Any]:
    """Describe, for the API's documentation, the problems of these kinds.

    What a route says of a status stands in place of what its group says of it, so the common kinds
    of that status are said again.
    """
    found: dict[str, Any] = {}
    statuses = {KINDS[kind].status for kind in kinds}
    again = [kind for kind in COMMON if KINDS[kind].status in statuses]
    for kind in dict.fromkeys((*again, *kinds)):
        status, meaning = str(KINDS[kind].status), KINDS[kind].meaning
        known = found.get(status)
        found[status] = {
            "description": f"{known['description']} {meaning}" if known else meaning,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return found
