"""Every type of event the log may hold: what it means, when it is published, what it holds.

A file per family, each with its `EVENT_TYPES`; a new type is an entry here and nothing else. Types
and fields are added, never renamed or removed. Nothing here does I/O.
"""
