"""Groups of subcommands that run one of them when none is named."""

import click

HELP = ("-h", "--help")


class _WithDefault(click.Group):
    default = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default in front of options that stand alone."""
        if not args or (args[0].startswith("-") and args[0] not in HELP):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class ListsByDefault(_WithDefault):
    """Takes `companies --status Linked` for `companies list --status Linked`."""

    default = "list"


class RunsByDefault(_WithDefault):
    """Takes `reconcile --preview` for `reconcile run --preview`."""

    default = "run"
