"""Everything kept in Redis: each write that matters is one Lua script that is safe to send twice.

The scripts stand in `lua/`, one file each, with a head that names keys, arguments, answer and the
reason why a resend is harmless. Nobody outside this package spells a key.
"""

from relay.store.store import Store

__all__ = ["Store"]
