"""Run a script whose write must be on disk before it is acknowledged."""

from collections.abc import Sequence
from typing import Any

from relay.store.server.guard import Guard, NotDurable

__all__ = ["NotDurable", "durably"]


def durably(
    client: Any,
    guard: Guard,
    script: Any,
    names: Sequence[str],
    arguments: Sequence[Any],
    *,
    anyway: bool = False,
) -> Any:
    """Run a script and return its answer once the write is as safe as it must be.

    `anyway` runs it on a server that is too weak, too. Raises redis.RedisError or NotDurable: then
    it may or may not be made.
    """
    if not anyway:
        guard.demand()
    found = guard.server
    if found.waits:
        with client.pipeline(transaction=False) as pipe:
            script(names, arguments, client=pipe)
            answer = guard.confirmed(pipe)[0]
    else:
        answer = script(names, arguments)
    if not anyway:
        guard.demand()  # again, as the connection may have been made meanwhile, to another server
        if guard.server.must_wait and not found.must_wait:
            guard.settle()
    return answer
