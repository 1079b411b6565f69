"""Run a script whose write must be on disk before anyone is told that it was made."""

from collections.abc import Sequence
from typing import Any

from relay.store.server import WAITAOF_MS, Server


class NotDurable(Exception):
    """The server did not confirm in time that a write is on disk; it may be, so send it again."""


def durably(
    client: Any, server: Server, script: Any, names: Sequence[str], arguments: Sequence[Any]
) -> Any:
    """Run a script and give its answer once the write is as safe as the server is to make it.

    Raises redis.RedisError or NotDurable: then it may or may not be made.
    """
    if not server.must_wait:
        return script(names, arguments)
    with client.pipeline(transaction=False) as pipe:
        script(names, arguments, client=pipe)
        # WAITAOF speaks for the writes of its own connection only, so it rides behind.
        pipe.execute_command("WAITAOF", 1, server.replicas, WAITAOF_MS)
        answer, (local, replicas) = pipe.execute()
    if local < 1 or replicas < server.replicas:
        raise NotDurable("the server did not confirm the write to disk in time")
    return answer
