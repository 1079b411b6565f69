"""The command `codat-relay`, also by `python -m ops`: loads the rest, and can be told to stop."""

from ops.interrupts import loading


def main() -> None:
    """Run the command line; Ctrl-C ends it without a trace, also while it is being loaded."""
    with loading():
        from ops.cli import main as commands  # noqa: PLC0415 (takes a second)

    commands(prog_name="codat-relay")


if __name__ == "__main__":
    main()
