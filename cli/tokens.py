"""The API tokens of this machine: made, kept in a file each, replaced and revoked."""

import socket
from dataclasses import dataclass
from pathlib import Path

from cli.data_dir import DataDir
from cli.faults import CannotStart
from cli.runner.embedded import make_private, write_private
from relay.settings import Settings
from relay.store import Store
from relay.times import Millis, now_ms
from relay.tokens import Token, digest_of, fault_of, new_token

OPERATOR = Token("operator", "operate")
NOBODY_LET_IN = (
    "no API token is valid, so /v1 and /ops/ let nobody in: set RELAY_TOKENS, or make one with"
    " `codat-relay token new operator`"
)


@dataclass(frozen=True)
class Operator:
    """The operator token after a start: its file, and the token itself if it is new."""

    file: Path | None  # None: others made tokens elsewhere, or RELAY_TOKENS names them
    made: str | None = None
    why: str = ""  # a new one was made


def place_of(data_dir: DataDir) -> str:
    """Return a name for this data directory that no other one has."""
    return f"{socket.gethostname()}:{ascii(str(data_dir.path.absolute()))[1:-1]}"


def keep_operator(
    settings: Settings, store: Store, data_dir: DataDir, *, owns_store: bool
) -> Operator:
    """Make the token in the data directory's file valid, or make one; revoke what it replaces.

    None is made where RELAY_TOKENS is set, nor where a store that we share holds tokens that others
    made. A file that was deleted means that its token was given up. Raises CannotStart.
    """
    if settings.relay_tokens:
        return Operator(None)
    kept = data_dir.token()
    if kept is not None:
        if fault := fault_of(kept):
            raise CannotStart(
                f"{data_dir.token_file} {fault}. Mend it, or delete it to have one made."
            )
        made = int(data_dir.token_file.stat().st_mtime * 1000)
        place = "" if owns_store else place_of(data_dir)
        owner = store.tokens.owner(digest_of(kept)) or OPERATOR  # its role is what it was made with
        if store.tokens.put(
            kept, owner, made=Millis(made), place=place_of(data_dir), replace=place
        ):
            return Operator(data_dir.token_file)
        why = "The one before was revoked."
    else:
        held = store.tokens.all()
        ours = [one for one in held if owns_store or one.place == place_of(data_dir)]
        if held and not ours:
            return Operator(None)
        why = "Its file was gone, so the one before was revoked." if ours else ""
    return Operator(
        data_dir.token_file, make(store, data_dir, OPERATOR, everywhere=owns_store), why
    )


def make(store: Store, data_dir: DataDir, owner: Token, *, everywhere: bool) -> str:
    """Make a token, write its file and return it; others of its name are revoked.

    `everywhere`, or those of this place only. Raises CannotStart.
    """
    token = new_token()
    make_private(data_dir.path)
    write_private(data_dir.file_of(owner.name), token)
    place = place_of(data_dir)
    store.tokens.put(token, owner, made=now_ms(), place=place, replace="" if everywhere else place)
    return token


def drop_files(data_dir: DataDir, digests: list[str], name: str) -> None:
    """Delete the file of a token that was revoked, if it still holds that one."""
    held = data_dir.token(name)
    if held is not None and digest_of(held) in digests:
        data_dir.file_of(name).unlink(missing_ok=True)


def are_missing(settings: Settings, store: Store) -> bool:
    """Whether no token is valid; raises redis.RedisError."""
    return not settings.relay_tokens and not store.tokens.all()
