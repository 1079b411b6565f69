"""One store: the parts that read and write Redis, over one client."""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.settings import Settings
from relay.store import keys
from relay.store.access.requests import Requests
from relay.store.access.sessions import Sessions
from relay.store.access.tokens import KeptTokens
from relay.store.companies.erasure import Erasure
from relay.store.companies.reconciliations import Reconciles
from relay.store.companies.states import Companies
from relay.store.delivery.subscriptions import Subscriptions
from relay.store.inbox.lanes import Inbox
from relay.store.inbox.messages import Messages
from relay.store.inbox.replays import Replays
from relay.store.intents.budget import Budget, Limits
from relay.store.intents.listing import IntentList
from relay.store.intents.queue import Intents
from relay.store.journeys.codes import Codes
from relay.store.journeys.platforms import Platforms
from relay.store.journeys.records import Journeys
from relay.store.log.reader import Events
from relay.store.log.readers import Reader, readers
from relay.store.log.trimming import Trimming
from relay.store.schedules.due import Schedules
from relay.store.schedules.outlook import Outlook
from relay.store.schedules.pauses import Pauses
from relay.store.schedules.policies import Policies
from relay.store.scripts import Scripts
from relay.store.server.checks import Server, read_time
from relay.store.server.connect import connect
from relay.store.server.guard import Guard
from relay.store.server.mending import Mending
from relay.times import Millis, Seconds, seconds_to_millis

SCHEMA = 2
CLOCK_NOTED_MS = 60_000  # after which the note of a machine's clock says nothing any more
LOSS_SHOWN_MS = 7 * 86_400_000
OUTAGE_MS = 60_000  # without a heartbeat, after which webhooks may have been given up on


class WrongStore(Exception):
    """The store was made by a version or with settings that do not fit; `str()` says which."""


@dataclass(frozen=True)
class Weakening:
    """One change of how strong the server is: its number, when (ms), and what it lacks since."""

    number: int
    at: Millis
    risks: tuple[str, ...]


class Store:
    """Everything kept, over one client. `guard` says whether a write can be acknowledged now."""

    def __init__(
        self,
        client: Redis,
        server: Server | Guard,
        *,
        lanes: int = 64,
        dedupe_days: int = 30,
        limits: Limits | None = None,
    ) -> None:
        self.client = client
        guard = server if isinstance(server, Guard) else Guard(client, server)
        self.guard = guard
        scripts = Scripts(client)
        self._scripts = scripts
        self.inbox = Inbox(client, scripts, guard, lanes, dedupe_days)
        self.intents = Intents(client, scripts)
        self.intent_list = IntentList(client, self.intents)
        self.budget = Budget(client, scripts, limits or Limits())
        self.reconciles = Reconciles(client, scripts)
        self.schedules = Schedules(client, scripts)
        self.outlook = Outlook(client)
        self.pauses = Pauses(client, scripts)
        self.policies = Policies(client)
        self.companies = Companies(client)
        self.subscriptions = Subscriptions(client, scripts)
        self.messages = Messages(client, self.inbox)
        self.erasure = Erasure(client, scripts, self.inbox, self.companies, self.subscriptions)
        self.trimming = Trimming(client, scripts, self.subscriptions)
        self.replays = Replays(client, scripts)
        self.events = Events(client, scripts)
        self.journeys = Journeys(client, scripts, guard, self.inbox)
        self.requests = Requests(client, scripts, guard)
        self.platforms = Platforms(client)
        self.codes = Codes(client, scripts)
        self.sessions = Sessions(client)
        self.tokens = KeptTokens(client, scripts, guard)
        self.mending = Mending(client, scripts, dedupe_days)

    @classmethod
    def open(cls, settings: Settings, *, timeout: float = 5.0, retries: int = 3) -> "Store":
        """Connect by the settings, judge the server and fix the number of lanes at first start.

        Raises redis.RedisError, ServerRefused or WrongStore.
        """
        if settings.redis_url is None:
            raise WrongStore(
                "No server is set. Start everything with `codat-relay up`, or set REDIS_URL."
            )
        client = connect(settings.redis_url, timeout=timeout, retries=retries)
        guard = Guard.open(client, settings.relay_accept_risks, settings.relay_replicas_to_wait)
        lanes = fix_lanes(client, settings.relay_lanes)
        store = cls(
            client,
            guard,
            lanes=lanes,
            dedupe_days=settings.relay_dedupe_days,
            limits=Limits(settings.relay_calls_per_minute, settings.relay_link_reserve),
        )
        store.time()
        return store

    @property
    def server(self) -> Server:
        """What the server is, as it was last found."""
        return self.guard.server

    def time(self) -> Seconds:
        """Return the server's time, by which all processes go."""
        return read_time(self.client)

    def now_ms(self) -> Millis:
        """Return the server's time in milliseconds; leases, holds and limits go by it."""
        return seconds_to_millis(self.time())

    def ping(self) -> bool:
        """Report whether the server answers; raises redis.RedisError when not."""
        return bool(self.client.ping())

    def beat(self, process: str) -> None:
        """Note that a process of this kind is alive, such as `web`."""
        self._scripts.beat([keys.HEARTBEATS, keys.SILENCES], [process, OUTAGE_MS])

    def note_clock(self, process: str, ahead: Seconds) -> None:
        """Note by how many seconds the clock of a process's machine is ahead of the server's."""
        self._scripts.note_clock([keys.CLOCKS], [process, round(ahead * 1000), CLOCK_NOTED_MS])

    def clocks(self) -> dict[str, float]:
        """Return by how much each machine's clock is ahead, by process and machine."""
        held: Any = self.client.hgetall(keys.CLOCKS)
        now = self.now_ms()
        read = {name.decode(): [int(part) for part in note.split()] for name, note in held.items()}
        return {
            name: ahead / 1000
            for name, (ahead, at) in sorted(read.items())
            if abs(now - at) < CLOCK_NOTED_MS
        }

    def server_changed(self) -> str | None:
        """Return a name for the change if the server is not the one last met; the first is met.

        Another one means a restart or a fail-over. The name is of this change alone, also where
        two servers take turns.
        """
        info: Any = self.client.info("server")
        if self.client.hsetnx(keys.META, "run_id", info["run_id"]):
            return None
        met: Any = self.client.hmget(keys.META, ["run_id", "servers_left"])
        if met[0].decode() == info["run_id"]:
            return None
        return f"{int(met[1] or 0)}-{info['run_id']}"

    def meet_server(self, change: str) -> None:
        """Remember the server of this change as the one met; safe to say twice."""
        left, _, run_id = change.partition("-")
        self.client.hset(keys.META, mapping={"run_id": run_id, "servers_left": str(int(left) + 1)})

    def progress(self) -> tuple[str, int, int]:
        """Return the log's epoch, its newest number, and how many webhooks were accepted."""
        with self.client.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.META, ["epoch", "log_seq"])
            pipe.hget(keys.COUNTERS, "accepted")
            (epoch, last), accepted = pipe.execute()
        return (epoch or b"").decode(), int(last or 0), int(accepted or 0)

    def note_loss(self, at: Millis, what: str) -> None:
        """Remember that data was found missing at `at` (ms); safe to say twice."""
        self.client.hset(keys.META, mapping={"loss_at": str(at), "loss": what})

    def loss(self) -> tuple[int, str] | None:
        """Return when data was found missing, and what; None after a week."""
        held: Any = self.client.hmget(keys.META, ["loss_at", "loss"])
        if held[0] is None or self.now_ms() - int(held[0]) > LOSS_SHOWN_MS:
            return None
        return int(held[0]), held[1].decode()

    def weakening(self) -> Weakening:
        """Return what was last logged of the server being too weak."""
        held: Any = self.client.hmget(keys.META, ["weakenings", "weakened_at", "weakened"])
        risks = tuple((held[2] or b"").decode().split())
        return Weakening(int(held[0] or 0), Millis(int(held[1] or 0)), risks)

    def note_weakening(self, number: int, at: Millis, risks: tuple[str, ...]) -> None:
        """Remember what was logged of it, under its number; safe to repeat."""
        told: Any = {"weakenings": number, "weakened_at": at, "weakened": " ".join(risks)}
        self.client.hset(keys.META, mapping=told)

    def heartbeats(self) -> dict[str, int]:
        """Tell when each kind of process last sent a heartbeat."""
        beats: Any = self.client.hgetall(keys.HEARTBEATS)
        return {name.decode(): int(at) for name, at in beats.items()}

    def readers(self) -> tuple[Reader, ...]:
        """Return how each subscription gets on with the log."""
        return readers(self.client, self.events, self.subscriptions, self.now_ms())

    def silences(self) -> dict[str, tuple[int, int]]:
        """Return when last no process of a kind was alive for over a minute: from, to."""
        held: Any = self.client.hgetall(keys.SILENCES)
        return {
            name.decode(): (int(since), int(until))
            for name, (since, until) in ((name, span.split()) for name, span in held.items())
        }


def fix_lanes(client: Redis, wanted: int) -> int:
    """Store the number of lanes at first start, and hold to it ever after; raises WrongStore.

    Another number would move companies to other lanes and break the order of their messages.
    """
    client.hsetnx(keys.META, "lanes", str(wanted))
    client.hsetnx(keys.META, "schema", str(SCHEMA))
    raw: Any = client.hmget(keys.META, ["lanes", "schema"])
    lanes, schema = (int(value) for value in raw)
    if schema != SCHEMA:
        raise WrongStore(
            f"The store has schema {schema}, this version reads {SCHEMA}. Use the version that"
            " wrote it, or start over with another RELAY_DATA_DIR or an empty server."
        )
    if lanes != wanted:
        raise WrongStore(
            f"RELAY_LANES is {wanted}, but this store was begun with {lanes}: the number is fixed"
            f" at first start. Set RELAY_LANES={lanes}."
        )
    return lanes
