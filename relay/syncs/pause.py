"""Pauses: what must not be synced for a while, or during a window of each day."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self

import orjson

from codat.times import LATEST
from relay.companies.company import DELETED, Company
from relay.syncs.zones import zone as zone_of

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
MIN_WAIT, MAX_WAIT_WITHOUT_END, MAX_WAIT = 60.0, 900.0, 3600.0  # seconds of a held-back sync
MINUTE = 60  # seconds; windows begin and end at a full minute, in every zone
MAX_DAYS = 8  # adjoining windows act as one; those that adjoin for a week never end


class Scope(StrEnum):
    """What a pause holds back."""

    EVERYTHING = "everything"
    PLATFORM = "platform"  # by key or name
    TAG = "tag"  # `name` or `name=value`, as the company has it at Codat
    COMPANY = "company"
    DATA_TYPE = "data_type"


Subject = tuple[Scope, str]


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the day, on the clocks of a zone, in which nothing may start.

    `start` and `end` are `HH:MM`. A window that ends before it starts spans midnight and belongs
    to the weekday (ISO) on which it starts. Equal times mean the whole day.
    """

    zone: str
    start: str
    end: str
    weekdays: tuple[int, ...] = EVERY_DAY

    def holds(self, now: int) -> bool:
        """Report whether the window is open at `now` (epoch seconds)."""
        here = datetime.fromtimestamp(now, UTC).astimezone(zone_of(self.zone))
        clock, today = here.time(), here.isoweekday()
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        yesterday = (here - timedelta(days=1)).isoweekday()
        if start < end:
            return start <= clock < end and today in self.weekdays
        return (clock >= start and today in self.weekdays) or (
            clock < end and yesterday in self.weekdays
        )

    def until(self, now: int) -> int | None:
        """Return when the window open at `now` next closes (epoch seconds); None for never."""
        zone, clock, moment = zone_of(self.zone), time.fromisoformat(self.end), now
        for _ in range(MAX_DAYS):
            here = datetime.fromtimestamp(moment, UTC).astimezone(zone)
            end = datetime.combine(here, clock, zone)
            if int(end.timestamp()) <= moment:
                end = datetime.combine(here + timedelta(days=1), clock, zone)
            moment = int(end.timestamp())
            if not self.holds(moment):
                return moment
        return None


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause. Times are epoch seconds. `on` is the state that the log last recorded."""

    id: str
    scope: Scope
    value: str
    owner: str
    reason: str
    begins: int
    ends: int | None = None
    window: Window | None = None
    on: bool = False

    def to_json(self) -> bytes:
        """Return the pause as it is stored."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = orjson.loads(raw)
        window = values.pop("window")
        if window:
            window = Window(**window | {"weekdays": tuple(window["weekdays"])})
        values["scope"] = Scope(values["scope"])
        return cls(window=window, **values)

    def is_on(self, now: int) -> bool:
        """Report whether it holds anything back at `now` (epoch seconds)."""
        if now < self.begins or self.is_over(now):
            return False
        return self.window is None or self.window.holds(now)

    def is_over(self, now: int) -> bool:
        """Report whether its end has passed."""
        return self.ends is not None and now >= self.ends

    def until(self, now: int) -> int | None:
        """Return when it stops holding back what it does at `now`; None until somebody ends it."""
        window = self.window.until(now) if self.window else None
        # An end in the far future, such as 9999-12-31, counts as none.
        return min(
            (at for at in (self.ends, window) if at is not None and at < LATEST), default=None
        )

    def end(self, at: int) -> Self:
        """Return the pause ended at `at`."""
        return replace(self, ends=at, on=False)

    def covers(self, company_id: str, data_type: str, company: Company | None) -> bool:
        """Report whether it applies to this data type of this company; `company` if we hold it."""
        match self.scope:
            case Scope.EVERYTHING:
                return True
            case Scope.COMPANY:
                return company_id == self.value
            case Scope.DATA_TYPE:
                return data_type == self.value
            case Scope.PLATFORM:
                return company is not None and self.value.casefold() in _platforms(company)
            case Scope.TAG:
                return company is not None and _has_tag(company, self.value)

    @property
    def subject(self) -> Subject:
        """What it applies to, written as `subjects_of` writes it."""
        if self.scope is Scope.PLATFORM:
            return self.scope, self.value.casefold()
        name, _, value = self.value.partition("=")
        return self.scope, self.value if value else name

    @property
    def needs_company(self) -> bool:
        """Whether `covers` needs the company."""
        return self.scope in (Scope.PLATFORM, Scope.TAG)

    def in_words(self) -> str:
        """Return a sentence that names the pause, its owner and its reason."""
        return f"held back by pause {self.id} of {self.owner} ({self.reason})"

    def event_data(self) -> dict[str, Any]:
        """Return the data of its events."""
        return {
            "pause": self.id,
            "scope": self.scope,
            "value": self.value,
            "owner": self.owner,
            "reason": self.reason,
            "ends": self.ends,
        }


class ActivePauses:
    """The pauses that are on. Here alone it is decided what they hold back: see `decide`.

    The scheduler parks what they cover, workers leave it unclaimed or let it wait, and the scripts
    `park*.lua` only check again that a pause is still recorded as on.
    """

    def __init__(self, pauses: Iterable[Pause] = ()) -> None:
        self.pauses = tuple(pauses)
        self._of_companies: dict[str, Pause] = {}
        others = []
        for pause in self.pauses:
            if pause.scope is Scope.COMPANY:
                self._of_companies.setdefault(pause.value, pause)
            else:
                others.append(pause)
        self._others = tuple(others)
        self.everything = next((p for p in others if p.scope is Scope.EVERYTHING), None)
        self.needs_company = any(pause.needs_company for pause in others)
        # The companies and data types they name: everything they cover, unless `needs_company`.
        self.names = frozenset(pause.value for pause in self.pauses)

    @property
    def holds_all(self) -> bool:
        """Whether `decide` returns a pause for every sync, so that none need be asked about."""
        return self.everything is not None

    def decide(self, company_id: str, data_type: str, company: Company | None) -> Pause | None:
        """Return the pause that holds back a sync of this data type, or None to let it start."""
        own = self._of_companies.get(company_id)
        return own or covering(self._others, company_id, data_type, company)


@dataclass(frozen=True, slots=True)
class PauseState:
    """The state of all pauses from `since` to before `until` (epoch seconds).

    `changed` are those whose recorded state is another. `undecided` are those with a zone that this
    host does not know; they keep their recorded state. `resumed` is when a pause of everything last
    ended (ms since the epoch).
    """

    on: ActivePauses
    changed: tuple[Pause, ...]
    over: tuple[Pause, ...]
    undecided: tuple[Pause, ...]
    since: int
    until: float
    resumed: int


def evaluate(pauses: Iterable[Pause], now: int, resumed: int = 0) -> PauseState:
    """Return the state of pauses at `now` (epoch seconds), and how long it stays the same."""
    on, changed, over, undecided = [], [], [], []
    until = math.inf
    for pause in pauses:
        try:
            is_on = pause.is_on(now)
        except (LookupError, ValueError, OSError):  # a zone that this host does not know
            is_on = pause.on
            undecided.append(pause)
        if is_on:
            on.append(pause)
        if pause.is_over(now):
            over.append(pause)
        if is_on != pause.on:
            changed.append(pause)
            if pause.on and pause.scope is Scope.EVERYTHING:
                resumed = max(resumed, now * 1000)
        later = [at for at in (pause.begins, pause.ends) if at is not None and at > now]
        if pause.window:
            later.append((now // MINUTE + 1) * MINUTE)
        until = min([until, *later])
    return PauseState(
        ActivePauses(on), tuple(changed), tuple(over), tuple(undecided), now, until, resumed
    )


def wait_under(state: PauseState, pause: Pause, now: int, since: int) -> float:
    """Return the seconds after which a sync that `pause` holds back since then is tried again.

    Times are epoch seconds. Under a pause of everything no worker claims it before that is over.
    Where nobody knows when a pause ends, the wait grows with the time that the sync has waited.
    """
    until = pause.until(now)
    if state.on.holds_all:
        wait = MIN_WAIT
    elif until is None:
        wait = min(now - since, MAX_WAIT_WITHOUT_END)
    else:
        wait = min(until - now, MAX_WAIT)
    return max(wait, MIN_WAIT)


def covering(
    pauses: Iterable[Pause], company_id: str, data_type: str, company: Company | None
) -> Pause | None:
    """Return the first of the pauses that covers this data type of this company, or None."""
    for pause in pauses:
        if pause.covers(company_id, data_type, company):
            return pause
    return None


def subjects_of(company: Company) -> set[Subject]:
    """Return the subjects of pauses that cover the company: its platforms and tags."""
    found = {(Scope.PLATFORM, name) for name in _platforms(company)}
    for name, value in company.tags.items():
        found |= {(Scope.TAG, name), (Scope.TAG, f"{name}={value}" if value else name)}
    return found


def _platforms(company: Company) -> set[str]:
    present = [c for c in company.connections.values() if c.status != DELETED]
    return {c.platform_key.casefold() for c in present} | {
        c.platform_name.casefold() for c in present
    }


def _has_tag(company: Company, wanted: str) -> bool:
    name, _, value = wanted.partition("=")
    return name in company.tags and value in ("", company.tags[name])
