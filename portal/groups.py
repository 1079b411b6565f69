"""What every group of API routes shares: its place, its token, its problems."""

from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict

from portal.problems import KINDS, MEDIA_TYPE

# What a view gives. Flask's own name for it cannot be resolved at run time, as flask-openapi does.
Reply = Response | dict[str, Any] | tuple[Any, ...] | str

COMMON = ("unauthorized", "invalid", "store-away")


class Given(BaseModel):
    """Values that a caller sends; a name that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


def group(name: str, module: str, about: str) -> APIBlueprint:
    """Give a blueprint whose routes are described under `about`."""
    return APIBlueprint(
        name,
        module,
        url_prefix="/v1",
        abp_tags=[{"name": about}],
        abp_security=[{"token": []}],
        abp_responses=described(*COMMON),
        operation_id_callback=named_as_the_view,
    )


def named_as_the_view(*, name: str, **_: str) -> str:
    """Give an operation the name of the function that serves it."""
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
