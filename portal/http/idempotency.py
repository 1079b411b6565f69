"""Requests that may be sent again under an `Idempotency-Key`: what came of the first is kept."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import orjson
from flask import request
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from portal.http.auth import caller
from portal.http.problems import Refusal
from portal.services import services
from relay.store.access.requests import Begun, State
from relay.store.server.durable import NotDurable
from relay.times import now_ms

AGAIN_SECONDS = 5
SEND_AGAIN = "Send the same again under the same Idempotency-Key: it goes on where it stopped."
UNDER_WAY = f"The first request under this key is not answered yet; try in {AGAIN_SECONDS} seconds."
OTHER = "This Idempotency-Key was used for something else. Make a new key for each new request."
PROBLEMS = ("key-reused", "under-way")
REPEATED = {"Idempotency-Replayed": "true"}
MAY_BE_SENT_AGAIN = (
    "With an `Idempotency-Key` it may be sent again whatever came of it: for 24 hours the same key"
    " with the same body goes on where the first request stopped, or gives its answer"
    " (then with `Idempotency-Replayed: true`). Another body under it is 422, a first request that"
    " is not answered yet 409 with `Retry-After`."
)


class Key(BaseModel):
    """The key under which a request may be sent again."""

    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            pattern="^[!-~]{1,255}$",
            description="Up to 255 visible characters of your own, such as a UUID.",
        ),
    ] = None


@dataclass(slots=True)
class Attempt:
    """One sending of a request, and what is known of those before it.

    `mark` names what the request makes, at Codat too; the same for each sending, as is `salt`,
    which is told to nobody. `answer` is that of the first, if it was given.
    """

    mark: str
    salt: str
    began: int  # ms since the epoch
    company_id: str | None = None
    tries: int = 0  # at Codat, each under a key of its own
    answer: dict[str, Any] | None = None
    begun: Begun | None = None  # None: sent without a key, so nothing is kept

    @property
    def is_kept(self) -> bool:
        """Whether it was sent under a key."""
        return self.begun is not None

    @property
    def codat_key(self) -> str | None:
        """The key for Codat's own record of requests."""
        return str(uuid5(NAMESPACE_OID, f"{self.mark}:{self.tries}")) if self.is_kept else None

    def note(self, **noted: str | int | bytes) -> None:
        """Keep how far it has come; raises Refusal when another sending goes on with it by now."""
        if self.begun is not None and not services().store.requests.note(self.begun, **noted):
            raise Refusal("under-way", UNDER_WAY, retry_after=AGAIN_SECONDS)

    def end(self, answer: dict[str, Any]) -> None:
        """Keep the answer, which must hold no secret."""
        self.note(answer=orjson.dumps(answer))


def attempt() -> Attempt:
    """Give an attempt at something that is not sent again."""
    return Attempt(uuid4().hex, secrets.token_urlsafe(16), now_ms())


@contextmanager
def once(key: str | None, body: BaseModel) -> Iterator[Attempt]:
    """Do what the body asks for once, however often it is sent under the key.

    Raises Refusal when the key is in use or was used for something else. What fails inside lets
    the next sending go on at once.
    """
    if key is None:
        yield attempt()
        return
    fresh = attempt()
    facts = {"mark": fresh.mark, "salt": fresh.salt, "began": fresh.began}
    store, asked = services().store.requests, f"{request.path}\n{body.model_dump_json()}"
    begun = store.begin(caller().name, key, hashlib.sha256(asked.encode()).hexdigest(), facts)
    if begun.state is State.OTHER:
        raise Refusal("key-reused", OTHER)
    if begun.state is State.RUNNING:
        raise Refusal("under-way", UNDER_WAY, retry_after=AGAIN_SECONDS)
    held = Attempt(**(begun.facts or facts), company_id=begun.company_id, tries=begun.tries)
    if begun.state is State.DONE:
        held.answer = orjson.loads(begun.answer or b"{}")
        yield held
        return
    held.begun = begun
    try:
        yield held
    except Refusal as refusal:
        if refusal.kind in ("codat-unavailable", "store-away"):
            refusal.detail = SEND_AGAIN
        raise
    finally:
        with suppress(RedisError, NotDurable):  # then it takes until the first's time is over
            store.note(begun, until=0)
