"""Pauses through the API: what is held back and how much, new ones, and their end."""

from http import HTTPStatus

from flask_openapi.models.tag import Tag

from portal.api.pauses.schemas import (
    PauseBody,
    PauseList,
    PausePath,
    PauseQuery,
    PauseShape,
    pause_of,
    pause_shape,
)
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.services import services
from relay.services import known_names, set_pause
from relay.syncs.pause import Scope
from relay.times import now_ms

api = group(
    "pauses", __name__, Tag(name="Pauses", description="Syncs that are held back for a while.")
)

CHECKS = {
    Scope.PLATFORM: known_names.check_platform,
    Scope.TAG: known_names.check_tag,
    Scope.COMPANY: known_names.check_company,
}


@api.get("/pauses", responses={200: PauseList})
def list_pauses() -> Reply:
    """List pauses, those between their windows too."""
    now = now_ms() // 1000
    found = set_pause.list_pauses(services().store, now)
    return PauseList(pauses=[pause_shape(one, now) for one in found]).model_dump()


@api.post(
    "/pauses",
    responses={200: PauseShape, 201: PauseShape, **described("forbidden", "conflict")},
)
def create_pause(query: PauseQuery, body: PauseBody) -> Reply:
    """Hold back scheduled syncs; what is held back is caught up with as each schedule says."""
    store, hints, now = services().store, services().hints, now_ms() // 1000
    if body.scope in CHECKS and not body.anyway:
        CHECKS[body.scope](store, "value", body.value)
    pause = pause_of(body, caller().name, now)
    made = set_pause.set_pause(store, hints, pause, now, preview=query.preview)
    status = HTTPStatus.OK if query.preview else HTTPStatus.CREATED
    return pause_shape(made, now).model_dump(), status


@api.delete(
    "/pauses/<pause_id>", responses={204: None, **described("forbidden", "not-found", "conflict")}
)
def end_pause(path: PausePath) -> Reply:
    """End a pause; what it held back falls due again within a second or so."""
    set_pause.end_pause(services().store, services().hints, path.pause_id, now_ms() // 1000)
    return "", HTTPStatus.NO_CONTENT
