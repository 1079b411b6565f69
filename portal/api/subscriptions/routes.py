"""Signed webhooks out: who gets which events where, how that goes, pause, test and new secrets."""

from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_network
from secrets import token_hex
from typing import Annotated, Any

import orjson
from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from codat.capabilities import hidden_text
from codat.signature import new_secret
from portal.api.subscriptions import schemas as shapes
from portal.api.subscriptions.schemas import (
    AttemptList,
    NewSecret,
    SecretBody,
    SubscriptionBody,
    SubscriptionChange,
    SubscriptionList,
    SubscriptionMade,
    SubscriptionShape,
    Tested,
)
from portal.http.auth import caller
from portal.http.groups import Given, Reply, described, group
from portal.http.problems import Refusal
from portal.services import services
from relay.delivery import addresses
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import RETRY_DELAYS, Secret, Subscription, headers, message_id
from relay.events.catalogue import event_types
from relay.events.documents import example
from relay.inbox.message import Action
from relay.nearest import hint
from relay.store.delivery.subscriptions import Held
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY
from relay.times import iso_from_ms, now_micros, now_ms

api = group(
    "subscriptions",
    __name__,
    Tag(
        name="Subscriptions", description="Addresses to which the log's events are posted, signed."
    ),
)

HOUR_MS = 3_600_000
MOST = 1000  # subscriptions
BUSY_SECONDS = 2
TEST_SECONDS = 10.0
DELIVERY = (
    "Events are posted in the order of the log, signed as in Standard Webhooks; any 2xx within 15"
    " seconds takes them, and the next follow. Else they are tried again after"
    f" {', '.join(map(str, RETRY_DELAYS))} seconds, then every {RETRY_DELAYS[-1] // 3600} hours,"
    " each 20 % sooner or later; `Retry-After` is honoured, 410 pauses at once, and days"
    " without a success pause too (`subscription.paused`). An event can come twice: tell by"
    " its `id`."
)


class SubscriptionPath(BaseModel):
    """Which subscription."""

    subscription_id: Annotated[str, Field(max_length=64)]


class AttemptQuery(Given):
    """How many, and whether all or only those that were taken, or were not."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    taken: bool | None = None


@api.post(
    "/subscriptions",
    description=DELIVERY,
    responses={201: SubscriptionMade, **described("forbidden", "conflict")},
)
def create_subscription(body: SubscriptionBody) -> Reply:
    """Subscribe an address to the log; the answer holds the signing secret."""
    store, last = services().store, services().store.events.last()
    _refuse_private(body.url)
    if len(store.subscriptions.all()) >= MOST:
        raise Refusal("conflict", f"There are {MOST} subscriptions, which is as many as may be.")
    secret = new_secret()
    made = Subscription(
        id=f"sub_{token_hex(10)}",
        url=body.url,
        secrets=(Secret(secret),),
        created=now_ms(),
        types=tuple(body.types),
        companies=tuple(one.lower() for one in body.companies),
        description=body.description,
        batch=body.batch,
    )
    store.subscriptions.put(made, over=None, cursor=_start(body.after, last), state="active")
    _hint()
    shown = shapes.shape(_known(made.id), last).model_dump()
    answer = SubscriptionMade(**shown, secret=secret).model_dump()
    return answer, HTTPStatus.CREATED, {"Location": f"/v1/subscriptions/{made.id}"}


@api.get("/subscriptions", responses={200: SubscriptionList})
def list_subscriptions() -> Reply:
    """List all subscriptions and how they stand."""
    store, last = services().store, services().store.events.last()
    found = [shapes.shape(held, last) for held in store.subscriptions.all()]
    return SubscriptionList(subscriptions=found).model_dump()


@api.get(
    "/subscriptions/<subscription_id>",
    responses={200: SubscriptionShape, **described("not-found")},
)
def get_subscription(path: SubscriptionPath) -> Reply:
    """Give one subscription."""
    return _shown(path.subscription_id)


@api.patch(
    "/subscriptions/<subscription_id>",
    description="With `after` its cursor is moved: back to deliver again, or forward to leave out.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def change_subscription(path: SubscriptionPath, body: SubscriptionChange) -> Reply:
    """Change a subscription; past failures are forgotten."""
    held = _known(path.subscription_id)
    given = body.model_dump(exclude_none=True)
    after = given.pop("after", None)
    if "url" in given:
        _refuse_private(given["url"])
    if "types" in given:
        given["types"] = tuple(given["types"])
    if "companies" in given:
        given["companies"] = tuple(one.lower() for one in given["companies"])
    changed = replace(held.subscription, **given)
    cursor = None if after is None else _start(after, services().store.events.last())
    _put(held, changed, cursor=cursor)
    return _shown(path.subscription_id)


@api.delete(
    "/subscriptions/<subscription_id>",
    responses={204: None, **described("forbidden", "not-found", "conflict")},
)
def delete_subscription(path: SubscriptionPath) -> Reply:
    """Remove a subscription and its attempts."""
    if not services().store.subscriptions.remove(_known(path.subscription_id).subscription):
        raise _changed_meanwhile()
    return "", HTTPStatus.NO_CONTENT


@api.post(
    "/subscriptions/<subscription_id>/pause",
    description="One that is paused already stays so, with the `reason` it has.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def pause_subscription(path: SubscriptionPath) -> Reply:
    """Deliver nothing until it is resumed; its cursor stays."""
    held = _known(path.subscription_id)
    if not held.active:
        return _shown(path.subscription_id)
    reason = f"{caller().name} paused it"
    _put(held, held.subscription, state="paused", reason=reason, told=_told(held, "paused", reason))
    return _shown(path.subscription_id)


@api.post(
    "/subscriptions/<subscription_id>/resume",
    description="One that is active stays so; what failed before is tried again at once.",
    responses={200: SubscriptionShape, **described("forbidden", "not-found", "conflict")},
)
def resume_subscription(path: SubscriptionPath) -> Reply:
    """Go on where it stopped; with events no longer kept, move its cursor first."""
    held = _known(path.subscription_id)
    oldest = services().store.events.oldest()
    if held.cursor < oldest:
        raise Refusal(
            "conflict",
            f"Events up to {oldest} are no longer kept: change `after` to at least that.",
        )
    _put(held, held.subscription, state="active", told=_told(held, "resumed"))
    return _shown(path.subscription_id)


@api.post(
    "/subscriptions/<subscription_id>/test",
    responses={200: Tested, **described("forbidden", "not-found", "busy")},
)
def test_subscription(path: SubscriptionPath) -> Reply:
    """Post an example event, signed, now and once; `webhook-id` ends in 0, no event's number."""
    subscription = _known(path.subscription_id).subscription
    if not services().codat_call_limit.acquire(blocking=False):
        raise Refusal("busy", "Try again in a moment.", retry_after=BUSY_SECONDS)
    try:
        epoch = services().store.events.head().epoch
        shown = example(event_types()["company.status_changed"])
        shown |= {"id": "0", "sequence": "0", "epoch": epoch}
        body = orjson.dumps(shown if subscription.batch == 1 else [shown])
        tested = message_id(subscription, epoch, 0, 0)
        courier = WebhookSender(subscription.url, _networks(), seconds=TEST_SECONDS)
        answer = courier.post(body, headers(subscription, tested, body, now_ms()))
        courier.close()
    finally:
        services().codat_call_limit.release()
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
    held, now, secret = _known(path.subscription_id), now_ms(), new_secret()
    overlap = int(body.overlap_hours * HOUR_MS)
    secrets = held.subscription.rotated(secret, now, overlap)
    _put(held, replace(held.subscription, secrets=secrets))
    return NewSecret(secret=secret, former_until=iso_from_ms(now + overlap)).model_dump()


@api.get(
    "/subscriptions/<subscription_id>/attempts",
    responses={200: AttemptList, **described("not-found")},
)
def list_attempts(path: SubscriptionPath, query: AttemptQuery) -> Reply:
    """List the latest deliveries and what the subscriber answered, the newest first."""
    _known(path.subscription_id)
    found = services().store.subscriptions.attempts(
        path.subscription_id, query.limit, taken=query.taken
    )
    return AttemptList(attempts=[shapes.attempt(one) for one in found]).model_dump()


def _known(subscription_id: str) -> Held:
    held = services().store.subscriptions.get(subscription_id)
    if held is None:
        there = services().store.subscriptions.all()
        near = hint(subscription_id, [one.subscription.id for one in there])
        raise Refusal("not-found", f"Look at /v1/subscriptions for those there are{near}.")
    return held


def _shown(subscription_id: str) -> Reply:
    return shapes.shape(_known(subscription_id), services().store.events.last()).model_dump()


def _put(held: Held, changed: Subscription, **how: Any) -> None:
    written, wake = services().store.subscriptions.put(changed, over=held.subscription, **how)
    if not written:
        raise _changed_meanwhile()
    if wake:
        services().hints.drain(NOT_FOR_A_COMPANY)
    _hint()


def _hint() -> None:
    services().hints.deliver()


def _start(after: int | None, last: int) -> int:
    """Give the cursor to begin at: what is given, or the end of the log."""
    if after is None:
        return last
    if after > last:
        raise Refusal("conflict", f"The newest event is {last}.")
    oldest = services().store.events.oldest()
    if after < oldest:
        raise Refusal("conflict", f"Events up to {oldest} are no longer kept.")
    return after


def _refuse_private(url: str) -> None:
    try:
        addresses.check_literal(addresses.parse(url), _networks())
    except addresses.Forbidden as error:
        errors = [{"field": "url", "message": str(error)}]
        raise Refusal("invalid", "Correct url and send again.", extra={"errors": errors}) from None


def _networks() -> list[addresses.Network]:
    return [ip_network(one) for one in services().settings.relay_private_networks]


def _told(held: Held, change: str, reason: str = "") -> Action:
    one = held.subscription
    facts = {"subscription_id": one.id, "url": one.url, "cursor": str(held.cursor)}
    return Action(
        id=f"api:{caller().name}:{one.id}:{now_micros()}",
        type=f"relay.subscription_{change}",
        company_id="",
        at=now_micros(),
        payload=facts | ({"reason": reason} if reason else {}),
    )


def _changed_meanwhile() -> Refusal:
    return Refusal("conflict", "Someone else is changing this subscription. Look and try again.")
