"""Signed webhooks out: who gets which events where, how that goes, pause, test and new secrets."""

from http import HTTPStatus

from flask_openapi.models.tag import Tag

from codat.capabilities import hidden_text
from portal.api.subscriptions.schemas import (
    AttemptList,
    AttemptQuery,
    NewSecret,
    SecretBody,
    SubscriptionBody,
    SubscriptionChange,
    SubscriptionList,
    SubscriptionMade,
    SubscriptionPath,
    SubscriptionShape,
    Tested,
    attempt_shape,
    subscription_shape,
)
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.services import services
from relay.delivery.subscription import RETRY_DELAYS
from relay.services.subscribe import Subscriptions
from relay.store.delivery.subscriptions import SubscriptionState
from relay.times import Millis, iso_from_ms, now_ms

api = group(
    "subscriptions",
    __name__,
    Tag(
        name="Subscriptions", description="Addresses to which the log's events are posted, signed."
    ),
)

HOUR_MS = 3_600_000
BUSY_SECONDS = 2
DELIVERY = (
    "Events are posted in the order of the log, signed as in Standard Webhooks; any 2xx within 15"
    " seconds takes them, and the next follow. Else they are tried again after"
    f" {', '.join(map(str, RETRY_DELAYS))} seconds, then every {RETRY_DELAYS[-1] // 3600} hours,"
    " each 20 % sooner or later; `Retry-After` is honoured, 410 pauses at once, and days"
    " without a success pause too (`subscription.paused`). An event can come twice: tell by"
    " its `id`."
)


@api.post(
    "/subscriptions",
    description=DELIVERY,
    responses={201: SubscriptionMade, **described("forbidden", "conflict")},
)
def create_subscription(body: SubscriptionBody) -> Reply:
    """Subscribe an address to the log; the answer holds the signing secret."""
    values = body.model_dump(exclude={"after"})
    made, secret = _use_cases().create(values, body.after, now_ms())
    answer = SubscriptionMade(**_shape(made).model_dump(), secret=secret).model_dump()
    location = {"Location": f"/v1/subscriptions/{made.subscription.id}"}
    return answer, HTTPStatus.CREATED, location


@api.get("/subscriptions", responses={200: SubscriptionList})
def list_subscriptions() -> Reply:
    """List all subscriptions and how they stand."""
    store, last = services().store, services().store.events.last()
    found = [subscription_shape(held, last) for held in store.subscriptions.all()]
    return SubscriptionList(subscriptions=found).model_dump()


@api.get(
    "/subscriptions/<subscription_id>",
    responses={200: SubscriptionShape, **described("not-found")},
)
def get_subscription(path: SubscriptionPath) -> Reply:
    """Give one subscription."""
    return _shape(_use_cases().find(path.subscription_id)).model_dump()


@api.patch(
    "/subscriptions/<subscription_id>",
    description="With `after` its cursor is moved: back to deliver again, or forward to leave out.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def change_subscription(path: SubscriptionPath, body: SubscriptionChange) -> Reply:
    """Change a subscription; past failures are forgotten."""
    values = body.model_dump(exclude_none=True)
    after = values.pop("after", None)
    return _shape(_use_cases().change(path.subscription_id, values, after)).model_dump()


@api.delete(
    "/subscriptions/<subscription_id>",
    responses={204: None, **described("forbidden", "not-found", "conflict")},
)
def delete_subscription(path: SubscriptionPath) -> Reply:
    """Remove a subscription and its attempts."""
    _use_cases().remove(path.subscription_id)
    return "", HTTPStatus.NO_CONTENT


@api.post(
    "/subscriptions/<subscription_id>/pause",
    description="One that is paused already stays so, with the `reason` it has.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def pause_subscription(path: SubscriptionPath) -> Reply:
    """Deliver nothing until it is resumed; its cursor stays."""
    return _shape(_use_cases().pause(path.subscription_id)).model_dump()


@api.post(
    "/subscriptions/<subscription_id>/resume",
    description="One that is active stays so; what failed before is tried again at once.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def resume_subscription(path: SubscriptionPath) -> Reply:
    """Go on where it stopped; with events no longer kept, move its cursor first."""
    return _shape(_use_cases().resume(path.subscription_id)).model_dump()


@api.post(
    "/subscriptions/<subscription_id>/test",
    responses={200: Tested, **described("forbidden", "not-found", "busy")},
)
def test_subscription(path: SubscriptionPath) -> Reply:
    """Post an example event, signed, now and once; `webhook-id` ends in 0, no event's number."""
    use_cases, limit = _use_cases(), services().codat_call_limit
    subscription = use_cases.find(path.subscription_id).subscription
    if not limit.acquire(blocking=False):
        raise Refusal("busy", "Try again in a moment.", retry_after=BUSY_SECONDS)
    try:
        answer = use_cases.test(subscription, now_ms())
    finally:
        limit.release()
    return Tested(
        taken=answer.taken,
        status=answer.status,
        ms=answer.ms,
        body=hidden_text(answer.body),
        error=answer.error,
    ).model_dump()


@api.post(
    "/subscriptions/<subscription_id>/secret",
    description="Until the former secret ends, each delivery carries a signature by either.",
    responses={200: NewSecret, **described("forbidden", "not-found", "conflict")},
)
def rotate_secret(path: SubscriptionPath, body: SecretBody) -> Reply:
    """Make a new signing secret."""
    overlap, now = int(body.overlap_hours * HOUR_MS), now_ms()
    secret = _use_cases().rotate_secret(path.subscription_id, overlap, now)
    return NewSecret(secret=secret, former_until=iso_from_ms(Millis(now + overlap))).model_dump()


@api.get(
    "/subscriptions/<subscription_id>/attempts",
    responses={200: AttemptList, **described("not-found")},
)
def list_attempts(path: SubscriptionPath, query: AttemptQuery) -> Reply:
    """List the latest deliveries and what the subscriber answered, the newest first."""
    _use_cases().find(path.subscription_id)
    found = services().store.subscriptions.attempts(
        path.subscription_id, query.limit, taken=query.taken
    )
    return AttemptList(attempts=[attempt_shape(one) for one in found]).model_dump()


def _use_cases() -> Subscriptions:
    one = services()
    networks = one.settings.relay_private_networks
    return Subscriptions(one.store, one.hints, networks, caller().name)


def _shape(held: SubscriptionState) -> SubscriptionShape:
    return subscription_shape(held, services().store.events.last())
