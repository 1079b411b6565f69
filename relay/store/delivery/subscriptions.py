"""Subscriptions as kept: each a cursor over the log, claimed for each delivery, and fenced."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis

from relay.delivery.subscription import Subscription
from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY
from relay.store.scripts import Scripts
from relay.times import Millis

ATTEMPTS_KEPT = 200  # per subscription
HINT_MS = 1000  # for which one `deliver` hint serves all events that come meanwhile
POLL_SECONDS = 1.0  # seconds between looks whether there are subscriptions at all


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription and its state. `window` is the end of a delivery that is tried again."""

    subscription: Subscription
    cursor: int
    state: str  # active or paused
    reason: str
    failures: int
    failing_since: Millis | None  # ms since the epoch
    window: Millis | None
    due: Millis | None = None  # ms since the epoch; the end of its lease while it is delivered to
    moved: int | None = None  # ms since the epoch: when its cursor was set last, where known

    @property
    def active(self) -> bool:
        """Report whether events are delivered."""
        return self.state == "active"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver to one subscription for a while."""

    id: str
    fence: int
    hindered: bool = False  # it failed or was slow the last time


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery as its owner may see it; `at` in ms, `body` the first bytes of the answer."""

    at: Millis
    first: str
    last: str
    events: int
    status: int | None
    ms: Millis
    body: str
    error: str
    taken: bool
    next_at: int | None = None


class Subscriptions:
    """The subscriptions of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._looked = 0.0
        self._any = False

    def get(self, subscription_id: str) -> SubscriptionState | None:
        """Return one, or None."""
        return next(iter(self._get([subscription_id])), None)

    def all(self) -> list[SubscriptionState]:
        """Return them all, in the order of their ids."""
        return self._get(i.decode() for i in self._client.zrange(keys.SUBSCRIPTIONS, 0, -1))

    def put(
        self,
        subscription: Subscription,
        *,
        over: Subscription | None,
        cursor: int | None = None,
        state: str = "",
        reason: str = "",
        action: Action | None = None,
    ) -> tuple[bool, bool]:
        """Make or change one; False first when someone else changed it meanwhile.

        Any change starts over: past failures are forgotten and it is due at once. `action` is put
        into the log's lane if the state changes; the second value says whether that needs a hint.
        """
        arguments: list[str | bytes | int] = [
            subscription.id,
            over.to_json() if over else b"",
            subscription.to_json(),
            "" if cursor is None else cursor,
            state,
            reason,
        ]
        return self._set(subscription.id, arguments, action)

    def remove(self, subscription: Subscription) -> bool:
        """Forget one and its attempts; False when someone changed it meanwhile."""
        return self._set(
            subscription.id, [subscription.id, subscription.to_json(), b"", "", "", ""]
        )[0]

    def claim(self, *, lease_ms: Millis, limit: int, hindered: Millis) -> list[Claim]:
        """Claim up to `limit` that have events to deliver, `hindered` of them failing or slow."""
        answer = self._scripts.claim_subscriptions(
            [keys.DELIVERIES, keys.META, keys.REPLY + uuid4().hex],
            [keys.SUBSCRIPTION, lease_ms, limit, hindered],
        )
        return [Claim(row[0].decode(), int(row[1]), bool(row[2])) for row in answer]

    def record(
        self,
        claim: Claim,
        verdict: str,
        *,
        wait: Millis = Millis(0),
        cursor: int | None = None,
        window: Millis | None = None,
        attempt: Attempt | None = None,
        slow: bool = False,
        reason: str = "",
        action: Action | None = None,
    ) -> tuple[bool, bool]:
        """Record `go on`, `hand on`, `idle`, `later` or `pause`; False first if lost.

        `wait` is when it is due again, in ms from now; with `go on` the lease.
        """
        arguments: list[str | bytes | int] = [
            claim.id,
            claim.fence,
            verdict,
            "" if cursor is None else cursor,
            "" if window is None else window,
            wait,
            "1" if slow else "",
            reason,
            orjson.dumps(asdict(attempt)) if attempt else b"",
            ATTEMPTS_KEPT,
            NOT_FOR_A_COMPANY,
        ]
        recorded, wake = self._scripts.record_delivery(
            [
                keys.SUBSCRIPTION + claim.id,
                keys.DELIVERIES,
                _stream(claim.id, taken=attempt is None or attempt.taken),
                keys.LANE + str(NOT_FOR_A_COMPANY),
                keys.WAITING,
            ],
            arguments + _action_arguments(action),
        )
        return bool(recorded), bool(wake)

    def attempts(
        self, subscription_id: str, limit: int, *, taken: bool | None = None
    ) -> list[Attempt]:
        """Return the latest attempts, the newest first: all, or only those taken, or not taken."""
        found: list[Attempt] = []
        for one in (True, False) if taken is None else (taken,):
            stream = _stream(subscription_id, taken=one)
            entries = self._client.xrevrange(stream, count=limit)
            found += [Attempt(**orjson.loads(fields[b"attempt"])) for _, fields in entries]
        return sorted(found, key=lambda attempt: attempt.at, reverse=True)[:limit]

    def streams(self) -> list[str]:
        """Name the streams of all attempts."""
        ids = [held.subscription.id for held in self.all()]
        return [_stream(one, taken=taken) for one in ids for taken in (True, False)]

    def trim(self, oldest: int) -> int:
        """Drop attempts at events before number `oldest`, which the log has dropped; how many."""
        dropped = 0
        for stream in self.streams():
            entries = self._client.xrange(stream)
            gone = [e for e, f in entries if int(orjson.loads(f[b"attempt"])["last"]) < oldest]
            dropped += self._client.xdel(stream, *gone) if gone else 0
        return dropped

    def may_hint(self) -> bool:
        """Report whether a `deliver` hint is wanted: there are subscriptions, and no hint waits."""
        now = time.monotonic()
        if now - self._looked > POLL_SECONDS:
            self._looked, self._any = now, bool(self._client.zcard(keys.DELIVERIES))
        return self._any and bool(self._scripts.once([keys.DELIVERY_HINTED], [HINT_MS, "1"]))

    def hint_taken(self) -> None:
        """Let new events send a hint again: a worker has begun to claim."""
        self._client.delete(keys.DELIVERY_HINTED)

    def any_due(self, now: Millis, last: int) -> bool:
        """Report whether one has events up to number `last` to deliver and its time has come."""
        due = self._client.zrange(keys.DELIVERIES, "-inf", now, byscore=True)
        with self._client.pipeline(transaction=False) as pipe:
            for subscription_id in due:
                pipe.hget(keys.SUBSCRIPTION + subscription_id.decode(), "cursor")
            return any(int(cursor) < last for cursor in pipe.execute() if cursor is not None)

    def _set(
        self,
        subscription_id: str,
        arguments: list[str | bytes | int],
        action: Action | None = None,
    ) -> tuple[bool, bool]:
        written, wake = self._scripts.set_subscription(
            [
                keys.SUBSCRIPTION + subscription_id,
                keys.DELIVERIES,
                keys.SUBSCRIPTIONS,
                _stream(subscription_id, taken=True),
                keys.LANE + str(NOT_FOR_A_COMPANY),
                keys.WAITING,
                _stream(subscription_id, taken=False),
            ],
            [*arguments, NOT_FOR_A_COMPANY, *_action_arguments(action)],
        )
        return bool(written), bool(wake)

    def _get(self, ids: Iterable[str]) -> list[SubscriptionState]:
        wanted = list(ids)
        with self._client.pipeline(transaction=False) as pipe:
            for subscription_id in wanted:
                pipe.hgetall(keys.SUBSCRIPTION + subscription_id)
                pipe.zscore(keys.DELIVERIES, subscription_id)
            answers = pipe.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return [_held(record, due) for record, due in pairs if record]


def _stream(subscription_id: str, *, taken: bool) -> str:
    """Name the stream of attempts: failures have one of their own, or successes would hide them."""
    return (keys.ATTEMPTS if taken else keys.FAILURES) + subscription_id


def _held(record: dict[bytes, bytes], due: float | None) -> SubscriptionState:
    since, window = record[b"failing_since"], record[b"window"]
    return SubscriptionState(
        subscription=Subscription.from_json(record[b"config"]),
        cursor=int(record[b"cursor"]),
        state=record[b"state"].decode(),
        reason=record.get(b"reason", b"").decode(),
        failures=int(record[b"failures"]),
        failing_since=Millis(int(since)) if since else None,
        window=Millis(int(window)) if window else None,
        due=None if due is None else Millis(int(due)),
        moved=int(record[b"moved"]) if b"moved" in record else None,
    )


def _action_arguments(action: Action | None) -> list[str | bytes | int]:
    if action is None:
        return []
    return [part for pair in action_fields(action).items() for part in pair]
