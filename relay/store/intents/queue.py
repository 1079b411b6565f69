"""What must be done at Codat: durable, named so that a need exists once, claimed and fenced."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis

from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.intents.budget import MAX_CONCURRENT_PER_COMPANY
from relay.store.intents.names import kind_of
from relay.store.scripts import Scripts
from relay.times import Millis

DROP_BATCH = 1000
HINT_MS = 2000  # for which one `perform` hint serves all intents that come meanwhile


class Priority(IntEnum):
    """Whose work goes first when calls are short."""

    LINK = 0  # a customer is waiting
    NOW = 1  # a person asked
    SCHEDULED = 2
    RECONCILE = 3
    LOCAL = 4  # makes no call, so no limit of Codat's concerns it


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An intent to be stored: its name (`kind:company...`), when it is due, and why."""

    name: str
    company_id: str
    priority: Priority
    due: Millis
    cause: str
    args: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> tuple[str | bytes | int, ...]:
        """Return the six arguments that every script takes which stores intents."""
        return (
            self.name,
            self.company_id,
            int(self.priority),
            self.due,
            orjson.dumps(self.args),
            self.cause,
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """A claimed intent. `attempts` counts this one; times are ms since the epoch.

    `tried`: until when earlier attempts may have reached Codat, None when none has.
    `failing_since`: when its present trouble began. `refusals`: how often Codat has refused it.
    """

    name: str
    fence: int
    company_id: str
    attempts: int
    created: Millis
    args: dict[str, Any]
    cause: str
    priority: Priority
    tried: Millis | None = None
    failing_since: Millis | None = None
    refusals: int = 0

    @property
    def kind(self) -> str:
        """The word before the first colon, such as `info` or `sync`."""
        return kind_of(self.name)


class Intents:
    """The intents of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def put(self, intents: Sequence[NewIntent], now: Millis) -> int:
        """Store intents; return how many are due."""
        arguments: list[str | bytes | int] = [keys.INTENT, keys.INTENTS_DUE, now]
        for intent in intents:
            arguments += intent.arguments()
        return int(self._scripts.put_intents([keys.REPLY + uuid4().hex], arguments))

    def claim(
        self, *, now: Millis, lease_ms: Millis, limit: int, priorities: Sequence[Priority]
    ) -> list[Intent]:
        """Claim up to `limit` due intents of these priorities, in that order; times in ms."""
        answer = self._scripts.claim_intents(
            [keys.REPLY + uuid4().hex, keys.SYNCS_WAITING, keys.META],
            [
                keys.INTENT,
                keys.INTENTS_DUE,
                keys.INFLIGHT,
                now,
                lease_ms,
                limit,
                MAX_CONCURRENT_PER_COMPANY,
                int(Priority.SCHEDULED),
                *(int(priority) for priority in priorities),
            ],
        )
        return [_claimed(row) for row in answer or ()]

    def hold(self, names: Sequence[str], lease_ms: Millis) -> list[Intent]:
        """Take those of these that wait out of the workers' hands, to `finish` them at once."""
        answer = self._scripts.hold_intents(
            [keys.REPLY + uuid4().hex, keys.META],
            [keys.INTENT, keys.INTENTS_DUE, lease_ms, *names],
        )
        return [_claimed(row) for row in answer or ()]

    def finish(
        self,
        intent: Intent,
        verdict: str,
        *,
        now: Millis,
        lane: int,
        due: Millis = Millis(0),
        error: str = "",
        expected: bool = False,
        held: bool = False,
        failing_since: Millis | None = None,
        refusals: int = 0,
        priority: Priority | None = None,
        action: Action | None = None,
    ) -> tuple[bool, bool]:
        """Record `done`, `later` (again at `due`) or `dead`, and put the action into its lane.

        Returns whether we still held the intent, and whether the lane needs a hint. `expected`: the
        attempt found a wait that is normal, so it does not count. `held`: Codat asked for the wait,
        so no new request shortens it. `priority`: at which it waits from now on, if not as before.
        """
        arguments: list[str | bytes | int] = [
            intent.name,
            intent.fence,
            verdict,
            now,
            due,
            error,
            lane,
            "expected" if expected else "held" if held else "",
            "" if failing_since is None else failing_since,
            refusals,
            "" if priority is None else int(priority),
            keys.INTENTS_DUE,
        ]
        if action is not None:
            for name, value in action_fields(action).items():
                arguments += (name, value)
        recorded, wake = self._scripts.finish_intent(
            [
                keys.INTENT + intent.name,
                keys.DEAD_INTENTS,
                keys.INFLIGHT + intent.company_id,
                keys.LANE + str(lane),
                keys.WAITING,
                keys.REPLY + uuid4().hex,
            ],
            arguments,
        )
        return bool(recorded), bool(wake)

    def drop_dead(self, before_ms: Millis) -> int:
        """Forget what was given up before then; return how many there were."""
        dropped = 0
        while some := self._scripts.drop_dead(
            [keys.DEAD_INTENTS], [before_ms, keys.INTENT, DROP_BATCH]
        ):
            dropped += int(some)
        return dropped

    def any_due(self, now: Millis, priorities: Sequence[Priority] = tuple(Priority)) -> bool:
        """Report whether some intent of these priorities is due."""
        if Priority.SCHEDULED in priorities and self._client.exists(keys.SYNCS_WAITING):
            return True
        return any(
            self._client.zcount(f"{keys.INTENTS_DUE}{int(priority)}", "-inf", now)
            for priority in priorities
        )

    def may_hint(self) -> bool:
        """Report whether a `perform` hint is wanted: only the first to ask in a while may."""
        return bool(self._scripts.once([keys.HINTED], [HINT_MS, "1"]))

    def may_store(self, what: str, within_ms: Millis) -> bool:
        """Report whether to store what many ask for: only the first in that time may."""
        return bool(self._scripts.once([keys.LEFT + what], [within_ms, "1"]))

    def hint_taken(self) -> None:
        """Let new needs send a hint again: a worker has begun to claim."""
        self._client.delete(keys.HINTED)

    def counts(self) -> dict[str, int]:
        """Return how many intents wait, by priority, and how many were given up."""
        counts = {
            priority.name.lower(): int(self._client.zcard(f"{keys.INTENTS_DUE}{int(priority)}"))
            for priority in Priority
        }
        counts["scheduled"] += int(self._client.hget(keys.META, "syncs_waiting") or 0)
        return counts | {"dead": int(self._client.zcard(keys.DEAD_INTENTS))}

    def dead_among(self, names: Sequence[str]) -> int:
        """Return how many of these were given up."""
        scores = self._client.zmscore(keys.DEAD_INTENTS, list(names)) if names else []
        return sum(score is not None for score in scores)


def _claimed(row: Sequence[Any]) -> Intent:
    name, fence, company_id, attempts, created, args, cause, priority, *trouble = row
    tried, failing_since, refusals = trouble
    return Intent(
        name=_text(name),
        fence=int(fence),
        company_id=_text(company_id),
        attempts=int(attempts),
        created=Millis(int(created)),
        args=orjson.loads(args),
        cause=_text(cause),
        priority=Priority(int(priority)),
        tried=Millis(int(tried)) if tried else None,
        failing_since=Millis(int(failing_since)) if failing_since else None,
        refusals=int(refusals or 0),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
