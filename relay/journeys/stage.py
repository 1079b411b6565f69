"""Where a journey stands: worked out from its record and from what we hold of its company."""

from enum import StrEnum

from codat.statuses import ConnectionStatus, PullOutcome, pull_outcome
from relay.companies.company import Company, Connection
from relay.companies.identity import Identity, identity_of
from relay.journeys.journey import Journey, Step

SKEW = 2_000_000  # microseconds by which Codat's clock may be behind ours
NAMED_BY = "Accounting"  # the only source type whose company info names the company


class Stage(StrEnum):
    """Where a journey stands: what its customer has in front of them, or how it ended."""

    PICK = "pick"
    CONSENT = "consent"
    AUTHORISE = "authorise"
    WAITING = "waiting"
    REFUSED = "refused"
    READING = "reading"
    CONFIRM = "confirm"
    MISMATCH = "mismatch"
    DONE = "done"
    CONFIRMED = "confirmed"  # done, and its link does not work any more
    EXPIRED = "expired"
    REVOKED = "revoked"


# The stages whose page shows how far the first reading has come.
SHOWS_PROGRESS = frozenset({Stage.READING, Stage.DONE})
# The stages of a journey whose link does not work any more.
OVER = frozenset({Stage.CONFIRMED, Stage.EXPIRED, Stage.REVOKED})


def stage_of(journey: Journey, company: Company | None, now: int) -> Stage:
    """Return the stage; `now` in ms since the epoch."""
    if not journey.is_open(now):
        ended = {Step.CONFIRMED: Stage.CONFIRMED, Step.REVOKED: Stage.REVOKED}
        return ended.get(journey.step, Stage.EXPIRED)
    if journey.step is Step.CONFIRMED:
        return Stage.DONE
    if journey.platform is None:
        return Stage.PICK
    if journey.consent is None:
        return Stage.CONSENT
    if journey.connection_id is None:
        return Stage.AUTHORISE
    return _after_sending(journey, company)


def _after_sending(journey: Journey, company: Company | None) -> Stage:
    connection = connection_of(journey, company)
    if company is None or connection is None:
        return Stage.WAITING
    if is_linked(journey, connection):
        if not knows_name(journey, company):
            return Stage.READING
        return Stage.MISMATCH if is_other_company(journey, company) else Stage.CONFIRM
    if connection.errors and connection.version[0] > sent_micros(journey):
        return Stage.REFUSED
    return Stage.WAITING


def sent_micros(journey: Journey) -> int:
    """Return from when on Codat's reports count: when the customer was sent, less the skew; µs."""
    return journey.sent * 1000 - SKEW


def connection_of(journey: Journey, company: Company | None) -> Connection | None:
    """Return the connection that this journey is about; None before Codat reported it."""
    if company is None or journey.connection_id is None:
        return None
    return company.connections.get(journey.connection_id)


def is_linked(journey: Journey, connection: Connection) -> bool:
    """Whether the link was made, and for this journey.

    A connection that was linked before counts only once it was linked again, after the customer
    was sent.

    A connector on the customer's computer that reads once and removes itself leaves the connection
    deauthorised: a normal end (Codat: integrations/accounting/sage50).
    """
    recent = connection.version[0] > sent_micros(journey)
    if connection.status == ConnectionStatus.LINKED:
        return recent or journey.was_linked_already or is_first_link(journey)
    offline = journey.platform is not None and journey.platform.is_offline
    gone = connection.status == ConnectionStatus.DEAUTHORIZED
    return offline and recent and gone and connection.ever_linked


def is_disconnected(journey: Journey, company: Company | None) -> bool:
    """Whether what was linked is linked no more, whatever the cause."""
    connection = connection_of(journey, company)
    if company is None or connection is None:
        return False
    linked = connection.status == ConnectionStatus.LINKED or is_linked(journey, connection)
    return company.deleted or not linked


def knows_name(journey: Journey, company: Company) -> bool:
    """Whether we hold all of the company that its customer is to confirm.

    Where something was linked before, Codat goes on showing the old info until it has read the
    new: then the info must have been asked for after a read that came after the customer was sent.
    Reads are counted for that, as clocks differ.
    """
    if journey.platform is None or journey.platform.source_type != NAMED_BY:
        return True
    if company.info is None:
        return False
    if journey.was_linked_already:
        return True
    if company.info_version[0] <= sent_micros(journey):
        return False
    if is_first_link(journey) and journey.reads_before == 0:
        return True
    if company.info_reads == 0:
        return True  # Codat's older webhooks do not report reads
    return company.info_after > journey.reads_before


def is_other_company(journey: Journey, company: Company) -> bool:
    """Whether this journey linked another company than before, and nobody accepted that."""
    named = journey.platform is not None and journey.platform.source_type == NAMED_BY
    return named and not journey.was_linked_already and company.identity_mismatch is not None


def is_first_link(journey: Journey) -> bool:
    """Whether nothing was linked before by what this journey links."""
    return journey.attempt == 1 and journey.reconnects is None


def identity(journey: Journey, company: Company | None) -> Identity:
    """Return who the linked company is by its info; only its platform when there is no info."""
    connection = connection_of(journey, company)
    platform = connection.platform_name if connection else ""
    if not platform and journey.platform:
        platform = journey.platform.name
    named = journey.platform is not None and journey.platform.source_type == NAMED_BY
    return identity_of(company.info if company and named else None, platform)


def expected(journey: Journey, company: Company | None) -> Identity | None:
    """Return who the company was before; None if nothing was linked before."""
    if company is not None and company.expected:
        return identity_of(company.expected, "")
    return journey.identity


def progress(journey: Journey, company: Company | None) -> dict[str, str]:
    """Return how far each agreed data type has come: waiting, read, failed or not_offered."""
    consent = journey.consents[-1] if journey.consents else None
    states = company.data_types if company else {}
    words = {
        PullOutcome.COMPLETE: "read",
        PullOutcome.FAILED: "failed",
        PullOutcome.NEEDS_CUSTOMER: "failed",
        PullOutcome.NEUTRAL: "not_offered",
    }
    found = {}
    # What was read before the customer was sent belongs to an earlier link.
    counts_all = journey.was_linked_already or is_first_link(journey)
    since = 0 if counts_all else sent_micros(journey)
    for data_type in consent.data_types if consent else ():
        # Codat's data status names no connection where several can be meant.
        keys = (f"{journey.connection_id}|{data_type}", f"|{data_type}")
        held = [states[key] for key in keys if key in states]
        state = max(held, key=lambda one: one.version, default=None)
        is_new = state is not None and state.version[0] > since
        outcome = pull_outcome(state.status) if state and is_new else PullOutcome.IN_PROGRESS
        found[data_type] = words.get(outcome, "waiting")
    return found
