"""The command `codat-relay`: its commands are the files of `cli/commands/`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any

import click
from redis.exceptions import RedisError

from cli import faults
from cli.command_folder import CommandFolder
from relay.files import BadFile
from relay.masking import without_secrets
from relay.settings import BadSettings
from relay.store.server.checks import ServerRefused
from relay.store.store import WrongStore


class CommandLine(CommandFolder):
    """All commands; an expected fault of one becomes a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a path may have bytes that are no text
                stream.reconfigure(errors="backslashreplace")
        with faults_explained():
            return super().invoke(ctx)


@contextmanager
def faults_explained() -> Iterator[None]:
    """Print expected faults on stderr and exit with their code, without a trace."""
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
        _exit(str(error), faults.WRONG_SETTINGS)
    except faults.Unreachable as error:
        _exit(str(error), faults.UNREACHABLE)
    except RedisError as error:
        _exit(f"The Redis or Valkey server {faults.words_for(error)}", faults.UNREACHABLE)
    except faults.Failed as error:
        _exit(str(error), faults.FAILED)
    except faults.Interrupted as error:
        _exit(str(error), faults.INTERRUPTED)
    except KeyboardInterrupt:
        _exit("Interrupted.", faults.INTERRUPTED)
    except click.Abort:  # a question was not answered with yes
        _exit("Nothing was done.", faults.FAILED)
    except OSError as error:
        if error.filename is None:  # not about a file: click knows a pipe that was closed
            raise
        _exit(f"{error.filename} cannot be used ({error.strerror}).", faults.WRONG_SETTINGS)


def _exit(message: str, code: int) -> None:
    click.echo(without_secrets(message), err=True)
    sys.exit(code)


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
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
