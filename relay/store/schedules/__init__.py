"""Schedules, pauses and the policy in force, with their scripts in `lua/`."""
