"""The lanes: take messages in once, lease a lane, read it, and commit what it came to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from zlib import crc32

from redis import Redis

from codat.webhook import Quota
from relay.inbox.message import Message
from relay.inbox.replay_filter import Tally
from relay.store import keys
from relay.store.companies.packed import pack
from relay.store.intents.queue import NewIntent
from relay.store.scripts import Scripts
from relay.store.server.durable import durably
from relay.store.server.guard import Guard
from relay.times import Micros, Millis

DAY_MS = 86_400_000
MAX_LEASE_MS = 60_000  # no drain asks for more; what ends later is of a wrong clock
SCAN_LIMIT = 500  # entries read at a time
COUNTED_MS = 60_000  # in which a count is known again that was sent twice
AHEAD_SECONDS = 60  # by which an id is ahead that the clock has given while it was wrong
REPLACED = "\ufffd"  # in an id: it was no text when it was read
NOT_FOR_A_COMPANY = 0  # the lane of events that name no company


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one message: its entry, whether it was known, whether to hint its lane."""

    duplicate: bool
    entry: str
    lane: int
    wake: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one lane for a while; `fence` rises with each new holder."""

    lane: int
    fence: int
    cursor: str
    owner: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is put into the log, which gives it its number."""

    type: str
    source: str
    subject: str
    time: Micros
    cause: str
    data: bytes  # JSON


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled, and why."""

    message: Message
    lane: int
    reason: str


@dataclass(slots=True)
class Batch:
    """What a run of messages came to, to be committed whole."""

    states: dict[str, bytes] = field(default_factory=dict)  # company id -> JSON
    events: list[Event] = field(default_factory=list)
    needs: list[NewIntent] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    hold_until: Millis | None = None  # ms; 0 lifts a hold, as a new day of Codat's began
    quota: Quota | None = None  # what Codat said of that day
    limits_at: Millis = Millis(0)  # ms: when Codat said that, or without a date when we received it
    limits_said: Millis | None = None  # ms: when it last said anything of its limits with a date
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (key, field) -> more
    marks: dict[str, Millis] = field(default_factory=dict)  # field of the counters -> when
    replays: dict[str, Tally] = field(default_factory=dict)  # replay id -> what came of it


@dataclass(frozen=True, slots=True)
class Committed:
    """The log's last number after a commit, and how many intents are now due."""

    log_seq: int
    intents: int


class Inbox:
    """The lanes of one store."""

    def __init__(
        self, client: Redis, scripts: Scripts, guard: Guard, lanes: int, dedupe_days: int
    ) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._guard = guard
        self._remember_ms = dedupe_days * DAY_MS
        self.lanes = lanes

    def lane_of(self, company_id: str | None) -> int:
        """Return the lane on which all of a company's messages are handled, one after another."""
        if company_id is None:
            return NOT_FOR_A_COMPANY
        return crc32(company_id.encode()) % self.lanes

    def ingest(
        self,
        event_key: str,
        company_id: str | None,
        fields: Mapping[str, str | bytes],
        *,
        older_key: str | None = None,
        anyway: bool = False,
    ) -> Ingested:
        """Store a message unless its event is known, and return once it is on disk.

        `older_key`: by what an older version of ours knew it, which did not look at its body.
        `anyway` stores it on a server that is too weak, too. Raises redis.RedisError or
        NotDurable: then it may or may not be stored, and sending it again is safe.
        """
        lane = self.lane_of(company_id)
        arguments: list[str | bytes | int] = [uuid4().hex, self._remember_ms, lane]
        for name, value in fields.items():
            arguments += (name, value)
        names = [keys.SEEN + event_key, keys.LANE + str(lane), keys.WAITING, keys.COUNTERS]
        if older_key is not None:
            names.append(keys.SEEN + older_key)
        script = self._scripts.ingest
        answer = durably(self._client, self._guard, script, names, arguments, anyway=anyway)
        duplicate, entry, wake = answer
        return Ingested(bool(duplicate), entry.decode(), lane, bool(wake))

    def claim(self, lane: int | None, lease_ms: Millis) -> Lease | None:
        """Lease `lane` if it is free and has unread messages, else the longest waiting free one."""
        owner = uuid4().hex
        answer = self._scripts.claim_lane(
            [keys.WAITING, keys.LEASES, keys.FENCES, keys.CURSORS],
            [owner, lease_ms, "" if lane is None else lane],
        )
        if not answer:
            return None
        return Lease(answer[0], answer[1], answer[2].decode(), owner)

    def read(self, lease: Lease, cursor: str, count: int) -> list[Message]:
        """Read up to `count` messages after `cursor`, in order of arrival."""
        entries = self._client.xrange(keys.LANE + str(lease.lane), f"({cursor}", "+", count=count)
        return [Message.from_entry(entry, fields) for entry, fields in entries]

    def commit(
        self,
        lease: Lease,
        cursor: str,
        last: Message,
        batch: Batch,
        *,
        now: Millis,
        lease_ms: Millis,
    ) -> Committed | None:
        """Write the whole batch and move the cursor to the last message of it.

        Returns None, and writes nothing, if the lane was lost: another worker took it over, or this
        server does not have that message, as it took over from one that did.
        """
        arguments: list[str | bytes | int] = [
            lease.lane,
            lease.fence,
            cursor,
            last.entry,
            "" if REPLACED in last.message_id else last.message_id,
            lease.owner,
            lease_ms,
            now,
            keys.INTENT,
            keys.INTENTS_DUE,
            "" if batch.hold_until is None else batch.hold_until,
            *_day(batch.quota),
            batch.limits_at,
            "" if batch.limits_said is None else batch.limits_said,
            len(batch.states),
        ]
        for company_id, state in batch.states.items():
            arguments += (company_id, pack(company_id, state))
        arguments.append(len(batch.events))
        for e in batch.events:
            arguments += (e.type, e.source, e.subject, e.time, e.cause, e.data)
        arguments.append(len(batch.needs))
        for need in batch.needs:
            arguments += need.arguments()
        arguments.append(len(batch.dead))
        for letter in batch.dead:
            m = letter.message
            arguments += (
                letter.lane,
                m.entry,
                m.type,
                m.company_id or "",
                letter.reason,
                m.kind,
                m.source,
                m.message_id,
                m.replay,
                m.body,
            )
        arguments.append(len(batch.replays))
        for replay_id, tally in batch.replays.items():
            key = keys.REPLAY + replay_id
            arguments += (key, tally.handled, tally.added, tally.already, tally.dead)
        arguments.append(len(batch.marks))
        for name, at in batch.marks.items():
            arguments += (name, at)
        arguments.append(len(batch.counts))
        for (_, name), more in batch.counts.items():
            arguments += (name, more)
        arguments.append(keys.TIMELINE)
        answer = self._scripts.commit(
            [
                keys.LEASES,
                keys.FENCES,
                keys.CURSORS,
                keys.LOG,
                keys.META,
                keys.COMPANIES,
                keys.DEAD,
                keys.HOLD,
                keys.BUDGET,
                keys.COUNTERS,
                keys.TIME_INDEX,
                keys.LANE + str(lease.lane),
                *(keys.COMPANY + company_id for company_id in batch.states),
                *(_counts_key(run) for run, _ in batch.counts),
            ],
            arguments,
        )
        return Committed(answer[1], answer[2]) if answer[0] else None

    def release(self, lease: Lease, *, unread: bool = False) -> bool:
        """Return the lane back if it is empty, or anyway with `unread`; False: messages came in."""
        answer = self._scripts.release_lane(
            [keys.WAITING, keys.LEASES, keys.CURSORS, keys.LANE + str(lease.lane)],
            [lease.owner, lease.lane, "1" if unread else ""],
        )
        return bool(answer != 0)

    def sweep(self, older_than_ms: Millis) -> list[int]:
        """Return lanes that wait since `older_than_ms` without a worker, longest first."""
        ages = [older_than_ms, MAX_LEASE_MS]
        return list(self._scripts.sweep_lanes([keys.WAITING, keys.LEASES], ages))

    def trim(self, before_ms: Millis) -> int:
        """Drop applied messages received before `before_ms`; unread ones always stay.

        Dead letters go as their messages do.
        """
        dropped = 0
        for lane, cursor in self._client.hgetall(keys.CURSORS).items():
            ms, _, n = cursor.decode().partition("-")
            first = min((before_ms, 0), (int(ms), int(n) + 1))  # that stays
            lane_key, minid = keys.LANE + lane.decode(), f"{first[0]}-{first[1]}"
            dropped += int(self._client.xtrim(lane_key, minid=minid, approximate=False))
            dropped += self._trim_leapt(lane_key, before_ms, up_to=cursor.decode())
        self._client.xtrim(keys.DEAD, minid=f"{before_ms}-0", approximate=False)
        self._trim_leapt(keys.DEAD, before_ms)
        return dropped

    def _trim_leapt(self, stream: str, before_ms: Millis, up_to: str = "+") -> int:
        """Delete what was received before then, where ids do not show it; return how many.

        After a leap of the server's clock ids stay ahead, and entries carry `received` instead.
        """
        old, seconds = None, int(self._client.time()[0])
        after = f"{(seconds + AHEAD_SECONDS) * 1000}"
        while page := self._client.xrange(stream, after, up_to, count=SCAN_LIMIT):
            # A replay carries when its message came first, which says nothing of its place here.
            told = [
                (entry, int(fields.get(b"received", 0)))
                for entry, fields in page
                if not fields.get(b"replay")
            ]
            old = next((entry for entry, at in reversed(told) if 0 < at < before_ms), old)
            if any(at >= before_ms for _, at in told):
                break
            after = f"({page[-1][0].decode()}"
        if old is None:
            return 0
        ms, _, n = old.decode().partition("-")
        return int(self._client.xtrim(stream, minid=f"{ms}-{int(n) + 1}", approximate=False))

    def tails(self) -> dict[int, str]:
        """Return the last message of each lane that has any."""
        with self._client.pipeline(transaction=False) as pipe:
            for lane in range(self.lanes):
                pipe.xrevrange(keys.LANE + str(lane), count=1)
            found = pipe.execute()
        return {lane: last[0][0].decode() for lane, last in enumerate(found) if last}

    def unread(self, tails: Mapping[int, str]) -> dict[int, str]:
        """Return those of the lanes in which a message up to the given one is not applied yet."""
        cursors = self._client.hgetall(keys.CURSORS)
        with self._client.pipeline(transaction=False) as pipe:
            for lane, tail in tails.items():
                cursor = cursors.get(str(lane).encode(), b"0-0").decode()
                pipe.xrange(keys.LANE + str(lane), f"({cursor}", tail, count=1)
            left = pipe.execute()
        return {lane: tail for (lane, tail), some in zip(tails.items(), left, strict=True) if some}

    def marks(self) -> dict[str, Millis]:
        """Return the counters: webhooks by type (`webhook:<type>`), and when each was last seen."""
        counters = self._client.hgetall(keys.COUNTERS)
        return {name.decode(): Millis(int(value)) for name, value in counters.items()}

    def depths(self) -> dict[str, int]:
        """Return how many messages wait unread, and how many were accepted, duplicated, refused."""
        waiting: Sequence[bytes] = self._client.zrange(keys.WAITING, 0, -1)
        counters: dict[bytes, bytes] = self._client.hgetall(keys.COUNTERS)
        return {
            "lanes_waiting": len(waiting),
            "accepted": int(counters.get(b"accepted", 0)),
            "duplicates": int(counters.get(b"duplicates", 0)),
            "dead_letters": int(self._client.xlen(keys.DEAD)),
            "of_other_clients": int(counters.get(b"other_clients", 0)),
        }

    def note_other_client(self) -> None:
        """Count a webhook that was refused because it is of another Codat client."""
        mark = f"{keys.COUNTED}{uuid4().hex}"
        self._scripts.count_refused([keys.COUNTERS, mark], [COUNTED_MS])

    def dead_letters(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return the newest messages that could not be handled, newest first; `body` as bytes."""
        entries = self._client.xrevrange(keys.DEAD, count=limit)
        return [
            {"id": entry.decode()}
            | {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
            | {"body": fields[b"body"]}
            for entry, fields in entries
        ]


def _day(quota: Quota | None) -> tuple[int | str, int | str, int | str]:
    """Return calls a day, calls left and the day's end in ms, each '' when not known."""
    if quota is None:
        return "", "", ""
    ends = None if quota.expires is None else quota.expires // 1000
    limit, left, until = (
        "" if value is None else value for value in (quota.daily_quota, quota.quota_remaining, ends)
    )
    return limit, left, until


def _counts_key(run: str) -> str:
    """Return the hash that counts: the counters of all, or those of one reconciliation."""
    return keys.RECONCILE + run if run else keys.COUNTERS
