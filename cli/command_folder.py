"""Commands found by looking: each file of a folder is a command, each folder in it a group."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli.groups import GroupWithDefault
from cli.interrupts import loading
from relay.nearest import hint

COMMANDS = Path(__file__).parent / "commands"
LAST = 1_000  # the place of a file that states no ORDER


class CommandFolder(GroupWithDefault):
    """A group whose commands are the files of a folder of `cli/commands/`.

    The file `set.py` holds the click command `set`; a closing underscore is left out, as in
    `import_.py`. The first line of its docstring is its line of help, and the constant ORDER its
    place in the list. Both are read without loading the file: that waits until it is called.
    """

    def __init__(self, *place: str, default: str = "", **more: Any) -> None:
        """Take the folder's `place` below `cli/commands/`, and which command runs by default."""
        super().__init__(**more)
        self._place = place
        self.default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the list."""
        found = {name: _heading(path) for name, path in self._files().items()}
        return sorted(found, key=lambda name: (found[name][1], name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None for a name that no file has."""
        path = self._files().get(cmd_name)
        if path is None:
            return None
        inner = ".".join((*self._place, path.stem))
        with loading():
            module = importlib.import_module(f"cli.commands.{inner}")
        if path.is_dir():
            default = getattr(module, "DEFAULT", "")
            said = f" Without a subcommand: {default}." if default else ""
            about = _heading(path)[0] + said
            return CommandFolder(*self._place, cmd_name, name=cmd_name, default=default, help=about)
        for command in vars(module).values():
            if isinstance(command, click.Command) and command.name == cmd_name:
                return command
        raise TypeError(f"{path} holds no click command called {cmd_name}")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is refused with the nearest there is."""
        names = self._files()
        if args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}{hint(args[0], list(names))}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        files = self._files()
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, _heading(files[name])[0]) for name in self.list_commands(ctx)]
            )

    def _files(self) -> dict[str, Path]:
        return {
            path.stem.rstrip("_").replace("_", "-"): path
            for path in _commands_in(COMMANDS.joinpath(*self._place))
        }


def _commands_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("_"):
            continue
        if path.suffix == ".py" or (path / "__init__.py").exists():
            yield path


def _heading(path: Path) -> tuple[str, int]:
    """Read a command's line of help and its place from its file."""
    file = path / "__init__.py" if path.is_dir() else path
    tree = ast.parse(file.read_text(encoding="utf-8"))
    order = LAST
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER":
            order = int(ast.literal_eval(node.value))
    return (ast.get_docstring(tree) or "").partition("\n")[0], order
