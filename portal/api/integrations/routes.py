"""The platforms that can be linked, for firms that draw their own picker."""

from http import HTTPStatus
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field

from codat.records import Integration
from portal.http.groups import Given, Reply, described, group
from portal.http.tags import JOURNEYS
from portal.link import platform_search
from portal.link.consent import readable
from portal.services import services
from relay.store.intents.names import ALL_PLATFORMS
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Millis, Moment, iso_from_ms, now_ms

api = group("integrations", __name__, JOURNEYS)


class IntegrationQuery(Given):
    """Which platforms: by kind, and by what somebody typed."""

    source_type: Annotated[
        str | None,
        Field(
            max_length=32,
            validation_alias=AliasChoices("source_type", "integration_type"),
            description="Such as Accounting; `integration_type` will do too.",
        ),
    ] = None
    q: Annotated[str, Field(max_length=100, description="Forgives slips and short names.")] = ""


class IntegrationShape(BaseModel):
    """One platform; `data_types` are those that can be read from it."""

    key: str
    name: str
    source_type: str | None
    is_offline: bool
    is_beta: bool
    logo: Annotated[str, Field(description="An address of ours; a mark stands in for want of it.")]
    data_types: list[str]


class IntegrationList(BaseModel):
    """Every platform that is enabled at Codat, the best match first where one was asked for."""

    integrations: list[IntegrationShape]
    as_of: Annotated[Moment | None, Field(description="When Codat was last asked for them.")]


@api.get(
    "/integrations",
    responses={200: IntegrationList, **described("codat-limit", "codat-unavailable", "busy")},
)
def list_integrations(query: IntegrationQuery) -> Reply:
    """List the platforms that customers can choose from."""
    wanted = (query.source_type or "").casefold()
    offered = [
        one
        for one in services().platforms.all()
        if not wanted or (one.source_type or "").casefold() == wanted
    ]
    kept = services().store.platforms.read()
    found = [_shape(one) for one in platform_search.find(offered, query.q)]
    as_of = iso_from_ms(Millis(kept[0])) if kept else None
    return IntegrationList(integrations=found, as_of=as_of).model_dump()


@api.post("/integrations/refresh", responses={202: None, **described("forbidden")})
def refresh_integrations() -> Reply:
    """Have them read from Codat again now, as is done each night."""
    now = now_ms()
    services().store.intents.put(
        [NewIntent(ALL_PLATFORMS, "", Priority.NOW, now, "asked for")], now
    )
    services().hints.perform()
    return "", HTTPStatus.ACCEPTED


def _shape(one: Integration) -> IntegrationShape:
    return IntegrationShape(
        key=one.key,
        name=one.name,
        source_type=one.source_type,
        is_offline=one.is_offline,
        is_beta=one.is_beta,
        logo=f"{services().settings.public_url}/link/logos/{one.key}",
        data_types=list(readable(one)),
    )
