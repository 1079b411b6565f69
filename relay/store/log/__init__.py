"""The event log: read, encoded, trimmed, with its epochs, and its scripts in `lua/`."""
