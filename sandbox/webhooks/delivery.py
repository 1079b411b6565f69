"""Sends the sandbox's webhooks: signed, in the background, again and again until taken."""

import heapq
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

import requests

from sandbox.config import SandboxConfig
from sandbox.journal import Journal
from sandbox.webhooks.delivery_faults import DeliveryFaults, next_wait
from sandbox.webhooks.endpoints import Endpoints
from sandbox.webhooks.messages import Message, headers, messages_of, new_id
from sandbox.world.events import Event
from sandbox.world.moments import seconds_until

TIMEOUT = 15.0  # Codat: using-the-api/webhooks/create-consumer, an answer within 15 seconds
MAX_REPLAYABLE = 50_000  # messages and events that can be sent again
REPLAY_MICROS = 14 * 86_400 * 1_000_000  # Codat replays the previous two weeks; microseconds
INSTRUCTION = "webhook-delivery"  # what an answer may say besides its status (Svix)


@dataclass(frozen=True, slots=True, order=True)
class Sending:
    """A message's next attempt; `due` on the sandbox's clock."""

    due: float
    order: int
    message: Message = field(compare=False)
    attempt: int = field(compare=False, default=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said; `status` None when it said nothing."""

    status: int | None = None
    retry_after: str | None = None
    instruction: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the message has been taken."""
        return self.status is not None and 200 <= self.status < 300


class WebhookDelivery:
    """A bounded pool of threads that delivers messages as Codat's sender does."""

    def __init__(
        self, config: SandboxConfig, journal: Journal, clock: Callable[[], float] = time.time
    ) -> None:
        self.config = config
        self.endpoints = Endpoints(config.webhook_url, config.disable_seconds)
        self.authorization = config.legacy_authorization
        self.journal = journal
        self.clock = clock
        self.faults = DeliveryFaults()
        self._waiting: list[Sending] = []
        self._order = count()
        self._changed = threading.Condition()
        self._messages: OrderedDict[tuple[str, str], Message] = OrderedDict()
        self._events: deque[Event] = deque(maxlen=MAX_REPLAYABLE)
        self._under_way: list[Message] = []
        self._stopped = False
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str | None:
        """Where webhooks go besides the registered endpoints."""
        return self.endpoints.url

    @url.setter
    def url(self, url: str | None) -> None:
        self.endpoints.set_own(url)

    def start(self) -> None:
        """Start sending."""
        for number in range(self.config.delivery_threads):
            thread = threading.Thread(target=self._run, name=f"delivery-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop sending; what waits is lost unless `untaken` was kept."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=1)

    def publish(self, event: Event) -> None:
        """Send an event to every endpoint that wants it."""
        self._events.append(event)
        for consumer in self.endpoints.all():
            if not consumer.disabled:
                for message in messages_of(event, consumer, self.config):
                    self._take(message, is_silent=event.is_silent)

    def replay(self, wanted: Callable[[Message], bool], *, new_ids: bool = False) -> int:
        """Send kept messages again, with the same ids unless `new_ids`; say how many."""
        with self._changed:
            chosen = [message for message in self._messages.values() if wanted(message)]
            for message in chosen:
                again = replace(message, id=new_id()) if new_ids else message
                self._push(again, 0.0)
        return len(chosen)

    def replay_missed(self, company_id: str | None = None) -> int:
        """Send what endpoints were never sent, being disabled or not there; say how much.

        Codat: a replay reaches back two weeks.
        """
        since = self.clock() * 1_000_000 - REPLAY_MICROS
        missed = [
            message
            for event in list(self._events)
            if event.micros >= since and company_id in (None, event.company_id)
            for consumer in self.endpoints.all()
            if not consumer.disabled
            for message in messages_of(event, consumer, self.config)
            if (message.endpoint, message.id) not in self._messages
        ]
        for message in missed:
            self._take(message, is_silent=False)
        return len(missed)

    def untaken(self) -> list[Message]:
        """List the messages that are still to be taken."""
        with self._changed:
            return [*self._under_way, *(sending.message for sending in sorted(self._waiting))]

    def resume(self, messages: list[Message]) -> None:
        """Send messages that were still to be taken when a sandbox stopped."""
        with self._changed:
            for message in messages:
                self._messages[message.endpoint, message.id] = message
                self._push(message, 0.0)

    def moved(self) -> None:
        """Look at the clock again: it has been moved."""
        with self._changed:
            self._changed.notify_all()

    def is_sending(self, companies: set[str | None]) -> bool:
        """Whether a message about these companies (None: about none) waits or is under way."""
        with self._changed:
            return any(
                m.company_id in companies
                for m in (*(s.message for s in self._waiting), *self._under_way)
            )

    @property
    def unfinished(self) -> int:
        """Count the attempts that wait or are under way."""
        with self._changed:
            return len(self._waiting) + len(self._under_way)

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until nothing is left to send; False when `seconds` pass first."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._under_way, seconds
            )

    def _take(self, message: Message, *, is_silent: bool) -> None:
        # By the message's own id: what befalls it never depends on what else is sent.
        rng = random.Random(f"{self.config.seed}/{message.id}")  # noqa: S311 - faults to order
        with self._changed:
            self._messages[message.endpoint, message.id] = message
            if len(self._messages) > MAX_REPLAYABLE:
                self._messages.popitem(last=False)
            waits = [] if is_silent or not message.url else self.faults.waits(rng)
            for wait in waits:
                self._push(message, wait)
        if not waits:
            message.taken = False
            self.journal.attempt(message, 0, None, "dropped")

    def _push(self, message: Message, wait: float, attempt: int = 1) -> None:
        due = self.faults.leaves_at(self.clock() + wait)
        heapq.heappush(self._waiting, Sending(due, next(self._order), message, attempt))
        self._changed.notify()

    def _run(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while (sending := self._next()) is not None:
            try:
                self._attempt(session, sending)
            finally:
                with self._changed:
                    self._under_way.remove(sending.message)
                    self._changed.notify_all()

    def _next(self) -> Sending | None:
        with self._changed:
            while not self._stopped:
                wait = self._waiting[0].due - self.clock() if self._waiting else None
                if wait is not None and wait <= 0:
                    sending = heapq.heappop(self._waiting)
                    self._under_way.append(sending.message)
                    return sending
                self._changed.wait(wait)
            return None

    def _attempt(self, session: requests.Session, sending: Sending) -> None:
        message, attempt = sending.message, sending.attempt
        endpoint = self.endpoints.find(message.endpoint)
        if endpoint is None:
            message.taken = bool(message.taken)
            self.journal.attempt(message, attempt, None, "removed")
            return
        answer = Answer() if endpoint.disabled else self._post(session, message)
        if answer.is_good:
            message.taken = True
            self.endpoints.succeeded(message.endpoint)
            self.journal.attempt(message, attempt, answer.status, "taken")
            return
        wait = _next_wait(message, attempt, answer, self.clock())
        if wait is None:
            message.taken = bool(message.taken)  # another copy may have been taken
        outcome = "lost" if endpoint.disabled else "failed"
        self.journal.attempt(
            message, attempt, answer.status, "given up" if wait is None else outcome
        )
        if not endpoint.disabled:
            self.endpoints.failed(message.endpoint, message.id, self.clock())
        if answer.instruction == "disable":
            self.endpoints.disable(message.endpoint)
        if wait is not None:
            with self._changed:
                if not self._stopped:
                    self._push(message, wait / self.config.time_scale, attempt + 1)

    def _post(self, session: requests.Session, message: Message) -> Answer:
        # The machine's own time, wherever the sandbox's clock has been moved to: a receiver
        # refuses signatures that are not of now.
        signed_at = int(time.time())
        try:
            answer = session.post(
                message.url,
                data=message.body,
                headers=headers(message, self.config, signed_at, self.authorization),
                timeout=TIMEOUT,
                allow_redirects=message.is_legacy,
            )
        except requests.RequestException:
            return Answer()
        given = answer.headers
        return Answer(answer.status_code, given.get("Retry-After"), given.get(INSTRUCTION))


def _next_wait(message: Message, attempt: int, answer: Answer, now: float) -> float | None:
    wait = next_wait(attempt, answer.status, legacy=message.is_legacy)
    if wait is None or (answer.instruction == "abort-message" and not message.is_legacy):
        return None
    if message.is_legacy and answer.retry_after:
        asked = seconds_until(answer.retry_after, now)
        return wait if asked is None else asked
    return wait
