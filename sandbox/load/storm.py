"""A storm of webhooks made beforehand: the lives of many companies, doubled and out of order.

`brew` makes it, the same for the same seed but for the times in it; `load_generator` sends it. It
knows how each company must end, and so can judge a relay that took the storm in.
"""

import random
from dataclasses import dataclass, field

from sandbox.config import SandboxConfig
from sandbox.webhooks.endpoints import OWN
from sandbox.webhooks.messages import Message, messages_of
from sandbox.world import views
from sandbox.world.events import Event
from sandbox.world.ids import Ids
from sandbox.world.model import Company, Consumer
from sandbox.world.world import World

PLATFORMS = ("gbol", "suuo", "zsth")
# What may happen to a linked company, and to one that is not, by weight.
IF_LINKED = (("refresh", 4), ("deauthorise", 2), ("unlink", 1))
IF_LOST = (("relink", 5), ("refuse", 1))
DELETED_SHARE = 0.03
TICK = 0.001  # seconds between two events
READ_TYPES = 4  # data types in a read of the storm's, so that bodies stay of usual size


@dataclass(frozen=True, slots=True)
class StormConfig:
    """How large and how bad: `webhooks` are sent in all, a share of them for the second time.

    `reorder` is how far a message may be late, counted in events of its own company.
    """

    companies: int = 5_000
    webhooks: int = 50_000
    seed: int = 1
    duplicate_share: float = 0.1
    reorder: float = 3.0


@dataclass(slots=True)
class Storm:
    """Messages in the order they are sent, and each company's status in the end (Codat's words)."""

    messages: list[Message]
    unique: int
    ends: dict[str, str] = field(default_factory=dict)


class _Tape:
    """A world's clock and ear: each event is a tick later than the last."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.events: list[Event] = []

    def __call__(self) -> float:
        return self.now

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.now += TICK


def brew(storm: StormConfig, url: str, secret: str, now: float) -> Storm:
    """Make a storm for an endpoint; its events end at `now` (epoch seconds)."""
    unique = round(storm.webhooks / (1 + storm.duplicate_share))
    per_company = [
        unique // storm.companies + (n < unique % storm.companies) for n in range(storm.companies)
    ]
    config = SandboxConfig(webhook_secret=secret, sync_seconds=0.0, seed=storm.seed)
    tape = _Tape(now - unique * TICK)
    world = World(config, tape.take, tape)
    world.sync_settings = world.sync_settings.changed(_few_types(world))
    rng = random.Random(f"storm {storm.seed}")  # noqa: S311 - a story, no secret
    consumer, root = Consumer(OWN, url), Ids(f"storm {storm.seed}")
    ready: list[tuple[float, Message]] = []
    ends: dict[str, str] = {}
    for number, wanted in enumerate(per_company):
        tape.events.clear()
        company = world.create_company(
            f"Storm {number}", ids=root.branch(number), ledger=(storm.seed, number)
        )
        _live(world, company, tape, wanted, rng)
        gone = company.id not in world.companies
        ends[company.id] = "Deleted" if gone else views.classic_status(company)
        begins = rng.random() * storm.companies
        for place, event in enumerate(tape.events[:wanted]):
            [message] = messages_of(event, consumer, config)
            ready.append((begins + place + rng.random() * storm.reorder, message))
    made = len(ready)
    for late, message in rng.sample(ready, min(storm.webhooks - made, made)):
        ready.append((late + rng.random() * storm.reorder, message))
    ready.sort(key=lambda entry: entry[0])
    return Storm([message for _, message in ready], made, ends)


def _live(world: World, company: Company, tape: _Tape, wanted: int, rng: random.Random) -> None:
    """Let a company live until `wanted` events are published about it, or until its end.

    What would publish more than is left is not begun, so that its end is published too.
    """
    connection = None
    while (left := wanted - len(tape.events)) > 0:
        if connection is None:
            connection = world.create_connection(company.id, rng.choice(PLATFORMS))
        elif left == 1 and rng.random() < DELETED_SHARE:
            world.delete_company(company.id)
            return
        elif connection.status == "Linked":
            act = _pick(IF_LINKED, rng)
            if act == "refresh":
                world.refresh_all(company.id)
            elif act == "unlink":
                world.unlink(connection.id)
            else:
                world.deauthorise(connection.id)
        elif left >= 3 and _pick(IF_LOST, rng) == "relink":
            world.authorise(connection.id)  # three events: the link, its first read published twice
        else:
            world.refuse(connection.id)


def _few_types(world: World) -> list[dict[str, object]]:
    """Return settings by which only the first few types of each platform are read on a link."""
    kept: dict[str, int] = {}
    settings = []
    for name, setting in world.sync_settings.by_type.items():
        kind = name.partition("-")[0] if "-" in name else "accounting"
        kept[kind] = kept.get(kind, 0) + 1
        settings.append({**setting, "fetchOnFirstLink": kept[kind] <= READ_TYPES})
    return settings


def _pick(weighed: tuple[tuple[str, int], ...], rng: random.Random) -> str:
    names, weights = zip(*weighed, strict=True)
    return str(rng.choices(names, weights)[0])
