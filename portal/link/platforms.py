"""The platforms a customer can choose from: Codat's integrations, as they were read last night."""

import re
from hashlib import sha256
from threading import BoundedSemaphore, Lock

import structlog
from markupsafe import escape
from redis.exceptions import RedisError

from codat.client import Codat
from codat.errors import CodatError
from codat.records import Integration
from portal.http.codat_problems import asking_codat
from relay.journeys.journey import Journey
from relay.store import Store
from relay.store.journeys.platforms import Logo
from relay.times import now_ms

POLL_MS = 60_000  # between looks for a newer list
LOGO_TIMEOUT = 0.5  # seconds that a logo waits for its turn to be fetched
LOGO_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml"})
TYPES = ("Accounting", "Banking", "BankFeed", "Commerce", "Expense", "Other")
# Codat Sandbox and QuickBooks Online Sandbox (Codat: integrations/accounting/overview).
FOR_TESTS = frozenset({"mqjo", "ndsk"})
COLOURS = ("#1d4ed8", "#0f766e", "#7c3aed", "#b45309", "#be123c", "#334155")

log = structlog.get_logger(__name__)


class PlatformList:
    """The integrations as one process holds them; workers read them again each night."""

    def __init__(self, store: Store, codat: Codat, call_limit: BoundedSemaphore) -> None:
        self._store = store
        self._codat = codat
        self._call_limit = call_limit
        self._asking = Lock()
        self._looked = 0
        self._held: list[Integration] = []

    def all(self) -> list[Integration]:
        """Return every enabled platform; raises Refusal when none was ever read and Codat fails."""
        if now_ms() - self._looked > POLL_MS:
            self._look()
        if not self._held:
            self._ask()
        return [one for one in self._held if one.enabled]

    def one(self, key: str) -> Integration | None:
        """Return one enabled platform by its key."""
        wanted = key.casefold()
        return next((one for one in self.all() if one.key.casefold() == wanted), None)

    def logo(self, integration: Integration) -> tuple[Logo, bool]:
        """Return a platform's logo, and whether it is its own; it is fetched once a week."""
        url = integration.logo_url or ""
        store = self._store.platforms
        try:
            if kept := store.logo(integration.key, url):
                return kept, True
            if not url or not self._call_limit.acquire(timeout=LOGO_TIMEOUT):
                return fallback_logo(integration.name), False
            try:
                media_type, content = self._codat.download_logo(integration)
            finally:
                self._call_limit.release()
            media_type = media_type.partition(";")[0].strip().lower()
            if media_type not in LOGO_TYPES or not content:
                return fallback_logo(integration.name), False
            found = Logo(media_type, content)
            store.keep_logo(integration.key, url, found)
        except (CodatError, ValueError, RedisError) as error:
            log.info("logo.not_fetched", platform_key=integration.key, error=str(error)[:200])
            return fallback_logo(integration.name), False
        return found, True

    def _look(self) -> None:
        self._looked = now_ms()
        if kept := self._store.platforms.read():
            self._held = [Integration.from_json(record) for record in kept[1]]

    def _ask(self) -> None:
        """Ask Codat, in one thread for all: no worker has read the list yet."""
        with self._asking:
            if self._held:
                return
            with asking_codat(self._store, self._call_limit):
                found = list(self._codat.list_integrations())
            self._store.platforms.keep([one.raw for one in found], now_ms())
            self._held = found


def offered(journey: Journey, integrations: list[Integration], *, tests: bool) -> list[Integration]:
    """Return those that the firm lets this journey link.

    Platforms that only tests use are shown if `tests` is set, and where the firm names them.
    """
    named = {key.casefold() for key in journey.allowed_platforms}
    return [
        one
        for one in integrations
        if journey.may_use(one.key, one.source_type or "")
        and (tests or one.key not in FOR_TESTS or one.key in named)
    ]


def by_type(integrations: list[Integration]) -> list[tuple[str, list[Integration]]]:
    """Group platforms by what they are, in the order people look for them."""
    found: dict[str, list[Integration]] = {name: [] for name in TYPES}
    for one in integrations:
        found[one.source_type if one.source_type in found else "Other"].append(one)
    return [(name, group) for name, group in found.items() if group]


def fallback_logo(
    name: str, colour: str = "", on_colour: str = "#fff", max_letters: int = 2
) -> Logo:
    """Draw the first letters of a name's words, where there is no logo."""
    words = re.findall(r"\w+", name)[:max_letters]
    letters = escape("".join(word[0] for word in words).upper() or "?")
    colour = colour or COLOURS[sha256(name.encode()).digest()[0] % len(COLOURS)]
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" rx="8" fill="{colour}"/>'
        f'<text x="20" y="21" fill="{on_colour}"'
        ' font-family="sans-serif" font-size="16" font-weight="600" text-anchor="middle"'
        f' dominant-baseline="central">{letters}</text></svg>'
    )
    return Logo("image/svg+xml", drawn.encode())
