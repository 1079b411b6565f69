"""API tokens: who one speaks for, what it may do, and how RELAY_TOKENS names them."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from relay.nearest import hint

ROLES = ("view", "operate")
SHORTEST, LONGEST = 16, 512  # characters
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
SENDABLE = re.compile(r"[!-~]+")  # what an Authorization header carries unchanged, in one word


@dataclass(frozen=True)
class Token:
    """Who a bearer token speaks for, and what it may do: `view` or `operate`."""

    name: str
    role: str


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hex, which is all that is kept and compared."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def fault_of(token: str) -> str | None:
    """Return what keeps a text from being a token, without the text; None when nothing does."""
    if not SHORTEST <= len(token) <= LONGEST:
        return f"needs a token of {SHORTEST} to {LONGEST} characters"
    if not SENDABLE.fullmatch(token):
        return "has a token with characters that no header can carry: use visible ASCII"
    return None


def read_tokens(entries: Iterable[str]) -> dict[str, Token]:
    """Return the owner of each token, by its digest, from entries `name:role:token`.

    Raises ValueError with the number of the entry that is wrong, and never with its text. One name
    may have several tokens, so that they can be changed without a break, but only one role.
    """
    owners: dict[str, Token] = {}
    roles: dict[str, str] = {}
    for number, entry in enumerate(entries, 1):
        parts = entry.split(":", 2)
        if len(parts) < 3:
            raise ValueError(f"entry {number} must read name:role:token")
        name, role, token = parts
        if not NAME.fullmatch(name):
            raise ValueError(
                f"entry {number} must read name:role:token, the name of up to 64 letters, digits"
                " and . _ @ -"
            )
        if role not in ROLES:
            raise ValueError(f"entry {number}: the role must be view or operate{hint(role, ROLES)}")
        if fault := fault_of(token):
            raise ValueError(f"entry {number} {fault}")
        if roles.setdefault(name, role) != role:
            raise ValueError(f"entry {number} repeats the name of an earlier one in another role")
        digest = digest_of(token)
        if digest in owners:
            raise ValueError(f"entry {number} repeats the token of an earlier one")
        owners[digest] = Token(name, role)
    return owners
