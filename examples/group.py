"""Read the log inside your network, as a Redis consumer group: `group.py REDIS_URL NAME`.

Killed anywhere and started again under the same name, it first gets what it had not finished.
Several names share the work. A missing number is an event whose company was forgotten. After
`log.reset` numbers may come again for other events.
"""

import sys
from contextlib import suppress
from typing import NoReturn

import redis

LOG, GROUP = "{relay}:log", "books"


def refuse(why: str) -> NoReturn:
    """Exit with the reason why this cannot start."""
    print(why, file=sys.stderr)
    sys.exit(2)


def main(url: str, name: str) -> None:
    """Print each event, as one member of the group."""
    server = redis.Redis.from_url(url)
    with suppress(redis.ResponseError):  # the group is there already
        server.xgroup_create(LOG, GROUP, "0", mkstream=True)
    position = "0"  # what we were given and never acknowledged; then ">", what is new
    while True:
        answer = server.xreadgroup(GROUP, name, {LOG: position}, count=100, block=5000)
        entries = answer[0][1] if answer else []
        position = position if entries else ">"
        for entry, fields in entries:
            if fields:  # the work: it may come twice after a kill, so compare the number
                kind = fields.get(b"type", b"damaged").decode(errors="replace")
                print(entry.decode().split("-")[0], kind, flush=True)
            server.xack(LOG, GROUP, entry)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        refuse(f"{__doc__}")
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        refuse(f"REDIS_URL cannot be used: {error}")
    except redis.RedisError as error:
        sys.exit(f"The server does not answer as it should: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
