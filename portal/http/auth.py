"""Bearer tokens: who asks, and whether they may look (`view`) or change things (`operate`)."""

import hmac
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from flask import Flask, g, request
from pydantic import SecretStr
from redis.exceptions import RedisError

from portal.http.problems import Refusal
from relay.store import Store
from relay.tokens import LONGEST, Token, digest_of, read_tokens

GUARDED = "/v1"
CHECK_INTERVAL = 1.0  # seconds between looks whether a token is valid still
MAX_CACHED = 10_000
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = 'Bearer realm="codat-relay"'
NOT_KNOWN = (
    "This token is not known here. Ask your operator for one; `codat-relay token list`"
    " names those there are."
)


class Tokens:
    """The tokens that are valid: those of RELAY_TOKENS, and only without any, those of the store.

    Only hashes are held and compared. A token that is revoked in the store is refused from the next
    request on, in every process.
    """

    def __init__(self, configured: Sequence[SecretStr], store: Store) -> None:
        self._store = store
        entries = [entry.get_secret_value() for entry in configured]
        self._configured = read_tokens(entries)
        self._lately: dict[str, tuple[float, bool]] = {}

    def find(self, token: str) -> Token | None:
        """Return whose token this is, or None; raise redis.RedisError when it cannot be read."""
        return self.holder(digest_of(token))

    def holder(self, digest: str) -> Token | None:
        """Return whose the token with this SHA-256 (hex) is, as `find` does."""
        if not self._configured:
            return self._store.tokens.owner(digest)
        found = None
        for (
            held,
            owner,
        ) in self._configured.items():  # all of them, so that the time taken shows nothing
            if hmac.compare_digest(held, digest):
                found = owner
        return found

    def is_valid_still(self, digest: str, now: Callable[[], float] = time.monotonic) -> bool:
        """Return whether a token that was let in is valid, looked up once a second for all who ask.

        For what goes on for long under one token. While the store is away, as it was last.
        """
        looked, valid = self._lately.get(digest, (-math.inf, True))
        if now() - looked < CHECK_INTERVAL:
            return valid
        with suppress(RedisError):
            valid = self.holder(digest) is not None
        if len(self._lately) > MAX_CACHED:
            self._lately.clear()
        self._lately[digest] = now(), valid
        return valid


def is_guarded(path: str) -> bool:
    """Return whether what is at this path needs a token, and refuses by problem details."""
    return path == GUARDED or path.startswith(GUARDED + "/")


def guard(app: Flask, tokens: Callable[[], Tokens]) -> None:
    """Refuse every request under /v1 without a valid token, for all routes."""

    @app.before_request
    def let_in() -> None:
        if not is_guarded(request.path):
            return
        g.caller = _caller(tokens())
        if request.method not in READ_METHODS and g.caller.role != "operate":
            raise Refusal(
                "forbidden",
                "This token may only look. Use one with the role `operate` to change something.",
            )


def caller() -> Token:
    """Return who sent the present request; only for views under /v1."""
    return cast(Token, g.caller)


def presented() -> str:
    """Return the token itself, as the present request sent it; only for views under /v1."""
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def refuse_revoked(tokens: Tokens) -> None:
    """Raise Refusal when the token of the present request was revoked while it waited."""
    if tokens.find(presented()) is None:
        raise _unknown()


def _caller(tokens: Tokens) -> Token:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal(
            "unauthorized",
            "Send the header `Authorization: Bearer <token>`.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    found = tokens.find(token) if len(token) <= LONGEST else None
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refusal:
    return Refusal(
        "unauthorized",
        NOT_KNOWN,
        headers={"WWW-Authenticate": CHALLENGE + ', error="invalid_token"'},
    )
