"""The demo: what `codat-relay demo` does and shows. The command itself is in `cli/commands/`."""
