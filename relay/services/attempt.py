"""One sending of a request that may be sent again, and what is known of the sendings before it."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import orjson

from relay.store.access.requests import Begun, Requests
from relay.times import Millis, now_ms


class Overtaken(Exception):
    """Another sending of the same request goes on with it by now."""


@dataclass(slots=True)
class Attempt:
    """One sending of a request, and what is known of those before it.

    `request_id` names what the request makes, also at Codat. It is the same for each sending, and
    so is `salt`, which is shown to no one. `answer` is that of the first sending, if it was given.
    """

    request_id: str
    salt: str
    began: Millis
    company_id: str | None = None
    tries: int = 0  # at Codat, each under a key of its own
    answer: dict[str, Any] | None = None
    record: tuple[Requests, Begun] | None = None  # None: sent without a key, so nothing is kept

    @property
    def is_kept(self) -> bool:
        """Whether it was sent under a key."""
        return self.record is not None

    @property
    def codat_key(self) -> str | None:
        """The key for Codat's own record of requests."""
        name = f"{self.request_id}:{self.tries}"
        return str(uuid5(NAMESPACE_OID, name)) if self.is_kept else None

    def note(self, **noted: str | int | bytes) -> None:
        """Record how far it has come; raise Overtaken when another sending goes on with it."""
        if self.record is None:
            return
        requests, begun = self.record
        if not requests.note(begun, **noted):
            raise Overtaken

    def end(self, answer: dict[str, Any]) -> None:
        """Record the answer, which must hold no secret."""
        self.note(answer=orjson.dumps(answer))


def new_attempt() -> Attempt:
    """Return an attempt at something that is not sent again."""
    return Attempt(uuid4().hex, secrets.token_urlsafe(16), now_ms())
