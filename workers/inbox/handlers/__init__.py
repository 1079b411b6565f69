"""One file per family of events: short pure functions from company and event to outcome.

A new handler is a new file here with a `router`, and a test file; nothing else is edited.
"""
