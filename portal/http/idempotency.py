"""Requests that may be sent again under an `Idempotency-Key`: what came of the first is kept."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import orjson
from flask import request
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from portal.http.auth import caller
from portal.http.problems import Refusal
from portal.services import services
from relay.services.attempt import Attempt, Overtaken, new_attempt
from relay.store.access.requests import State
from relay.store.server.durable import NotDurable

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


@contextmanager
def once(key: str | None, body: BaseModel) -> Iterator[Attempt]:
    """Do what the body asks for once, however often it is sent under the key.

    Raise Refusal when the key is in use or was used for something else. After an error in the
    block the next sending goes on at once.
    """
    if key is None:
        yield new_attempt()
        return
    fresh = new_attempt()
    facts: dict[str, Any] = {"mark": fresh.request_id, "salt": fresh.salt, "began": fresh.began}
    store, asked = services().store.requests, f"{request.path}\n{body.model_dump_json()}"
    begun = store.begin(caller().name, key, hashlib.sha256(asked.encode()).hexdigest(), facts)
    if begun.state is State.OTHER:
        raise Refusal("key-reused", OTHER)
    if begun.state is State.RUNNING:
        raise _under_way()
    facts = begun.facts or facts
    held = Attempt(
        facts["mark"],
        facts["salt"],
        facts["began"],
        company_id=begun.company_id,
        tries=begun.tries,
    )
    if begun.state is State.DONE:
        held.answer = orjson.loads(begun.answer or b"{}")
        yield held
        return
    held.record = (store, begun)
    try:
        yield held
    except Overtaken as error:
        raise _under_way() from error
    except Refusal as refusal:
        if refusal.kind in ("codat-unavailable", "store-away"):
            refusal.detail = SEND_AGAIN
        raise
    finally:
        # If this fails, the next sending waits until this one's time is over.
        with suppress(RedisError, NotDurable):
            store.note(begun, until=0)


def _under_way() -> Refusal:
    return Refusal("under-way", UNDER_WAY, retry_after=AGAIN_SECONDS)
