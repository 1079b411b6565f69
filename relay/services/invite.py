"""Invite a customer: a journey for a new company or one that is held, and the token of its link."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace

from codat.records import Integration
from codat.statuses import ConnectionStatus
from relay.companies.company import BROKEN, Company, Connection
from relay.companies.identity import identity_of
from relay.journeys import rules
from relay.journeys.journey import Journey, Platform
from relay.queues import Hints
from relay.services.attempt import Attempt
from relay.services.create_company import CompanyCreator, NewCompany
from relay.services.errors import Conflict
from relay.store import Store
from relay.store.journeys.records import hash_of
from relay.times import Millis, now_ms

IS_LINKED = "This connection is linked; there is nothing to do."
NO_CONNECTION = "The company has no such connection."


class LinkGone(Exception):
    """The journey of an earlier attempt is there, but its link does not work any more."""

    def __init__(self, journey_id: str) -> None:
        super().__init__(journey_id)
        self.journey_id = journey_id


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a customer is invited to: the company, the platforms offered, and how the link works."""

    new_company: NewCompany  # created unless a company that is held is invited
    platforms: tuple[str, ...]  # keys; empty: all
    source_types: tuple[str, ...]
    return_url: str | None
    language: str
    lasts: Millis
    connection_id: str | None = None  # of the company, to be linked again


@dataclass(frozen=True, slots=True)
class Inviter:
    """Begins journeys; `find_platform` returns an enabled platform by its key."""

    store: Store
    hints: Hints
    companies: CompanyCreator
    find_platform: Callable[[str], Integration | None]

    def invite(
        self, invitation: Invitation, held: Company | None, attempt: Attempt, token: str, by: str
    ) -> Journey:
        """Begin a journey under a link's token, for the company that is held or a new one.

        A second attempt at the same finds the journey that the first one began. Raise LinkGone,
        Conflict, redis.RedisError or NotDurable, and for a new company what CompanyCreator.create
        raises.
        """
        journey_id = f"{attempt.began:012x}{attempt.request_id[-10:]}"
        journey = self.store.journeys.get(journey_id)
        if journey is not None:
            if not opens(journey, token, now_ms()):
                raise LinkGone(journey_id)
            return journey
        journey = self._new(invitation, held, attempt, by)
        journey = replace(journey, id=journey_id, token_hash=hash_of(token))
        moved = self.store.journeys.start(rules.start(journey))
        if moved.lane is not None:
            self.hints.drain(moved.lane)
        return journey

    def _new(
        self, invitation: Invitation, held: Company | None, attempt: Attempt, by: str
    ) -> Journey:
        broken, platform = None, self._only_platform(invitation)
        if held is not None and not invitation.platforms:
            broken = connection_to_relink(held, invitation.connection_id)
        if broken is not None:
            platform = self._platform_of(broken)
        if held is not None:
            company_id = held.id
        else:
            new = replace(invitation.new_company, platform_key=platform.key if platform else None)
            company_id = self.companies.create(new, attempt, by).company.id
        identity = None
        if held is not None and held.info and broken is not None:
            identity = identity_of(held.info, broken.platform_name)
        now = now_ms()
        return Journey(
            id="",
            company_id=company_id,
            created=now,
            expires=now + invitation.lasts,
            by=by,
            reference=invitation.new_company.reference,
            language=invitation.language,
            return_url=invitation.return_url,
            allowed_platforms=invitation.platforms,
            allowed_types=invitation.source_types,
            reconnects=broken.id if broken else None,
            identity=identity,
            platform=platform,
        )

    def _only_platform(self, invitation: Invitation) -> Platform | None:
        """Return the platform that is offered when it is the only one."""
        only = len(invitation.platforms) == 1
        found = self.find_platform(invitation.platforms[0]) if only else None
        if found is None:
            return None
        return Platform(found.key, found.name, found.source_type or "", found.is_offline)

    def _platform_of(self, connection: Connection) -> Platform:
        found = self.find_platform(connection.platform_key)
        return Platform(
            connection.platform_key,
            connection.platform_name,
            connection.source_type,
            is_offline=found is not None and found.is_offline,
        )


def link_token(attempt: Attempt, secret: str) -> str:
    """Return the token of an attempt's link: the same each time, though it is kept nowhere.

    It is made of the caller's own secret, which comes with each request and is not kept either, so
    that no one can make links out of what the store holds.
    """
    made = hmac.new(secret.encode(), f"link:{attempt.salt}".encode(), hashlib.sha256)
    return urlsafe_b64encode(made.digest()[:16]).decode().rstrip("=")


def opens(journey: Journey, token: str, now: Millis) -> bool:
    """Return whether this is the token of the journey's link, and the link still works."""
    return journey.token_hash == hash_of(token) and journey.is_open(now)


def connection_to_relink(company: Company, connection_id: str | None) -> Connection | None:
    """Return the connection to be linked again: the one named, else the first that is broken.

    Raise Conflict when there is no such connection, or it is linked.
    """
    for connection in company.connections.values():
        is_broken = connection.status in BROKEN
        if not (connection.id == connection_id if connection_id else is_broken):
            continue
        if connection.status == ConnectionStatus.LINKED:
            raise Conflict(IS_LINKED)
        return connection
    if connection_id:
        raise Conflict(NO_CONNECTION)
    return None
