"""Where the store holds data of a company, besides the log: what `Erasure` deletes."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from redis import Redis

from relay.companies.company import Company, NameSource
from relay.inbox.message import MALFORMED
from relay.store import keys
from relay.store.intents.queue import Priority
from relay.store.scripts import Scripts
from relay.syncs.pause import Pause, Scope

SCAN_COUNT = 2000  # keys or members per round trip
SCAN_LIMIT = 500  # entries of a stream per call; about five milliseconds of the server
KEPT_TYPES = ("relay.company_forgotten", "company.forgotten")  # the lines that stay


# Fields of Codat's company info that point to one business, by themselves.
TELLING = frozenset(("companyName", "companyLegalName", "registrationNumber", "taxNumber", "line1"))
MIN_WORD_LENGTH = 5  # letters of a word that is looked for


class Trace(NamedTuple):
    """One thing to drop: by this command from this key, or the key whole if there is no member."""

    command: str
    key: str
    member: bytes | str = b""


def mentions(
    scripts: Scripts, stream: str, company_id: str, places: dict[str, str]
) -> Iterator[bytes]:
    """Find the entries of a stream that name a company, except those that say it was forgotten.

    Looks at those after the stream's place, and moves the place on.
    """
    more = True
    while more:
        start = places.get(stream, "-")
        last, more, found = scripts.find_mentions(
            [stream], [company_id, start, SCAN_LIMIT, *KEPT_TYPES]
        )
        yield from found
        if last:
            places[stream] = f"({last.decode()}"


def words_of(company: Company) -> set[str]:
    """Return what is known to point to a company besides its id: names, numbers, addresses."""
    found = {company.name} if company.name_source is not NameSource.PLACEHOLDER else set()

    def look(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for inner_name, inner in value.items():
                look(inner, inner_name)
        elif isinstance(value, list):
            for inner in value:
                look(inner, name)
        elif isinstance(value, str) and name in TELLING:
            found.add(value)

    look(company.info)
    look(company.expected)
    return {word.strip().lower() for word in found if len(word.strip()) >= MIN_WORD_LENGTH}


def nameless(client: Any, streams: Sequence[str], words: Sequence[str]) -> Iterator[Trace]:
    """Find messages that could not be read, so name no company's id, but show a word of it."""
    for stream in streams if words else ():
        start = "-"
        while entries := client.xrange(stream, start, "+", SCAN_LIMIT):
            for entry, fields in entries:
                unread = fields.get(b"type") == MALFORMED.encode() and not fields.get(b"company")
                if unread and shows(fields.get(b"body", b""), words):
                    yield Trace("XDEL", stream, entry)
            start = f"({entries[-1][0].decode()}"


def answers(
    client: Any, streams: Sequence[str], words: Sequence[str], numbers: Sequence[int]
) -> Iterator[Trace]:
    """Find deliveries of these events, or whose kept answer shows such a word."""
    told = set(numbers)
    for stream in streams:
        for entry, fields in client.xrange(stream):
            attempt = orjson.loads(fields[b"attempt"])
            first, last = int(attempt["first"]), int(attempt["last"])
            if not told.isdisjoint(range(first, last + 1)) or shows(fields[b"attempt"], words):
                yield Trace("XDEL", stream, entry)


def shows(raw: bytes, words: Sequence[str]) -> bool:
    """Report whether a text has one of these words (in small letters), also escaped for JSON."""
    text = raw.decode(errors="replace").lower()
    forms = {form for word in words for form in (word, json.dumps(word)[1:-1].lower())}
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms)


def traces(client: Redis, company_id: str) -> Iterator[Trace]:
    """Find its keys, its members of what all companies share, and records that name it."""
    shared = [keys.COMPANIES, keys.SCHEDULES_DUE, keys.DEAD_INTENTS]
    shared += [f"{keys.INTENTS_DUE}{int(priority)}" for priority in Priority]
    for raw in client.scan_iter(match=keys.TAG + "*", count=SCAN_COUNT):
        key = raw.decode(errors="replace")
        if key.startswith(keys.TIMELINE):
            continue  # what it lists goes with the log, and leads to the line that stays
        if company_id in key.lower():
            yield Trace("DEL", key)
        elif key.startswith((keys.PARKED, keys.RECONCILE_SEEN)):
            shared.append(key)
        else:
            yield from _record(client, key, company_id.encode())
    yield from _pauses(client, company_id)
    for name, _ in client.hscan_iter(keys.HELD_BACK, match=f"*{company_id}*", count=SCAN_COUNT):
        yield Trace("HDEL", keys.HELD_BACK, name)
    for key in shared:
        for member, _ in client.zscan_iter(key, match=f"*{company_id}*", count=SCAN_COUNT):
            yield Trace("ZREM", key, member)


def _record(client: Any, key: str, company_id: bytes) -> Iterator[Trace]:
    """Drop a record that names the company, and what leads to it."""
    if key.startswith(keys.REPLY):
        if company_id in (client.get(key) or b""):
            yield Trace("DEL", key)
        return
    if key.startswith(keys.REQUEST):
        if any(company_id in value for value in client.hvals(key)):
            yield Trace("DEL", key)
        return
    for prefix, index in (
        (keys.JOURNEY, keys.JOURNEYS),
        (keys.REPLAY, keys.REPLAYS),
        (keys.RECONCILE, keys.RECONCILES),
    ):
        if not key.startswith(prefix):
            continue
        held = client.hgetall(key)
        if not any(company_id in value for value in held.values()):
            continue
        # A run that goes on moves past the company, unless it was asked for of it by name.
        goes_on = prefix == keys.RECONCILE and not held.get(b"finished")
        if goes_on and company_id not in held.get(b"chosen", b""):
            continue
        name = key.removeprefix(prefix)
        yield from (Trace("DEL", key), Trace("ZREM", index, name))
        if prefix == keys.JOURNEY:
            yield Trace("ZREM", keys.JOURNEYS_OPEN, name)
            token = orjson.loads(held[b"state"])["token_hash"]
            yield Trace("HDEL", keys.JOURNEY_TOKENS, token)
        if prefix == keys.REPLAY:
            yield Trace("SREM", keys.REPLAYS_RUNNING, name)


def _pauses(client: Any, company_id: str) -> Iterator[Trace]:
    """Drop pauses of this company alone, with what they hold back."""
    for name, raw in client.hgetall(keys.PAUSES).items():
        pause = Pause.from_json(raw)
        if pause.scope is Scope.COMPANY and pause.value.lower() == company_id:
            yield Trace("HDEL", keys.PAUSES, name)
            yield Trace("DEL", keys.PARKED + pause.id)
