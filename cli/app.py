"""The command `codat-relay`: a table of subcommands, each in a file of its own."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any

import click
from redis.exceptions import RedisError

from cli import faults
from cli.interrupts import loading
from relay.files import BadFile
from relay.masking import without_secrets
from relay.nearest import hint
from relay.settings import BadSettings
from relay.store.server.checks import ServerRefused
from relay.store.store import WrongStore

# Name -> module in cli/commands, attribute, one line of help. Loaded when called: a worker should
# not carry a web server.
COMMANDS = {
    "up": ("up", "up", "Start everything on this machine, with a server of its own if need be."),
    "demo": ("demo", "demo", "Play a story of companies linking, against the sandbox."),
    "status": ("status", "status", "Show what waits, what runs and what is stuck."),
    "companies": ("companies", "companies", "List companies, or show one."),
    "events": ("events", "events", "Read the event log, and follow it."),
    "cadence": ("cadence", "cadence", "See, set and preview when companies are synced."),
    "pause": ("pause", "pause", "See and set what is not to be synced for a while."),
    "resume": ("pause", "resume", "End pauses."),
    "journey": ("journey", "journey", "Invite customers to link, and see how far they come."),
    "sync": ("sync", "sync", "Request syncs now, of one company, some or all."),
    "reread": ("reread", "reread", "Read companies from Codat again."),
    "intents": ("intents", "intents", "See what is to be done at Codat, and run it again."),
    "reconcile": ("reconcile", "reconcile", "Compare with Codat's own record, and heal."),
    "replay": ("replay", "replay", "Handle messages that Codat sent once more."),
    "dead": ("dead", "dead", "Look at messages that could not be handled."),
    "webhook": ("webhook", "webhook", "Sign and send webhooks, as Codat does."),
    "token": ("token", "token", "See, make, replace and revoke the tokens of the API."),
    "doctor": ("doctor", "doctor", "Check settings, server, service, Codat and clock."),
    "config": ("config", "config", "Show every setting and where it comes from."),
    "web": ("web", "web", "Serve webhooks and the portal."),
    "worker": ("worker", "worker", "Work on one queue: drain, codat or deliver."),
    "scheduler": ("scheduler", "scheduler", "Run the clock that makes work due."),
    "sandbox": ("sandbox", "sandbox", "Run the sandbox that stands in for Codat."),
}


class Commands(click.Group):
    """A group that loads a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table: what is wanted first comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        with loading():
            command = getattr(importlib.import_module(f"cli.commands.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is refused with the nearest there is."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}{hint(args[0], list(COMMANDS))}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; an expected fault becomes a sentence and an exit code."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a path may have bytes that are no text
                stream.reconfigure(errors="backslashreplace")
        with told():
            return super().invoke(ctx)


@contextmanager
def told() -> Iterator[None]:
    """Say expected faults on stderr and end with their code, without a trace."""
    try:
        yield
    except (
        BadSettings,
        ServerRefused,
        WrongStore,
        faults.CannotStart,
        faults.NotAccepted,
        BadFile,
    ) as error:
        _leave(str(error), faults.WRONG_SETTINGS)
    except faults.Unreachable as error:
        _leave(str(error), faults.UNREACHABLE)
    except RedisError as error:
        _leave(f"The Redis or Valkey server {faults.words_for(error)}", faults.UNREACHABLE)
    except faults.Failed as error:
        _leave(str(error), faults.FAILED)
    except faults.Interrupted as error:
        _leave(str(error), faults.INTERRUPTED)
    except KeyboardInterrupt:
        _leave("Interrupted.", faults.INTERRUPTED)
    except click.Abort:  # a question was not answered with yes
        _leave("Nothing was done.", faults.FAILED)
    except OSError as error:
        if error.filename is None:  # not about a file: click knows a pipe that was closed
            raise
        _leave(f"{error.filename} cannot be used ({error.strerror}).", faults.WRONG_SETTINGS)


def _leave(message: str, code: int) -> None:
    click.echo(without_secrets(message), err=True)
    sys.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("codat-relay"), prog_name="codat-relay")
def main() -> None:
    """Take in Codat's webhooks, keep every company's link status true, sync on a cadence.

    Begin with `codat-relay up`, then `codat-relay demo` in a second terminal. Without a Codat key
    both run against a sandbox that stands in for Codat. Settings come from the environment and
    from .env; `codat-relay config` lists them.

    Exit codes: 0 all of it is done; 1 some of it is not, which is named with the reason; 2 wrong
    settings, usage or values, nothing is done; 3 the service or its server does not answer; 130
    interrupted by Ctrl-C, what goes on is said.
    """
