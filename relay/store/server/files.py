"""Have the server's own files rewritten, so that they hold nothing of what was deleted.

Forgettings are counted. A file is rid of all those that were counted when a rewrite of it began
which has ended well since: a rewrite that was under way already may hold what is gone by now.
"""

import re
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import ResponseError

from relay.store import keys
from relay.store.server.checks import takes_none

log = structlog.get_logger(__name__)


def want_files(client: Redis) -> None:
    """Count a forgetting; sent twice, it only asks for one rewrite more."""
    client.hincrby(keys.FILES, "wanted", 1)


def refused_files(client: Any) -> list[str]:
    """Return which files may still hold what was forgotten, as the server lets us write none."""
    marks = _marks(client)
    return [
        kind for kind in BUSY if _number(marks, f"{kind}_refused") > _number(marks, f"{kind}_done")
    ]


def write_files_anew(client: Any) -> bool:
    """Begin what rewrites are wanted and not under way; True when there is none to wait for."""
    marks = _marks(client)
    wanted = _number(marks, "wanted")
    if all(_number(marks, f"{kind}_done") >= wanted for kind in BUSY):
        return True
    info = {**client.info("server"), **client.info("persistence")}
    # One after the other: a snapshot that waits for the other file looks as if it had ended.
    return all(_step(client, kind, marks, wanted, info) for kind in BUSY)


def _step(client: Any, kind: str, marks: dict[str, str], wanted: int, info: dict[str, Any]) -> bool:
    """Go one step on with the append-only file (`aof`) or the snapshot (`rdb`)."""
    if _number(marks, f"{kind}_done") >= wanted:
        return True
    if not _is_used(client, kind, info):
        client.hset(keys.FILES, f"{kind}_done", wanted)
        return True
    if any(info.get(name) for name in BUSY[kind]):
        return False
    begun, _, server = marks.get(f"{kind}_begun", "0 ").partition(" ")
    if int(begun) >= wanted and server == info["run_id"] and info[ENDED[kind]] == "ok":
        client.hset(keys.FILES, f"{kind}_done", begun)
        log.info("files.written_anew", file=kind)
        return True
    refused = f"{wanted} {info['run_id']} "
    noted = marks.get(f"{kind}_refused", "")
    if noted.startswith(refused) and int(info.get(COUNTED[kind], 0)) > int(noted.split()[-1]):
        client.hset(keys.FILES, f"{kind}_done", wanted)  # the server has rewritten it by itself
        return True
    try:
        if kind == "aof":
            client.bgrewriteaof()
        else:
            client.bgsave(schedule=True)
    except ResponseError as error:
        # It has begun already, has no memory to begin, or is in a state in which it does nothing.
        if re.search("in progress|Can't execute", str(error)) or not takes_none(error):
            return False
        if not noted.startswith(refused):
            log.warning("files.not_written_anew", file=kind, error=str(error)[:200])
            client.hset(keys.FILES, f"{kind}_refused", f"{refused}{info.get(COUNTED[kind], 0)}")
        return True  # not ours to do on this server, at least for now
    client.hset(keys.FILES, f"{kind}_begun", f"{wanted} {info['run_id']}")
    return False


def _marks(client: Any) -> dict[str, str]:
    return {name.decode(): text.decode() for name, text in client.hgetall(keys.FILES).items()}


def _number(marks: dict[str, str], name: str) -> int:
    """Return up to which forgetting a mark speaks: the number that it begins with, else 0."""
    return int(marks.get(name, "0").partition(" ")[0])


BUSY = {
    "aof": ("aof_rewrite_in_progress", "aof_rewrite_scheduled"),
    "rdb": ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"),
}
COUNTED = {"aof": "aof_rewrites", "rdb": "rdb_saves"}  # since the server started; from 7.0 on
ENDED = {"aof": "aof_last_bgrewrite_status", "rdb": "rdb_last_bgsave_status"}


def _is_used(client: Any, kind: str, info: dict[str, Any]) -> bool:
    """Report whether the server has such a file."""
    if kind == "aof":
        return bool(info.get("aof_enabled"))
    try:
        return bool(client.config_get("save").get("save"))
    except ResponseError:
        return True  # a managed server that does not say
