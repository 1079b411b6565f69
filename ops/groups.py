"""A group of subcommands that lists when none is named."""

import click

DEFAULT = "list"
HELP = ("-h", "--help")


class ListsByDefault(click.Group):
    """Takes `companies --status Linked` for `companies list --status Linked`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` in front of options that stand alone."""
        if not args or (args[0].startswith("-") and args[0] not in HELP):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)
