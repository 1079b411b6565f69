"""Create a company at Codat, under a placeholder name if need be, and record it in its lane."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from threading import BoundedSemaphore

import structlog
from redis.exceptions import RedisError

from codat.client import Codat
from codat.errors import CodatError, ConnectionNotCreated
from codat.records import Company, reads_differently, sanitise_name
from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.attempt import Attempt
from relay.services.codat_calls import codat_calls
from relay.services.enqueue_action import enqueue_action
from relay.services.errors import InvalidValue
from relay.store import Store
from relay.store.server.durable import NotDurable
from relay.times import Micros, now_micros

ACTION_TYPE = "relay.company_created"
MAX_TAGS = 10  # Codat: using-the-api/managing-companies
TOO_MANY_TAGS = f"at most {MAX_TAGS - 1} with an Idempotency-Key"
REQUEST_TAG = "relayRequest"  # by which a company is found whose creation was not answered
SCAN_LIMIT = 100  # companies, the newest, should Codat ignore the tag that it is asked for
NOT_REPEATED = frozenset({409, 429})  # answers that Codat does not repeat for the same key

log = structlog.get_logger(__name__)


class NotRecorded(Exception):
    """The company was created at Codat, but could not be recorded here."""

    def __init__(self, company_id: str) -> None:
        super().__init__(company_id)
        self.company_id = company_id


@dataclass(frozen=True, slots=True)
class NewCompany:
    """The company to create; without a name it gets a placeholder, replaced once it is linked."""

    tags: Mapping[str, str]
    name: str | None = None
    reference: str | None = None
    description: str | None = None
    platform_key: str | None = None  # makes a connection too


@dataclass(frozen=True, slots=True)
class Created:
    """The company as Codat answered, and why it has no connection, when one was asked for."""

    company: Company
    connection_error: str | None


@dataclass(frozen=True, slots=True)
class CompanyCreator:
    """Creates companies at Codat; `call_limit` bounds how many threads call Codat at once."""

    store: Store
    hints: Hints
    codat: Codat
    call_limit: BoundedSemaphore

    def create(self, new: NewCompany, attempt: Attempt, by: str) -> Created:
        """Create the company, or find the one that an earlier attempt created.

        Raise InvalidValue, NotRecorded, Overtaken, TooManyCalls, CodatError or redis.RedisError.
        """
        if attempt.is_kept and len(new.tags) >= MAX_TAGS:
            # Ours, by which the company is found again, needs a place.
            raise InvalidValue("tags", TOO_MANY_TAGS)
        asked_at = now_micros()
        created = self._create(new, attempt)
        attempt.note(company=created.company.id)
        self._record(created.company, new, asked_at, by)
        return created

    def link_again(self, company_id: str, platform_key: str | None) -> str | None:
        """Return a company's link as Codat has it now: a link may work only once, so none is kept.

        Raise TooManyCalls, CodatError or redis.RedisError.
        """
        with codat_calls(self.store, self.call_limit):
            return link_url(self.codat.get_company(company_id), platform_key)

    def _create(self, new: NewCompany, attempt: Attempt) -> Created:
        connection_error: str | None = None
        with codat_calls(self.store, self.call_limit):
            company = self._made_before(attempt)
            try:
                if company is None:
                    company = self._ask(new, attempt)
                elif new.platform_key and not _has_platform(company, new.platform_key):
                    company = self._connect(company, new.platform_key)
            except ConnectionNotCreated as error:
                # The company is there: an error would only make the caller create another.
                company, connection_error = error.company, str(error)[:300]
        # An answer that leaves the name out is no reason to hold none.
        name = company.name or name_of(new, attempt)
        return Created(replace(company, name=name), connection_error)

    def _made_before(self, attempt: Attempt) -> Company | None:
        """Return the company that an earlier sending of this request made, answered or not."""
        if attempt.company_id:
            return self.codat.get_company(attempt.company_id)
        if not attempt.tries:
            return None
        request_id = attempt.request_id
        tagged = self.codat.list_companies(
            tags=f"{REQUEST_TAG} = {request_id}", order_by="-created"
        )
        newest = islice(tagged, SCAN_LIMIT)
        return next((one for one in newest if one.tags.get(REQUEST_TAG) == request_id), None)

    def _ask(self, new: NewCompany, attempt: Attempt) -> Company:
        """Ask Codat for the company: under the key of an earlier try whose outcome is not known.

        Codat repeats a refusal to the same key for 90 minutes, so a try that was answered is
        followed by one under another key (Codat: using-the-api/write-data/idempotency).
        """
        if not attempt.tries:
            attempt.tries = 1
            attempt.note(tries=1)
        tags = dict(new.tags) | ({REQUEST_TAG: attempt.request_id} if attempt.is_kept else {})
        try:
            return self.codat.create_company(
                name_of(new, attempt),
                description=new.description,
                tags=tags or None,
                platform_key=new.platform_key,
                key=attempt.codat_key,
            )
        except CodatError as error:
            status = error.status
            if status is not None and status >= 400 and status not in NOT_REPEATED:
                attempt.note(tries=attempt.tries + 1)
            raise

    def _connect(self, company: Company, platform_key: str) -> Company:
        try:
            connection = self.codat.create_connection(company.id, platform_key)
        except (CodatError, ValueError) as error:
            raise ConnectionNotCreated(str(error), company=company) from error
        return replace(company, connections=(*company.connections, connection))

    def _record(self, company: Company, new: NewCompany, asked_at: Micros, by: str) -> None:
        """Put an action into the company's lane, which alone writes what is held of it."""
        action = Action(
            id=f"created:{company.id}",
            type=ACTION_TYPE,
            company_id=company.id,
            at=asked_at,
            payload={
                "name": company.name,
                "placeholder": not new.name,
                "reference": new.reference,
                "by": by,
            },
        )
        try:
            enqueue_action(self.store, self.hints, action)
        except (RedisError, NotDurable) as error:
            log.exception("company.not_recorded", company_id=company.id)
            raise NotRecorded(company.id) from error


def name_of(new: NewCompany, attempt: Attempt) -> str:
    """Return the name by which an attempt creates a company: the given one, or a placeholder."""
    return sanitise_name(new.name) if new.name else placeholder(new.reference, attempt)


def placeholder(reference: str | None, attempt: Attempt) -> str:
    """Return a name that says it is not the real one, of characters that Codat keeps."""
    clean = "" if reads_differently(reference or "") else sanitise_name(reference or "")
    if any(letter.isalnum() for letter in clean):
        return f"Pending {clean}"
    began = datetime.fromtimestamp(attempt.began / 1000, UTC)
    return f"Pending {began:%Y-%m-%d} {attempt.request_id[:6]}"


def link_url(company: Company, platform_key: str | None) -> str | None:
    """Return where the customer goes: to the platform asked for, else to Codat's link page."""
    if platform_key is not None:
        for connection in company.connections:
            if connection.platform_key == platform_key and connection.link_url:
                return connection.link_url
    return company.redirect


def _has_platform(company: Company, platform_key: str) -> bool:
    wanted = platform_key.casefold()
    return any((one.platform_key or "").casefold() == wanted for one in company.connections)
