"""See and set which schedules companies are given, and what a change would come to."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask_openapi.models.tag import Tag
from pydantic import BaseModel

from portal.api.policy.schemas import (
    ApplyBody,
    PolicyBody,
    PolicyInForce,
    PolicyPreview,
    PolicySet,
    PutQuery,
    preview_shape,
)
from portal.http.auth import caller
from portal.http.company_selection import chosen
from portal.http.groups import Reply, described, group
from portal.services import services
from relay.companies.company import Company
from relay.services.known_names import check_platform, check_source_type
from relay.services.set_policy import apply_policy as apply_to
from relay.services.set_policy import preview_policy, set_policy
from relay.store.schedules.policies import Origin
from relay.syncs.policy import Policy
from relay.times import now_ms

api = group(
    "policy",
    __name__,
    Tag(name="Policy", description="Which schedules companies are given when they link."),
)


@api.get("/policy", responses={200: PolicyInForce, **described("conflict")})
def get_policy() -> Reply:
    """Give the policy in force."""
    found = services().store.policies.in_force(services().settings)
    return _plain(PolicyInForce(origin=found.origin, policy=found.policy))


@api.put("/policy", responses={200: PolicySet, **described("forbidden", "conflict")})
def put_policy(query: PutQuery, body: PolicyBody) -> Reply:
    """Set the policy; companies that link from now on follow it, existing ones when asked to."""
    store = services().store
    for number, rule in enumerate(body.rules):
        check_platform(store, f"rules.{number}.platform", rule.platform)
        check_source_type(store, f"rules.{number}.source_type", rule.source_type)
    answer = PolicySet(origin=Origin.API, policy=body, saved=False, applied_to=0, preview=None)
    if query.preview:
        answer.preview = _preview(body, store.companies.all())
        return _plain(answer)
    set_policy(store, services().settings, body)
    answer.saved = True
    answer.applied_to = _apply(store.companies.all()) if query.apply else 0
    return _plain(answer)


@api.delete(
    "/policy",
    description="Safe to send twice: where none was set by `PUT`, that stays so.",
    responses={204: None, **described("forbidden", "conflict")},
)
def delete_policy() -> Reply:
    """Go back to what RELAY_DEFAULT_CADENCE says."""
    set_policy(services().store, services().settings, None)
    return "", HTTPStatus.NO_CONTENT


@api.post(
    "/policy/apply",
    responses={
        200: PolicySet,
        202: PolicySet,
        **described("forbidden", "unknown-company", "conflict"),
    },
)
def apply_policy(body: ApplyBody) -> Reply:
    """Bring existing companies to the policy in force; what a person set stays."""
    found = services().store.policies.in_force(services().settings)
    shown = _preview(found.policy, chosen(body)) if body.preview else None
    applied_to = 0 if shown else _apply(chosen(body))
    answer = PolicySet(
        origin=found.origin,
        policy=found.policy,
        saved=shown is None,
        applied_to=applied_to,
        preview=shown,
    )
    return _plain(answer), HTTPStatus.OK if shown else HTTPStatus.ACCEPTED


def _preview(policy: Policy, companies: Iterable[Company]) -> PolicyPreview:
    store, calls_per_minute = services().store, services().settings.relay_calls_per_minute
    return preview_shape(preview_policy(store, policy, companies, calls_per_minute, now_ms()))


def _apply(companies: Iterable[Company]) -> int:
    store, hints = services().store, services().hints
    return apply_to(store, hints, companies, by=caller().name, now=now_ms())


def _plain(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json")
