"""The API tokens of this machine: made, kept in a file each, replaced and revoked."""

import socket
from dataclasses import dataclass
from pathlib import Path

from cli.data_dir import Here
from cli.faults import CannotStart
from cli.runner.embedded import make_private, write_private
from relay.settings import Settings
from relay.store import Store
from relay.times import now_ms
from relay.tokens import Token, digest_of, fault_of, new_token

OPERATOR = Token("operator", "operate")
NOBODY_LET_IN = (
    "no API token is valid, so /v1 and /ops/ let nobody in: set RELAY_TOKENS, or make one with"
    " `codat-relay token new operator`"
)


@dataclass(frozen=True)
class Operator:
    """What `up` came to about the operator token: where it lies, and itself if it is new."""

    file: Path | None  # None: others made tokens elsewhere, or RELAY_TOKENS names them
    made: str | None = None
    why: str = ""  # it was made anew


def place_of(here: Here) -> str:
    """Return a name for this data directory that no other one has."""
    return f"{socket.gethostname()}:{ascii(str(here.data_dir.absolute()))[1:-1]}"


def keep_operator(settings: Settings, store: Store, here: Here, *, owns_store: bool) -> Operator:
    """Let the token in the data directory's file in, or make one; what it replaces is revoked.

    None is made where RELAY_TOKENS is set, nor where a store that we share holds tokens that others
    made. A file that was deleted means that its token was given up. Raises CannotStart.
    """
    if settings.relay_tokens:
        return Operator(None)
    kept = here.token()
    if kept is not None:
        if fault := fault_of(kept):
            raise CannotStart(f"{here.token_file} {fault}. Mend it, or delete it to have one made.")
        made = int(here.token_file.stat().st_mtime * 1000)
        place = "" if owns_store else place_of(here)
        owner = store.tokens.owner(digest_of(kept)) or OPERATOR  # its role is what it was made with
        if store.tokens.put(kept, owner, made=made, place=place_of(here), replace=place):
            return Operator(here.token_file)
        why = "The one before was revoked."
    else:
        held = store.tokens.all()
        ours = [one for one in held if owns_store or one.place == place_of(here)]
        if held and not ours:
            return Operator(None)
        why = "Its file was gone, so the one before was revoked." if ours else ""
    return Operator(here.token_file, make(store, here, OPERATOR, everywhere=owns_store), why)


def make(store: Store, here: Here, owner: Token, *, everywhere: bool) -> str:
    """Make a token, write its file, and let it in instead of others of its name; return it.

    Those are revoked, `everywhere` or of this place only. Raises CannotStart.
    """
    token = new_token()
    make_private(here.data_dir)
    write_private(here.file_of(owner.name), token)
    place = place_of(here)
    store.tokens.put(token, owner, made=now_ms(), place=place, replace="" if everywhere else place)
    return token


def drop_files(here: Here, digests: list[str], name: str) -> None:
    """Delete the file of a token that was revoked, if it still holds that one."""
    held = here.token(name)
    if held is not None and digest_of(held) in digests:
        here.file_of(name).unlink(missing_ok=True)


def are_missing(settings: Settings, store: Store) -> bool:
    """Whether nobody can be let in; raises redis.RedisError."""
    return not settings.relay_tokens and not store.tokens.all()
