"""The command `codat-relay`, also by `python -m cli`: loads the rest, and takes Ctrl-C."""

from cli.interrupts import ending, loading


def main() -> None:
    """Run the command line; Ctrl-C ends it without a trace, also while it is loaded or ends."""
    with loading():
        from cli.app import main as commands  # noqa: PLC0415 (takes a second)

    with ending():
        commands(prog_name="codat-relay")


if __name__ == "__main__":
    main()
