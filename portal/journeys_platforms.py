"""The platforms a customer can choose from: Codat's integrations, asked for once a day."""

import re
import threading
from hashlib import sha256

import structlog
from markupsafe import escape
from redis.exceptions import RedisError

from codat.client import Codat
from codat.errors import CodatError
from codat.records import Integration
from portal.codat_problems import asking_codat
from portal.parts import parts
from portal.problems import Refusal
from relay.journeys import Journey
from relay.store.platforms import Logo
from relay.times import now_ms

FRESH_MS = 24 * 3_600_000
PATIENCE = 0.5  # seconds that a logo waits for its turn to be fetched
AGAIN_MS = 60_000  # after a refresh that failed
LOGO_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml"})
TYPES = ("Accounting", "Banking", "BankFeed", "Commerce", "Expense", "Other")
COLOURS = ("#1d4ed8", "#0f766e", "#7c3aed", "#b45309", "#be123c", "#334155")

log = structlog.get_logger(__name__)


class PlatformList:
    """One process's view of the integrations; refreshed by one thread at a time."""

    def __init__(self) -> None:
        self._refreshing = threading.Lock()
        self._try_at = 0
        self._held: tuple[int, list[Integration]] = (0, [])

    def all(self) -> list[Integration]:
        """Give every enabled platform; raises Refusal when none was ever read and Codat fails."""
        at, integrations = self._known()
        if now_ms() - at > FRESH_MS:
            integrations = self._refresh(integrations)
        return [one for one in integrations if one.enabled]

    def one(self, key: str) -> Integration | None:
        """Give one enabled platform by its key."""
        wanted = key.casefold()
        return next((one for one in self.all() if one.key.casefold() == wanted), None)

    def _known(self) -> tuple[int, list[Integration]]:
        if now_ms() - self._held[0] > FRESH_MS and (kept := parts().store.platforms.read()):
            at, records = kept
            self._held = (at, [Integration.from_json(record) for record in records])
        return self._held

    def _refresh(self, known: list[Integration]) -> list[Integration]:
        if known and (now_ms() < self._try_at or not self._refreshing.acquire(blocking=False)):
            return known  # yesterday's will do
        if not known:
            self._refreshing.acquire()
        try:
            if self._held[1] and self._held[1] is not known:
                return self._held[1]
            with asking_codat():
                fresh = list(parts().codat.list_integrations())
            self._held = (now_ms(), fresh)
            parts().store.platforms.keep([one.raw for one in fresh], now_ms())
        except Refusal:
            self._try_at = now_ms() + AGAIN_MS
            if not known:
                raise
            return known
        else:
            return fresh
        finally:
            self._refreshing.release()


def offered(journey: Journey, integrations: list[Integration]) -> list[Integration]:
    """Give those that the firm lets this journey link."""
    return [one for one in integrations if journey.may_use(one.key, one.source_type or "")]


def by_type(integrations: list[Integration]) -> list[tuple[str, list[Integration]]]:
    """Group platforms by what they are, in the order people look for them."""
    found: dict[str, list[Integration]] = {name: [] for name in TYPES}
    for one in integrations:
        found[one.source_type if one.source_type in found else "Other"].append(one)
    return [(name, group) for name, group in found.items() if group]


def logo(codat: Codat, integration: Integration) -> tuple[Logo, bool]:
    """Give a platform's logo, from Codat once a week, and whether it is its own or our mark."""
    url = integration.logo_url or ""
    store = parts().store.platforms
    try:
        if kept := store.logo(integration.key, url):
            return kept, True
        if not url or not parts().calls.acquire(timeout=PATIENCE):
            return mark(integration.name), False
        try:
            media_type, content = codat.download_logo(integration)
        finally:
            parts().calls.release()
        media_type = media_type.partition(";")[0].strip().lower()
        if media_type not in LOGO_TYPES or not content:
            return mark(integration.name), False
        found = Logo(media_type, content)
        store.keep_logo(integration.key, url, found)
    except (CodatError, ValueError, RedisError) as error:
        log.info("logo.not_fetched", platform_key=integration.key, error=str(error)[:200])
        return mark(integration.name), False
    return found, True


def mark(name: str) -> Logo:
    """Draw a plain mark from a name's first letters, for want of a logo."""
    words = re.findall(r"\w+", name)[:2]
    letters = escape("".join(word[0] for word in words).upper() or "?")
    colour = COLOURS[sha256(name.encode()).digest()[0] % len(COLOURS)]
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" rx="8" fill="{colour}"/><text x="20" y="21" fill="#fff"'
        ' font-family="sans-serif" font-size="16" font-weight="600" text-anchor="middle"'
        f' dominant-baseline="central">{letters}</text></svg>'
    )
    return Logo("image/svg+xml", drawn.encode())
