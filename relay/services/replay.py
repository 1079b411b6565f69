"""Replay kept messages: count what a filter takes, begin a replay, abort and continue it."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from relay.inbox.replay_filter import MessageFilter
from relay.queues import Hints
from relay.services.errors import Conflict, NotFound
from relay.store import Store
from relay.store.inbox.dead_letters import Place
from relay.store.inbox.messages import read_id
from relay.store.inbox.replays import Replay

COUNT_LIMIT = 20_000  # messages counted before a replay begins, which takes about a second
SCAN_LIMIT = 100_000  # messages looked at, where few fit
MAX_SHOWN = 500  # characters of the ids of messages that cannot be replayed
SOME_LACK = "Of these messages some are not kept, wait to be handled, or do not fit"
NOTHING_FITS = "No kept message fits."
ALL_QUEUED = "All its messages are queued already."


@dataclass(frozen=True, slots=True)
class Selection:
    """The messages that a replay would take, counted by type and by company."""

    wanted: MessageFilter
    types: Counter[str]
    companies: Counter[str]  # "" for messages of no company
    has_more: bool  # more were there than are counted

    @property
    def total(self) -> int:
        """How many messages were counted."""
        return self.types.total()


def select(store: Store, wanted: MessageFilter) -> Selection:
    """Count the messages that a replay would take; raise NotFound or redis.RedisError."""
    missing: dict[Place | None, str] = {read_id(one): one for one in wanted.ids}
    types: Counter[str] = Counter()
    companies: Counter[str] = Counter()
    messages = store.messages.walk(wanted, None)
    for kept, is_taken in islice(messages, SCAN_LIMIT):
        if is_taken:
            types[kept.message.type] += 1
            companies[kept.message.company_id or ""] += 1
            missing.pop(kept.place, None)
        if types.total() == COUNT_LIMIT:
            break
    has_more = next(messages, None) is not None
    if types and missing:
        raise NotFound(f"{SOME_LACK}: {', '.join(missing.values())[:MAX_SHOWN]}.")
    return Selection(wanted, types, companies, has_more)


def begin_replay(store: Store, hints: Hints, selection: Selection, by: str) -> Replay:
    """Begin a replay of these messages; raise NotFound or redis.RedisError."""
    if not selection.types and not selection.has_more:
        raise NotFound(NOTHING_FITS)
    begun = store.replays.begin(
        selection.wanted, total=selection.total, counted=not selection.has_more, by=by
    )
    hints.replay(begun.id)
    return begun


def abort_replay(store: Store, replay_id: str) -> None:
    """Queue no more messages of a known replay; raise Conflict or redis.RedisError."""
    if not store.replays.turn(replay_id, "aborted"):
        raise Conflict(ALL_QUEUED)


def continue_replay(store: Store, hints: Hints, replay_id: str) -> None:
    """Go on with an aborted replay where it stopped; raise Conflict or redis.RedisError."""
    if not store.replays.turn(replay_id, "running"):
        raise Conflict(ALL_QUEUED)
    hints.replay(replay_id)
