"""The subcommands of `codat-relay`, a file by subject."""
