"""Bearer tokens: who asks, and whether they may look (`view`) or change things (`operate`)."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import cast

from flask import Flask, g, request
from pydantic import SecretStr

from portal.problems import Refusal
from relay.store import Store
from relay.store.store import Token

GUARDED = "/v1"
LONGEST_TOKEN = 512
READING = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = 'Bearer realm="codat-relay"'


class Tokens:
    """The tokens of the settings and of the store; only hashes are held and compared."""

    def __init__(self, configured: Sequence[SecretStr], store: Store) -> None:
        self._store = store
        self._configured = [_configured(entry.get_secret_value()) for entry in configured]

    def find(self, token: str) -> Token | None:
        """Tell whose token this is, or None; raises redis.RedisError when that cannot be read."""
        return self.holder(_digest(token))

    def holder(self, digest: bytes) -> Token | None:
        """Tell whose the token with this SHA-256 is, as `find` does."""
        found = None
        for held, owner in self._configured:  # all of them: the time taken tells nothing
            if hmac.compare_digest(held, digest):
                found = owner
        return found or self._store.token_of(digest.hex())


def guard(app: Flask, tokens: Tokens) -> None:
    """Let nobody reach anything under /v1 without a token, whichever route it is."""

    @app.before_request
    def let_in() -> None:
        if request.path != GUARDED and not request.path.startswith(GUARDED + "/"):
            return
        g.caller = _caller(tokens)
        if request.method not in READING and g.caller.role != "operate":
            raise Refusal(
                "forbidden",
                "This token may only look. Use one with the role `operate` to change something.",
            )


def caller() -> Token:
    """Give who sent the present request; only for views under /v1."""
    return cast(Token, g.caller)


def presented() -> str:
    """Give the token itself, as the present request sent it; only for views under /v1."""
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _caller(tokens: Tokens) -> Token:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal(
            "unauthorized",
            "Send the header `Authorization: Bearer <token>`.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    found = tokens.find(token) if len(token) <= LONGEST_TOKEN else None
    if found is None:
        raise Refusal(
            "unauthorized",
            "This token is not known here. Ask an operator for one, or look at RELAY_TOKENS.",
            headers={"WWW-Authenticate": CHALLENGE + ', error="invalid_token"'},
        )
    return found


def _configured(entry: str) -> tuple[bytes, Token]:
    name, role, token = entry.split(":", 2)
    return _digest(token), Token(name, role)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
