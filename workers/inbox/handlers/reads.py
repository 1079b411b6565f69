"""What became of each data type that Codat read: completed does not mean succeeded."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from codat.statuses import PullOutcome, pull_outcome
from codat.webhook import Event
from relay.companies.company import Company, Version, version_of
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from relay.syncs import data_status
from relay.syncs.schedule import ALL
from relay.syncs.tracking import open_syncs, settle
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Read(EventData):
    """How Codat's read of one data type ended, or a sync as a whole: then it has a `total`."""

    connection_id: str | None = None
    data_type: str | None
    status: str | None = None
    """Codat's word, such as `Complete` or `FetchError`."""
    initial: bool | None = None
    """The first read after a link."""
    issues: list[str] | None = None
    dataset_id: str | None = None
    period: str | None = None
    """Which of our syncs it belongs to; `first` is the one Codat runs after a link."""
    operation_id: str | None = None
    total: int | None = None
    """How many pull operations belong to the sync; how many of them ended, and failed."""
    done: int | None = None
    failed: int | None = None
    reason: str | None = None
    source: str | None = None
    """`data_status` where no webhook reported the read, but Codat did when asked."""


class Changed(EventData):
    """A read found records that are new or differ."""

    connection_id: str | None
    data_type: str | None
    status: str | None
    dataset_id: str | None = None


READ: dict[str, Any] = {
    "connection_id": "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd",
    "data_type": "invoices",
    "status": "Complete",
}
FAILED = {**READ, "status": "FetchError", "initial": False, "issues": ["Timed out."]}
BY_TYPE = ("connection_id", "data_type")
EVENT_TYPES = (
    EventType(
        "sync.completed",
        "Codat read a data type, or all that belongs to a sync, with success.",
        Read,
        {**READ, "initial": False, "issues": []},
        identity=BY_TYPE,
    ),
    EventType(
        "sync.failed",
        "A read ended without the data, for good or until the customer authorises again.",
        Read,
        FAILED,
        identity=BY_TYPE,
    ),
    EventType(
        "sync.skipped",
        "Nothing was read, and nothing is wrong: there is no such data, or a later sync stands for"
        " this one.",
        Read,
        {**FAILED, "status": "NotSupported", "issues": []},
        identity=BY_TYPE,
    ),
    EventType(
        "sync.progressed",
        "A read is still under way.",
        Read,
        {**FAILED, "status": "Fetching", "issues": []},
        identity=BY_TYPE,
    ),
    EventType(
        "data.changed",
        "A read found records that are new or differ from those of the read before.",
        Changed,
        READ,
        identity=BY_TYPE,
    ),
)

LOOK_AFTER = 20_000  # ms; other reads of the same sync usually end within it
INFO_TYPES = frozenset({"company", "commerce-companyInfo"})
LOGGED = {
    PullOutcome.COMPLETE: "sync.completed",
    PullOutcome.FAILED: "sync.failed",
    PullOutcome.NEEDS_CUSTOMER: "sync.failed",
    PullOutcome.NEUTRAL: "sync.skipped",
    PullOutcome.IN_PROGRESS: "sync.progressed",
}


@router.on("read.completed", "read.completed.initial")
def read_completed(company: Company, event: Event) -> Outcome:
    """Record every data type's outcome, log changed data, and fetch info that is now there."""
    outcome = Outcome(company)
    version = version_of(event)
    reads = event.reads
    kinds = set()
    for read in reads:
        kind = pull_outcome(read.status)
        kinds.add((kind, read.data_type in INFO_TYPES))
        period = _period(company, read.data_type, version)
        facts = {
            "connection_id": read.connection_id,
            "data_type": read.data_type,
            "status": read.status,
        }
        outcome = outcome.log(
            LOGGED[kind],
            **facts,
            initial=event.type.endswith(".initial"),
            issues=list(read.issues[:5]),
            **({"period": period} if period else {}),
        )
        if kind is PullOutcome.COMPLETE and read.records_modified:
            outcome = outcome.log("data.changed", **facts)
        if version is not None:
            company = company.with_read(
                f"{read.connection_id or ''}|{read.data_type}",
                read.status,
                version,
                success=kind is PullOutcome.COMPLETE,
            )
            company = settle(company, read.data_type)
    if ALL in open_syncs(company) and reads:
        # Codat does not say which reads belong to it, or how many are to come: its history does.
        outcome = outcome.request("track", delay=LOOK_AFTER)
    if company.stale and any(kind is PullOutcome.COMPLETE for kind, _ in kinds):
        outcome = outcome.request("fresh")
    if (PullOutcome.COMPLETE, True) in kinds:
        company = replace(company, info_reads=company.info_reads + 1)
        # The initial read is that of a link, first or again; of others nobody waits for the info.
        outcome = outcome.request("info", link=event.type.endswith(".initial"))
    if version is None or any(kind is PullOutcome.NEEDS_CUSTOMER for kind, _ in kinds):
        # Without a date nothing was kept of it; or the source no longer lets Codat in, so see
        # whether the connection says so too.
        outcome = outcome.request("reread")
    return outcome.with_company(company)


@router.on("relay.data_status_read")
def data_status_read(company: Company, action: Action) -> Outcome:
    """Take over reads that Codat's data status showed and no webhook reported."""
    return learned(Outcome(company), action.payload["reads"])


def learned(outcome: Outcome, reads: Iterable[Mapping[str, Any]]) -> Outcome:
    """Take over reads that Codat reported when asked, except those known by now.

    `reads` are `relay.syncs.data_status.Read`s as mappings. Whether records changed is not known of
    them, so `data.changed` is not logged.
    """
    company = outcome.company
    new = [
        read
        for told in reads
        if not data_status.is_known(company, read := data_status.Read(**told))
    ]
    for read in new:
        version = (read.at, read.id)
        period = _period(company, read.data_type, version)
        outcome = outcome.log(
            LOGGED[pull_outcome(read.status)],
            connection_id=read.connection_id or None,
            data_type=read.data_type,
            status=read.status,
            initial=False,
            issues=[],
            source="data_status",
            **({"period": period} if period else {}),
        )
        company = company.with_read(read.key, read.status, version, success=read.is_success)
    successes = {read.data_type for read in new if read.is_success}
    if company.stale and successes:
        outcome = outcome.request("fresh")
    infos = [read.at for read in new if read.is_success and read.data_type in INFO_TYPES]
    if max(infos, default=0) > company.info_version[0]:  # else what is held was asked after it
        company = replace(company, info_reads=company.info_reads + 1)
        outcome = outcome.request("info")
    return outcome.with_company(company)


def _period(company: Company, data_type: str, version: Version | None) -> str | None:
    """Name the period of the open sync that a read belongs to, its own or one of everything."""
    waiting = open_syncs(company)
    sync = waiting.get(data_type) or waiting.get(ALL)
    if sync is None or version is None or version[0] < sync.requested:
        return None
    return sync.period
