"""Tokens, sessions and idempotent requests, with their scripts in `lua/`."""
