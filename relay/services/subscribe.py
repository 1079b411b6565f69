"""Make, change, pause and test subscriptions to the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from secrets import token_hex
from typing import Any

import orjson

from codat.signature import new_secret
from relay.delivery import addresses
from relay.delivery.sender import Answer, WebhookSender
from relay.delivery.subscription import Secret, Subscription, headers, message_id
from relay.events.catalogue import event_types
from relay.events.documents import example
from relay.inbox.message import Action
from relay.nearest import hint
from relay.queues import Hints
from relay.services.errors import Conflict, InvalidValue, NotFound
from relay.store import Store
from relay.store.delivery.subscriptions import SubscriptionState
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY
from relay.times import now_micros

MAX_SUBSCRIPTIONS = 1000
TEST_TIMEOUT = 10.0  # seconds
TEST_EVENT = "company.status_changed"
CONTENDED = "Someone else is changing this subscription. Look and try again."


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The use cases of subscriptions for one caller, named `by`."""

    store: Store
    hints: Hints
    private_networks: Sequence[str]
    by: str

    def find(self, subscription_id: str) -> SubscriptionState:
        """Return a subscription with its state; raises NotFound."""
        held = self.store.subscriptions.get(subscription_id)
        if held is None:
            ids = [one.subscription.id for one in self.store.subscriptions.all()]
            near = hint(subscription_id, ids)
            raise NotFound(f"Look at /v1/subscriptions for those there are{near}.")
        return held

    def create(
        self, values: Mapping[str, Any], after: int | None, now: int
    ) -> tuple[SubscriptionState, str]:
        """Make a subscription at `now` (ms); return it and its secret.

        `values` are its fields; delivery begins after event `after`, or at the end of the log.
        Raises InvalidValue for the url, or Conflict.
        """
        last = self.store.events.last()
        self._check_url(values["url"])
        if len(self.store.subscriptions.all()) >= MAX_SUBSCRIPTIONS:
            raise Conflict(
                f"There are {MAX_SUBSCRIPTIONS} subscriptions, which is as many as may be."
            )
        secret = new_secret()
        made = Subscription(
            id=f"sub_{token_hex(10)}", secrets=(Secret(secret),), created=now, **_fields(values)
        )
        cursor = self._cursor(after, last)
        self.store.subscriptions.put(made, over=None, cursor=cursor, state="active")
        self.hints.deliver()
        return self.find(made.id), secret

    def change(
        self, subscription_id: str, values: Mapping[str, Any], after: int | None
    ) -> SubscriptionState:
        """Set these fields of a subscription, and with `after` its cursor; return it.

        Raises NotFound, Conflict, or InvalidValue for the url.
        """
        held = self.find(subscription_id)
        if "url" in values:
            self._check_url(values["url"])
        cursor = None if after is None else self._cursor(after, self.store.events.last())
        self._put(held, replace(held.subscription, **_fields(values)), cursor=cursor)
        return self.find(subscription_id)

    def remove(self, subscription_id: str) -> None:
        """Remove a subscription and its attempts; raises NotFound, or Conflict when contended."""
        if not self.store.subscriptions.remove(self.find(subscription_id).subscription):
            raise Conflict(CONTENDED)

    def pause(self, subscription_id: str) -> SubscriptionState:
        """Stop delivering to a subscription and return it; one that is paused stays as it is."""
        held = self.find(subscription_id)
        if held.active:
            reason = f"{self.by} paused it"
            action = self._action(held, "paused", {"reason": reason})
            self._put(held, held.subscription, state="paused", reason=reason, action=action)
        return self.find(subscription_id)

    def resume(self, subscription_id: str) -> SubscriptionState:
        """Deliver to a subscription again from its cursor, and return it.

        Raises Conflict when the events after its cursor are no longer kept.
        """
        held = self.find(subscription_id)
        oldest = self.store.events.oldest()
        if held.cursor < oldest:
            raise Conflict(
                f"Events up to {oldest} are no longer kept: change `after` to at least that."
            )
        action = self._action(held, "resumed", {})
        self._put(held, held.subscription, state="active", action=action)
        return self.find(subscription_id)

    def rotate_secret(self, subscription_id: str, overlap_ms: int, now: int) -> str:
        """Give a subscription a new secret and return it; the former one signs for a while more."""
        held, secret = self.find(subscription_id), new_secret()
        secrets = held.subscription.rotated(secret, now, overlap_ms)
        self._put(held, replace(held.subscription, secrets=secrets))
        return secret

    def test(self, subscription: Subscription, now: int) -> Answer:
        """Post an example event once, signed at `now` (ms), and return the answer."""
        epoch = self.store.events.head().epoch
        shown = example(event_types()[TEST_EVENT])
        shown |= {"id": "0", "sequence": "0", "epoch": epoch}
        body = orjson.dumps(shown if subscription.batch == 1 else [shown])
        tested = message_id(subscription, epoch, 0, 0)
        sender = WebhookSender(subscription.url, self._networks(), seconds=TEST_TIMEOUT)
        try:
            return sender.post(body, headers(subscription, tested, body, now))
        finally:
            sender.close()

    def _put(self, held: SubscriptionState, changed: Subscription, **how: Any) -> None:
        written, wake = self.store.subscriptions.put(changed, over=held.subscription, **how)
        if not written:
            raise Conflict(CONTENDED)
        if wake:
            self.hints.drain(NOT_FOR_A_COMPANY)
        self.hints.deliver()

    def _cursor(self, after: int | None, last: int) -> int:
        """Return where delivery begins; raises Conflict when the log does not reach there."""
        if after is None:
            return last
        if after > last:
            raise Conflict(f"The newest event is {last}.")
        oldest = self.store.events.oldest()
        if after < oldest:
            raise Conflict(f"Events up to {oldest} are no longer kept.")
        return after

    def _check_url(self, url: str) -> None:
        try:
            addresses.check_literal(addresses.parse(url), self._networks())
        except addresses.Forbidden as error:
            raise InvalidValue("url", str(error)) from None

    def _networks(self) -> list[addresses.Network]:
        return [ip_network(one) for one in self.private_networks]

    def _action(self, held: SubscriptionState, change: str, more: Mapping[str, str]) -> Action:
        one, now = held.subscription, now_micros()
        data = {"subscription_id": one.id, "url": one.url, "cursor": str(held.cursor)}
        return Action(
            id=f"api:{self.by}:{one.id}:{now}",
            type=f"relay.subscription_{change}",
            company_id="",
            at=now,
            payload={**data, **more},
        )


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields as a subscription holds them."""
    fields = dict(values)
    if "types" in fields:
        fields["types"] = tuple(fields["types"])
    if "companies" in fields:
        fields["companies"] = tuple(one.lower() for one in fields["companies"])
    return fields
