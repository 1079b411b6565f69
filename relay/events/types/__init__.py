"""Types of events that no handler logs: those of the fold itself and of the store.

A handler's own types are declared in its file. Types and fields are added, never renamed or
removed. Nothing here does I/O.
"""
