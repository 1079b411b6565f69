"""See, make, replace and revoke the tokens of the API."""

import sys
from typing import Any

import click

from cli import tokens
from cli.choices import OneOf
from cli.data_dir import DataDir, local_settings
from cli.faults import CannotStart
from cli.output import Columns, as_json, print_json, show_rows
from relay.nearest import hint
from relay.settings import Settings
from relay.store import Store
from relay.times import Millis, iso_from_ms
from relay.tokens import NAME, ROLES, Token, digest_of, read_tokens

ORDER = 170
IN_RELAY_TOKENS = "RELAY_TOKENS"
NOT_VALID = (
    "RELAY_TOKENS is set, and only what it names is valid. Change it there and restart the web"
    " processes, or unset it to use tokens made here."
)
COLUMNS: Columns = {
    "name": lambda row: row["name"],
    "role": lambda row: row["role"],
    "valid": lambda row: row["valid"],
    "fingerprint": lambda row: row["fingerprint"],
    "made": lambda row: row["made"],
    "from": lambda row: row["from"],
}
show = click.option(
    "--show", is_flag=True, help="Print the token even where the output is not a terminal."
)


@click.group()
def token() -> None:
    """See, make, replace and revoke the tokens of the API. Changes hold at once.

    They work on the server itself (REDIS_URL, or the one that `codat-relay up` runs here), so
    nobody needs a token to use them. While RELAY_TOKENS is set, only what it names is valid.
    """


@token.command("list")
@as_json
def list_tokens(*, as_json: bool) -> None:
    """List the tokens there are, and which are valid; never the tokens themselves."""
    settings, store = _open()
    configured = read_tokens(one.get_secret_value() for one in settings.relay_tokens)
    rows = [_row(digest, owner, True, IN_RELAY_TOKENS) for digest, owner in configured.items()]
    rows += [
        _row(one.digest, one.owner, not configured, one.place or "an earlier version", one.made)
        for one in store.tokens.all()
    ]
    if as_json:
        print_json({"tokens": rows})
    else:
        show_rows(rows, COLUMNS, empty=tokens.NOBODY_LET_IN)


@token.command()
@click.argument("name")
@click.option("--role", type=OneOf(ROLES), default="operate", show_default=True)
@show
@as_json
def new(*, name: str, role: str, show: bool, as_json: bool) -> None:
    """Make a token called NAME and keep it in a file of the data directory.

    \b
    Examples:
      codat-relay token new auditor --role view
    """
    if not NAME.fullmatch(name):
        raise CannotStart("A name has up to 64 letters, digits and . _ @ - and begins without -.")
    if name == tokens.OPERATOR.name and role != tokens.OPERATOR.role:
        raise CannotStart(
            f"{name} is the token that `codat-relay up` keeps, of the role {tokens.OPERATOR.role}:"
            f" choose another name for one of the role {role}."
        )
    settings, store = _open()
    _refuse_configured(settings)
    if any(one.owner.name == name for one in store.tokens.all()):
        raise CannotStart(
            f"There is a token called {name}: `codat-relay token rotate {name}` replaces it."
        )
    _hand_out(settings, store, Token(name, role), show=show, as_json=as_json)


@token.command()
@click.argument("name", default=tokens.OPERATOR.name)
@show
@as_json
def rotate(*, name: str, show: bool, as_json: bool) -> None:
    """Replace the token called NAME, `operator` by default; the one before ends at once.

    \b
    Examples:
      codat-relay token rotate auditor
    """
    settings, store = _open()
    _refuse_configured(settings)
    owner = _named(store, name)[0].owner
    _hand_out(settings, store, owner, show=show, as_json=as_json)


@token.command()
@click.argument("name")
def revoke(*, name: str) -> None:
    """End the tokens called NAME at once, with the sessions and streams that they began.

    \b
    Examples:
      codat-relay token revoke auditor
    """
    settings, store = _open()
    configured = read_tokens(one.get_secret_value() for one in settings.relay_tokens)
    if any(owner.name == name for owner in configured.values()):
        raise CannotStart(NOT_VALID)
    digests = [one.digest for one in _named(store, name)]
    store.tokens.revoke(digests)
    tokens.drop_files(DataDir(settings.relay_data_dir), digests, name)
    click.echo(f"Revoked {len(digests)} called {name}.")
    if tokens.are_missing(settings, store):
        click.echo(f"Now {tokens.NOBODY_LET_IN}.", err=True)


def _open() -> tuple[Settings, Store]:
    settings = local_settings()
    return settings, Store.open(settings)


def _refuse_configured(settings: Settings) -> None:
    if settings.relay_tokens:
        raise CannotStart(NOT_VALID)


def _named(store: Store, name: str) -> list[Any]:
    held = store.tokens.all()
    found = [one for one in held if one.owner.name == name]
    if not found:
        known = hint(name, [one.owner.name for one in held])
        raise CannotStart(f"There is no token of this name{known}.")
    return found


def _hand_out(settings: Settings, store: Store, owner: Token, *, show: bool, as_json: bool) -> None:
    data_dir = DataDir(settings.relay_data_dir)
    made = tokens.make(store, data_dir, owner, everywhere=True)
    file = str(data_dir.file_of(owner.name))
    if as_json:
        row = {"name": owner.name, "role": owner.role, "fingerprint": digest_of(made)[:8]}
        print_json({**row, "file": file, **({"token": made} if show else {})})
        return
    if show or sys.stdout.isatty():
        click.echo(made)
    click.echo(f"The token of {owner.name} ({owner.role}) is kept in {file}", err=True)


def _row(digest: str, owner: Token, valid: bool, place: str, made: int = 0) -> dict[str, Any]:
    return {
        "name": owner.name,
        "role": owner.role,
        "valid": valid,
        "fingerprint": digest[:8],
        "made": iso_from_ms(Millis(made)) if made else None,
        "from": place,
    }
