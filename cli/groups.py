"""Groups of subcommands that run one of them when none is named."""

import click

HELP = ("-h", "--help")


class GroupWithDefault(click.Group):
    """Takes `companies --status Linked` for `companies list --status Linked`."""

    default = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default, if there is one, in front of options that stand alone."""
        if self.default and (not args or (args[0].startswith("-") and args[0] not in HELP)):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class ListsByDefault(GroupWithDefault):
    """Runs `list` by default."""

    default = "list"


class RunsByDefault(GroupWithDefault):
    """Runs `run` by default."""

    default = "run"
