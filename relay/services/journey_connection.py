"""What a journey does at Codat: find or create its connection, unlink it, delete what is unused."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from codat.client import Codat
from codat.errors import BadRequest, NotFound
from codat.records import Connection
from codat.statuses import ConnectionStatus
from relay.journeys.invitation import LOOPBACK
from relay.journeys.journey import Journey, Platform
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Millis

MAX_CALLS, SPARE_SECONDS = 2, 5.0  # of one turn at connecting a company


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the customer goes to say yes; when `is_linked`, there is no need to go."""

    connection_id: str
    url: str | None
    is_linked: bool
    is_new: bool  # created just now, for this journey


def lease_ms(codat_timeout: float) -> int:
    """Return how long one turn at connecting a company may take; the timeout is in seconds."""
    return int((MAX_CALLS * codat_timeout + SPARE_SECONDS) * 1000)


def find_or_create(codat: Codat, journey: Journey, platform: Platform) -> Destination:
    """Find or create the journey's connection at Codat, and return its link; raises CodatError.

    The link is read again for each click, as it may hold a password that works once and for a day
    (Codat: auth-flow/authorize-hosted-link). A connection that waits already is taken. The caller
    holds the company's turn (`store.journeys.turn`), so that a second click creates no second one.
    """
    company = codat.get_company(journey.company_id)
    found = _matching(journey, platform, company.connections)
    connection = found or codat.create_connection(journey.company_id, platform.key)
    is_linked = ConnectionStatus.parse(connection.status) is ConnectionStatus.LINKED
    url = connection.link_url or company.redirect
    return Destination(connection.id, url or None, is_linked, is_new=found is None)


def delete_unused(store: Store, hints: Hints, before: Journey, after: Journey, now: int) -> None:
    """Have the connections that a change dropped deleted at Codat, as they linked nothing."""
    intents = [
        NewIntent(
            name=intent_name("drop", after.company_id, connection_id),
            company_id=after.company_id,
            priority=Priority.NOW,
            due=Millis(now),
            cause=f"journey:{after.id}",
            args={"connection_id": connection_id},
        )
        for connection_id in after.dropped_connections
        if connection_id not in before.dropped_connections
    ]
    if intents and store.intents.put(intents, Millis(now)):
        hints.perform()


def unlink(codat: Codat, company_id: str, connection_id: str) -> None:
    """Unlink a connection at Codat, if it is still there and linked; raises CodatError."""
    try:
        if _is_linked(codat, company_id, connection_id):
            codat.unlink_connection(company_id, connection_id)
    except NotFound:
        return
    except BadRequest:
        # Only what is linked can be unlinked: see whether someone was quicker.
        if _is_linked(codat, company_id, connection_id):
            raise


def is_trusted(url: str, settings: Settings) -> bool:
    """Whether a link may be followed: https to one of the hosts set, or the sandbox in use."""
    if any(ord(letter) <= 32 or letter == "\\" for letter in url):
        return False
    try:
        given = urlsplit(url)
        port = given.port
    except ValueError:
        return False
    host = (given.hostname or "").rstrip(".")
    if given.username is not None or given.password is not None or not host:
        return False
    if settings.uses_sandbox and host in LOOPBACK and given.scheme == "http":
        return port == urlsplit(settings.api_url).port
    named = any(fnmatchcase(host, pattern) for pattern in settings.relay_link_hosts)
    return given.scheme == "https" and port in (None, 443) and named


def _is_linked(codat: Codat, company_id: str, connection_id: str) -> bool:
    connection = codat.get_connection(company_id, connection_id)
    return ConnectionStatus.parse(connection.status) is ConnectionStatus.LINKED


def _matching(
    journey: Journey, platform: Platform, connections: tuple[Connection, ...]
) -> Connection | None:
    """Return the connection to link again, or one to this platform, rather one that is linked."""
    if journey.reconnects is not None:
        return next((one for one in connections if one.id == journey.reconnects), None)
    # What the customer turned away from is not used again, unless it was linked all the same.
    usable = [
        one
        for one in connections
        if one.id not in journey.dropped_connections or one.status == ConnectionStatus.LINKED
    ]
    same = [
        one
        for one in usable
        if (one.platform_key or "").casefold() == platform.key.casefold()
        or one.platform_name == platform.name
    ]
    linked = [one for one in same if one.status == ConnectionStatus.LINKED]
    return next(iter(linked or same), None)
