"""Puts a sandbox together as a Flask application."""

import time
from typing import Any

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from sandbox.api.concurrency import ConcurrencyLimit
from sandbox.api.faults import Fault, FaultKind, Faults
from sandbox.api.idempotency import HEADER, METHODS, Answered, Idempotency
from sandbox.api.routes import API, OPEN
from sandbox.api.services import EXTENSION, Services, reply, services
from sandbox.config import SandboxConfig
from sandbox.journal import Journal
from sandbox.server.handler import PLAN, SECONDS, Plan
from sandbox.webhooks.delivery import WebhookDelivery
from sandbox.world import refusals
from sandbox.world.clock import Clock
from sandbox.world.moments import http_date
from sandbox.world.world import World

API_NAMES = frozenset(blueprint.name for blueprint in API)
PLANS = {FaultKind.DOWN: Plan.DROP, FaultKind.HANG: Plan.HANG}
PLANS_AFTER = {FaultKind.LOST: Plan.DROP, FaultKind.HALF: Plan.HALF}
NOTED_BODY = 4096  # bytes of a request body that the journal keeps


def create_app(config: SandboxConfig) -> Flask:
    """Build the application; nothing runs until its delivery office and a server are started."""
    journal, clock = Journal(), Clock()
    delivery = WebhookDelivery(config, journal, clock)
    world = World(config, delivery.publish, clock)
    delivery.endpoints.registered = lambda: [*world.consumers.values(), *world.rules.values()]
    app = Flask("sandbox")
    app.extensions[EXTENSION] = Services(
        config,
        world,
        delivery,
        journal,
        Faults(config.seed),
        clock,
        Idempotency(config.time_scale),
        ConcurrencyLimit(config.concurrent_calls),
    )
    for blueprint in (*API, *OPEN):
        app.register_blueprint(blueprint)
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_release)
    app.register_error_handler(refusals.Refusal, _refuse)
    app.register_error_handler(HTTPException, _refuse_plainly)
    return app


def _is_api() -> bool:
    return request.blueprint in API_NAMES or request.blueprint is None


def _company_id() -> str | None:
    found = (request.view_args or {}).get("company_id")
    return str(found).lower() if found else None


def _begin() -> Response | None:
    """Meet network faults, the key, the quota, the idempotency key, then faults of the service.

    In that order a real request would; so a 5xx to order is kept for its idempotency key, as
    Codat keeps it.
    """
    g.fault = g.inside = g.key = None
    g.began = time.time()
    if not _is_api():
        return None
    fault = services().faults.strike(request.method, request.path, _company_id())
    g.fault = None if fault is None else fault.kind
    if fault is not None and fault.kind in PLANS:
        request.environ[PLAN], request.environ[SECONDS] = PLANS[fault.kind], fault.seconds
        return Response(status=503)
    if not services().world.keys.accept(request.headers.get("Authorization", "")):
        raise refusals.unauthorized()
    _spend()
    if (kept := _open_key()) is not None:
        return kept
    if fault is not None:
        _suffer(fault)
    services().world.advance()
    return None


def _spend() -> None:
    world = services().world
    quota_use = world.spend(request.remote_addr or "")
    if quota_use.retry_after is not None:
        raise refusals.too_many(quota_use.retry_after)
    company_id = _company_id()
    if company_id is not None and world.is_linked(company_id):
        if not services().concurrency.acquire(company_id):
            raise refusals.too_many(1)
        g.inside = company_id


def _open_key() -> Response | None:
    key = request.headers.get(HEADER)
    if not key or request.method not in METHODS:
        return None
    asked = (request.method, request.full_path, request.get_data())
    kept = services().idempotency.open(key, asked, services().clock())
    if kept is None:
        g.key = key
        return None
    return Response(kept.body, kept.status, kept.headers)


def _suffer(fault: Fault) -> None:
    if fault.kind is FaultKind.STATUS:
        raise refusals.fault(fault.status, fault.retry_after)
    if fault.kind is FaultKind.SLOW:
        time.sleep(fault.seconds)
    elif fault.kind in PLANS_AFTER:
        request.environ[PLAN] = PLANS_AFTER[fault.kind]


def _release(error: BaseException | None) -> None:
    if inside := g.pop("inside", None):
        services().concurrency.release(inside)


def _end(answer: Response) -> Response:
    if not _is_api():
        return answer
    if key := g.get("key"):
        kept = Answered(answer.status_code, list(answer.headers), answer.get_data())
        services().idempotency.close(key, kept)
    _add_rate_limit(answer)
    note: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "companyId": _company_id(),
        "status": None if g.get("fault") in PLANS else answer.status_code,
        "began": g.began,
    }
    if request.query_string:
        note["query"] = request.query_string.decode("latin-1")
    if g.get("fault"):
        note["fault"] = str(g.fault)
    if (sent := request.get_data()) and len(sent) <= NOTED_BODY:
        note["body"] = _parsed(sent)
    services().journal.note("api", **note)
    return answer


def _add_rate_limit(answer: Response) -> None:
    """Put Codat's rate limit headers on (Codat: using-the-api/rate-limits)."""
    world = services().world
    limit = world.quota.limit(world.linked_companies())
    answer.headers["X-Rate-Limit-Limit"] = str(limit)
    answer.headers["X-Rate-Limit-Remaining"] = str(max(0, limit - world.quota.used))
    answer.headers["X-Rate-Limit-Reset"] = http_date(world.quota.resets)


def _parsed(sent: bytes) -> Any:
    try:
        return orjson.loads(sent)
    except orjson.JSONDecodeError:
        return None


def _refuse(refusal: refusals.Refusal) -> Response:
    answer = reply(refusal.body(), refusal.status)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def _refuse_plainly(error: HTTPException) -> Response:
    return _refuse(refusals.Refusal(error.code or 500, error.name))
