"""Lets `python -m ops` stand for `codat-relay`."""

from ops.cli import main

if __name__ == "__main__":
    main()
