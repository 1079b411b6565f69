"""Sends the sandbox's webhooks: signed, in the background, again and again until taken."""

import heapq
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count

import requests

from sandbox.config import SandboxConfig
from sandbox.events import Event
from sandbox.journal import Journal
from sandbox.messages import Message, headers, messages_of, new_id
from sandbox.model import Consumer
from sandbox.postage import DeliveryFaults, next_wait

TIMEOUT = 15.0  # Codat: using-the-api/webhooks/create-consumer, an answer within 15 seconds
KEPT = 50_000  # messages that can be sent again
OWN = "configured"  # the id of the endpoint given at start


@dataclass(frozen=True, slots=True, order=True)
class Sending:
    """A message's next attempt; `due` on the monotonic clock."""

    due: float
    order: int
    message: Message = field(compare=False)
    attempt: int = field(compare=False, default=1)


class PostOffice:
    """A bounded pool of threads that delivers messages as Codat's sender does."""

    def __init__(
        self,
        config: SandboxConfig,
        journal: Journal,
        consumers: Callable[[], Iterable[Consumer]] = tuple,
    ) -> None:
        self.config = config
        self.url = config.webhook_url
        self.journal = journal
        self.consumers = consumers
        self.faults = DeliveryFaults()
        self._rng = random.Random(config.seed)  # noqa: S311 - faults to order, no secret
        self._waiting: list[Sending] = []
        self._order = count()
        self._changed = threading.Condition()
        self._messages: OrderedDict[tuple[str, str], Message] = OrderedDict()
        self._busy = 0
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start sending."""
        for number in range(self.config.delivery_threads):
            thread = threading.Thread(target=self._run, name=f"post-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop sending; what waits is lost, as when a machine is switched off."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=1)

    def tell(self, event: Event) -> None:
        """Take an event for every endpoint that wants it."""
        for consumer in self._endpoints():
            if consumer.wants(event.type, event.tags):
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

    @property
    def unfinished(self) -> int:
        """Count the attempts that wait or are under way."""
        with self._changed:
            return len(self._waiting) + self._busy

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until nothing is left to send; False when `seconds` pass first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _endpoints(self) -> list[Consumer]:
        own = [Consumer(OWN, self.url)] if self.url else []
        return own + list(self.consumers())

    def _take(self, message: Message, *, is_silent: bool) -> None:
        with self._changed:
            self._messages[message.endpoint, message.id] = message
            if len(self._messages) > KEPT:
                self._messages.popitem(last=False)
            waits = [] if is_silent else self.faults.waits(self._rng)
            for wait in waits:
                self._push(message, wait)
        if not waits:
            message.taken = False
            self._note(message, 0, None, "dropped")

    def _push(self, message: Message, wait: float, attempt: int = 1) -> None:
        sending = Sending(time.monotonic() + wait, next(self._order), message, attempt)
        heapq.heappush(self._waiting, sending)
        self._changed.notify()

    def _run(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while (sending := self._next()) is not None:
            try:
                self._attempt(session, sending)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _next(self) -> Sending | None:
        with self._changed:
            while not self._stopped:
                wait = self._waiting[0].due - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._waiting)
                self._changed.wait(wait)
            return None

    def _attempt(self, session: requests.Session, sending: Sending) -> None:
        message, attempt = sending.message, sending.attempt
        status, answer = self._post(session, message)
        if status is not None and 200 <= status < 300:
            message.taken = True
            self._note(message, attempt, status, "taken")
            return
        wait = next_wait(attempt, status, legacy=message.is_legacy)
        if answer is not None and message.is_legacy and answer.isdigit() and wait is not None:
            wait = float(answer)
        if wait is None:
            message.taken = bool(message.taken)  # another copy may have been taken
        self._note(message, attempt, status, "given up" if wait is None else "failed")
        if wait is not None:
            with self._changed:
                if not self._stopped:
                    self._push(message, wait / self.config.time_scale, attempt + 1)

    def _post(self, session: requests.Session, message: Message) -> tuple[int | None, str | None]:
        try:
            answer = session.post(
                message.url,
                data=message.body,
                headers=headers(message, self.config, int(time.time())),
                timeout=TIMEOUT,
                allow_redirects=message.is_legacy,
            )
        except requests.RequestException:
            return None, None
        return answer.status_code, answer.headers.get("Retry-After")

    def _note(self, message: Message, attempt: int, status: int | None, outcome: str) -> None:
        self.journal.note(
            "webhook",
            method="POST",
            path=message.url,
            companyId=message.company_id,
            status=status,
            messageId=message.id,
            eventId=message.event_id,
            eventType=message.event_type,
            attempt=attempt,
            outcome=outcome,
        )
