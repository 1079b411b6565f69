"""Lanes, their messages, dead letters and replays, each with its scripts in `lua/`."""
