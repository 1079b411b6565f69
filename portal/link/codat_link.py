"""What a journey does at Codat: find or make the connection, get its link, take it back."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from codat.errors import BadRequest, NotFound
from codat.records import Connection
from codat.statuses import ConnectionStatus
from portal.http.addresses import with_query
from portal.http.codat_problems import asking_codat
from portal.services import services
from relay.journeys.invitation import LOOPBACK
from relay.journeys.journey import Journey
from relay.settings import Settings
from relay.store.intents.queue import NewIntent, Priority

MOST_CALLS, SPARE_SECONDS = 2, 5.0  # of one turn at connecting a company


@dataclass(frozen=True, slots=True)
class Way:
    """Where the customer goes to say yes; `is_linked` when there is no need to."""

    connection_id: str
    url: str | None
    is_linked: bool
    is_new: bool  # made just now, for this


def way(journey: Journey) -> Way:
    """Find or create the journey's connection and its link, fresh from Codat; raises Refusal.

    Read anew for each click: a link may hold a password that works once and for a day
    (Codat: auth-flow/authorize-hosted-link). A connection that waits already is taken, and clicks
    at the same time take turns, so that a second click makes no second one.
    """
    assert journey.platform is not None
    codat, timeout = services().codat, services().settings.relay_codat_timeout
    lease_ms = int((MOST_CALLS * timeout + SPARE_SECONDS) * 1000)
    with (
        services().store.journeys.turn(journey.company_id, lease_ms),
        asking_codat(services().store, services().codat_call_limit),
    ):
        company = codat.get_company(journey.company_id)
        connection = _fitting(journey, company.connections)
        is_new = connection is None
        if connection is None:
            connection = codat.create_connection(journey.company_id, journey.platform.key)
    linked = ConnectionStatus.parse(connection.status) is ConnectionStatus.LINKED
    url = connection.link_url or company.redirect
    return Way(connection.id, _marked(url, journey) if url else None, linked, is_new)


def drop_unused(before: Journey, after: Journey, now: int) -> None:
    """Have what was made for the platform left deleted at Codat, as nothing was linked by it."""
    needs = [
        NewIntent(
            name=f"drop:{after.company_id}:{connection_id}",
            company_id=after.company_id,
            priority=Priority.NOW,
            due=now,
            cause=f"journey:{after.id}",
            args={"connection_id": connection_id},
        )
        for connection_id in after.dropped_connections
        if connection_id not in before.dropped_connections
    ]
    if needs and services().store.intents.put(needs, now):
        services().hints.perform()


def unlink(company_id: str, connection_id: str) -> None:
    """Take a link back; one that is not linked any more, or gone, is left. Raises Refusal."""
    with asking_codat(services().store, services().codat_call_limit):
        codat = services().codat
        try:
            held = codat.get_connection(company_id, connection_id)
            if ConnectionStatus.parse(held.status) is ConnectionStatus.LINKED:
                codat.unlink_connection(company_id, connection_id)
        except NotFound:
            return
        except BadRequest:
            # Only what is linked can be unlinked: see whether someone was quicker.
            held = codat.get_connection(company_id, connection_id)
            if ConnectionStatus.parse(held.status) is ConnectionStatus.LINKED:
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
    hosts = settings.relay_link_hosts
    named = any(fnmatchcase(host, wanted) for wanted in hosts)
    return given.scheme == "https" and port in (None, 443) and named


def _fitting(journey: Journey, connections: tuple[Connection, ...]) -> Connection | None:
    wanted = journey.platform
    assert wanted is not None
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
        if (one.platform_key or "").casefold() == wanted.key.casefold()
        or one.platform_name == wanted.name
    ]
    linked = [one for one in same if one.status == ConnectionStatus.LINKED]
    return next(iter(linked or same), None)


def _marked(url: str, journey: Journey) -> str:
    """Name the journey on the link, for the firm's redirect to hand back (Codat: redirects)."""
    return with_query(url, f"journey={journey.id}")
