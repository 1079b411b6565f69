"""Commands: read from the command line itself, with options and examples."""

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from cli.app import main as command_line
from docs.generated.markdown import note, table

EXAMPLES = "Examples:"
EVERYWHERE = {"as_json", "url", "token", "help"}  # options explained once


def page() -> Iterator[str]:
    """Yield the page's lines."""
    yield "# Commands"
    yield note("`cli/commands/`")
    yield """
After `make install` the command is `.venv/bin/codat-relay`. Every command has `--help`. Those that
speak with a running service take these options too:

| Option | Meaning |
| --- | --- |
| `--url` | the service's address; otherwise `RELAY_PUBLIC_URL`, otherwise this machine's |
| `--token` | the API token; otherwise `RELAY_TOKEN`, `RELAY_TOKENS` or the data directory's |
| `--json` | print JSON |

Exit codes are explained in [Operate the service](operating.md#exit-codes).
"""
    context = click.Context(command_line, info_name="codat-relay")
    found = [
        (name, command_line.get_command(context, name))
        for name in command_line.list_commands(context)
    ]
    tops = [(name, command) for name, command in found if command is not None]
    yield from table(
        ("Command", "Does"),
        [(f"[{name}](#codat-relay-{name})", _summary(command)) for name, command in tops],
    )
    for name, command in tops:
        yield from _command(click.Context(command, context, name), 2)


def _summary(command: click.Command) -> str:
    return (command.help or "").split("\n\n")[0]


def _command(context: click.Context, level: int) -> Iterator[str]:
    command = context.command
    yield f"{'#' * level} {context.command_path}\n"
    about, _, examples = cleandoc(command.help or "").replace("\b\n", "").partition(EXAMPLES)
    yield about.strip() + "\n"
    if not isinstance(command, click.Group):
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"```\n{context.command_path} {pieces}\n```\n".replace("[OPTIONS]", "[options]")
    own = [
        option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in EVERYWHERE
    ]
    if own:
        yield from table(("Option", "Meaning"), [_option(option, context) for option in own])
    if examples:
        lines = [line.strip() for line in examples.strip().splitlines()]
        yield "```sh\n" + "\n".join(lines) + "\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(click.Context(inner, context, name), level + 1)


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in option.opts)
    record = option.get_help_record(context)
    meaning = record[1] if record else ""
    if isinstance(option.type, click.Choice):
        meaning = f"{meaning} One of {', '.join(f'`{one}`' for one in option.type.choices)}."
    meaning = re.sub(r"(-?\d+)<=x<=(\d+)", r"\1 to \2", meaning)
    meaning = re.sub(r"x>=(\d+)", r"at least \1", meaning)
    return names, meaning.replace("<", "\\<")
