"""Deliver the log to subscribers, each in its order, none in another's way.

Each claimed subscription has a thread of its own until it has caught up, fails, or has had its
turn, so a slow one holds that thread and nothing else. Those that failed or were slow the last
time may hold half of the threads at most.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

import structlog
from redis.exceptions import RedisError

from relay.delivery.sender import Answer, WebhookSender
from relay.delivery.subscription import DAY_MS, GONE, headers, message_id, retry_delay
from relay.events.filter import selection
from relay.inbox.message import Action
from relay.store.delivery.subscriptions import Attempt, Claim, SubscriptionState
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY
from relay.store.log.encoded import EncodedEvent
from relay.store.log.reader import CursorTooOld
from relay.times import Millis, now_micros, now_ms
from workers.context import Context, current

AT_ONCE = 64  # subscriptions delivered to at the same time by one worker
HINDERED_AT_ONCE = AT_ONCE // 2  # of them, such as failed or were slow the last time
SLOW_MS = 2000  # of one delivery
TURN = 2.0  # seconds after which one that goes on and on lets the others have the thread
LEASE_MS = Millis(
    60_000
)  # longer than a lookup, a delivery and what goes with it may take together
SCAN = 5000  # log entries looked at for one delivery
OURS = "nothing was sent: a fault of the relay ({}), see its log"
DOZE = 0.5  # seconds that a worker which is being stopped waits for deliveries under way

log = structlog.get_logger(__name__)

MakeCourier = Callable[[str], WebhookSender]


class Deliverer:
    """Delivers with its own threads; `wake` looks for subscriptions that have something to get."""

    def __init__(self, context: Context, make_courier: MakeCourier | None = None) -> None:
        self._context = context
        networks = tuple(ip_network(one) for one in context.settings.relay_private_networks)
        self._make_courier = make_courier or (lambda url: WebhookSender(url, networks))
        self._lock = threading.Lock()
        self._running = 0
        self._hindered = 0
        self._under_way: dict[Claim, SubscriptionState] = {}
        self._stopping = False
        self._looking = 0  # threads that have delivered and look for more
        self._idle = threading.Condition(self._lock)

    def wake(self) -> int:
        """Begin to deliver to all that are due, as far as threads are free; give how many."""
        store = self._context.store
        store.subscriptions.hint_taken()
        with self._lock:
            if self._stopping:
                return 0
            claims = store.subscriptions.claim(
                lease_ms=LEASE_MS,
                limit=AT_ONCE - self._running,
                hindered=Millis(max(0, HINDERED_AT_ONCE - self._hindered)),
            )
            self._running += len(claims)
            self._hindered += sum(claim.hindered for claim in claims)
        for claim in claims:
            threading.Thread(target=self._run, args=(claim,), daemon=True).start()
        return len(claims)

    def wait(self, seconds: float) -> bool:
        """Wait until no delivery is under way; False when the time ran out first."""
        with self._idle:
            return self._idle.wait_for(lambda: self._running + self._looking == 0, seconds)

    def stop(self, seconds: float) -> None:
        """Begin nothing more, and give back what is not done in time: another goes on with it."""
        with self._lock:
            self._stopping = True
        self.wait(seconds)
        with self._lock:
            left = list(self._under_way.items())
        for claim, held in left:
            self._hand_on(claim, held)

    def _run(self, claim: Claim) -> None:
        try:
            held = self._context.store.subscriptions.get(claim.id)
            if held is not None:
                self._deliver(claim, held)
        except RedisError as error:
            log.warning("delivery.interrupted", subscription=claim.id, error=str(error)[:200])
        except Exception as error:
            log.exception("delivery.failed", subscription=claim.id)
            self._broke(claim, error)
        finally:
            with self._lock:
                self._running -= 1
                self._hindered -= claim.hindered
                self._under_way.pop(claim, None)
                self._looking += 1
        try:
            self.wake()  # what came meanwhile, or waited for a thread
        except RedisError as error:
            log.warning("delivery.interrupted", error=str(error)[:200])
        finally:
            with self._lock:
                self._looking -= 1
                self._idle.notify_all()

    def _broke(self, claim: Claim, error: Exception) -> None:
        """Record a fault of ours like any other failure: it is tried again ever later."""
        subscriptions = self._context.store.subscriptions
        try:
            held = subscriptions.get(claim.id)
            if held is None:
                return
            now, number = now_ms(), str(held.cursor + 1)
            wait = int(retry_delay(held.failures + 1, None, random.random()) * 1000)  # noqa: S311
            why = OURS.format(type(error).__name__)
            attempt = Attempt(
                now, number, number, 0, None, Millis(0), "", why, taken=False, next_at=now + wait
            )
            subscriptions.record(
                claim, "later", wait=Millis(wait), window=held.window, attempt=attempt, slow=False
            )
        except Exception:  # then it falls due again when its lease is over
            log.exception("delivery.not_recorded", subscription=claim.id)

    def _deliver(self, claim: Claim, held: SubscriptionState) -> None:
        courier = self._make_courier(held.subscription.url)
        began = time.monotonic()
        try:
            going: SubscriptionState | None = held
            while going is not None:
                if self._stopping or time.monotonic() - began > TURN:
                    self._hand_on(claim, going)
                    return
                going = self._deliver_next(claim, going, courier)
        finally:
            courier.close()

    def _hand_on(self, claim: Claim, held: SubscriptionState) -> None:
        """Let another go on, with the same window if one is tried again."""
        self._context.store.subscriptions.record(claim, "hand on", window=held.window)

    def _deliver_next(
        self, claim: Claim, held: SubscriptionState, courier: WebhookSender
    ) -> SubscriptionState | None:
        """Deliver the next events; give how it then stands, None when there is no more to do."""
        store = self._context.store
        try:
            events, to = self._next(held)
        except CursorTooOld as error:
            reason = f"{error}: it was too far behind; resume it with a cursor to go on from"
            self._pause(claim, held, None, reason)
            return None
        if not events:
            caught_up = to == held.cursor or to >= store.events.last()
            store.subscriptions.record(
                claim,
                "idle" if caught_up else "go on",
                cursor=to,
                wait=Millis(0 if caught_up else LEASE_MS),
            )
            return None if caught_up else replace(held, cursor=to)
        subscription = held.subscription
        body = b",".join([event.json for event in events])
        if subscription.batch > 1:
            body = b"[%s]" % body
        first, last = events[0].sequence, events[-1].sequence
        with self._lock:
            self._under_way[claim] = replace(held, window=Millis(to))
        now = now_ms()
        delivery = message_id(subscription, events[0].epoch, first, last)
        answer = courier.post(body, headers(subscription, delivery, body, now))
        attempt = Attempt(
            now, str(first), str(last), len(events), answer.status, Millis(answer.ms), answer.body,
            answer.error, answer.taken,
        )  # fmt: skip
        if not answer.taken:
            self._failed(claim, replace(held, window=Millis(to)), answer, attempt)
            return None
        recorded, _ = store.subscriptions.record(
            claim, "go on", wait=LEASE_MS, cursor=to, attempt=attempt, slow=answer.ms > SLOW_MS
        )
        if not recorded:
            return None  # changed or taken over meanwhile: its present holder delivers again
        return replace(held, cursor=to, failures=0, failing_since=None, window=None)

    def _next(self, held: SubscriptionState) -> tuple[list[EncodedEvent], int]:
        """Return the events of the next delivery, and the cursor after them."""
        subscription = held.subscription
        fits = selection(subscription.companies, subscription.types)
        up_to = held.cursor + SCAN if held.window is None else held.window
        events = self._context.store.events
        page = events.read(held.cursor, subscription.batch, fits, up_to=up_to)
        return page.events, page.cursor

    def _failed(
        self, claim: Claim, held: SubscriptionState, answer: Answer, attempt: Attempt
    ) -> None:
        now = now_ms()
        since = held.failing_since or now
        days = self._context.settings.relay_subscriber_days
        if answer.status == GONE:
            self._pause(claim, held, attempt, "it answered 410 (gone)")
        elif now - since > days * DAY_MS:
            self._pause(claim, held, attempt, f"nothing was taken for {days} days")
        else:
            luck = random.random()  # noqa: S311 (not a secret)
            wait = int(retry_delay(held.failures + 1, answer.retry_after, luck) * 1000)
            self._context.store.subscriptions.record(
                claim,
                "later",
                wait=Millis(wait),
                window=held.window,
                attempt=replace(attempt, next_at=now + wait),
                slow=answer.ms > SLOW_MS,
            )
        log.info(
            "delivery.not_taken",
            subscription=claim.id,
            status=answer.status,
            error=answer.error,
            failures=held.failures + 1,
        )

    def _pause(
        self, claim: Claim, held: SubscriptionState, attempt: Attempt | None, reason: str
    ) -> None:
        facts = {
            "subscription_id": claim.id,
            "url": held.subscription.url,
            "reason": reason,
            "cursor": str(held.cursor),
        }
        action_id = f"subscription:{claim.id}#{claim.fence}"
        told = Action(action_id, "relay.subscription_paused", "", now_micros(), facts)
        _, wake = self._context.store.subscriptions.record(
            claim, "pause", attempt=attempt, reason=reason, action=told
        )
        if wake:
            self._context.hints.drain(NOT_FOR_A_COMPANY)


_current: list[Deliverer] = []  # this process's: its threads outlive the job that woke them


def deliver() -> None:
    """The job: begin to deliver to all that are due; what was begun goes on after it."""
    if not _current:
        _current.append(Deliverer(current()))
    _current[0].wake()


def finish() -> None:
    """Wait a moment for deliveries under way when the worker ends; another takes the rest."""
    for deliverer in _current:
        deliverer.stop(DOZE)
