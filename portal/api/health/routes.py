"""For load balancers and monitoring, without a token: alive, ready, and figures for Prometheus."""

from typing import Annotated

import structlog
from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from portal.api.health.metrics import RelayCollector
from portal.http.groups import Reply, named_as_the_view
from portal.services import services
from relay.clocks import wrong_clocks
from relay.store.server.guard import NotDurable
from relay.times import Millis, iso_from_ms

api = APIBlueprint(
    "health",
    __name__,
    abp_tags=[
        Tag(name="Health", description="For load balancers and monitoring, without a token.")
    ],
    operation_id_callback=named_as_the_view,
)

RETRY_SECONDS = "5"

log = structlog.get_logger(__name__)


class Health(BaseModel):
    """This process is alive."""

    status: str


class Readiness(BaseModel):
    """Whether requests can be served, and what is missing when not."""

    ready: bool
    missing: list[str]
    warnings: Annotated[list[str], Field(description="What is wrong, though requests are served.")]
    durability: str
    accepted_risks: list[str]
    uses_sandbox: bool


@api.get("/healthz", responses={200: Health})
def healthz() -> Reply:
    """Report that this process is alive, even if other things are not."""
    return {"status": "ok"}


@api.get("/readyz", responses={200: Readiness, 503: Readiness})
def readyz() -> Reply:
    """Report whether requests can be served."""
    p = services()
    missing: list[str] = []
    warnings: list[str] = []
    try:
        p.store.ping()
        warnings += wrong_clocks(p.store.clocks())
        if loss := p.store.loss():
            warnings.append(f"{iso_from_ms(Millis(loss[0]))}: {loss[1]}")
        missing += [f"server: {fault}" for fault in p.store.guard.faults().values()]
    except NotDurable as error:
        missing.append(f"server: {error}")
    except RedisError as error:
        log.warning("readiness.failed", error=str(error)[:200])
        missing.append("redis: the server does not answer")
    answer = Readiness(
        ready=not missing,
        missing=missing,
        warnings=warnings,
        durability=p.store.server.durability,
        accepted_risks=list(p.store.server.accepted_risks),
        uses_sandbox=p.settings.uses_sandbox,
    ).model_dump()
    return (answer, 503, {"Retry-After": RETRY_SECONDS}) if missing else answer


@api.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics() -> Reply:
    """Return the figures in Prometheus' text format; `relay_redis_up` is 0 when Redis is away."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RelayCollector(services().store, services().settings))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
