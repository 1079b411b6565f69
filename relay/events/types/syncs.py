"""What is told of syncs: requested, completed, failed, missed, and whether data changed."""

from typing import Any

from pydantic import Field

from relay.events.event_type import EventData, EventType


class Requested(EventData):
    """Codat took our request, or had one under way."""

    data_type: str
    period: str
    """Which run of the schedule this is; `now-...` for one asked for by a person."""
    operation_id: str | None
    """Codat's pull operation, where it named one."""
    note: str | None = None


class Accepted(EventData):
    """Codat's pull operations for a sync are known."""

    data_type: str
    period: str
    operation_id: str | None
    total: int
    """How many pull operations belong to it."""
    done: int
    failed: int


class Fresh(EventData):
    """The data of a schedule that says within how many hours it must be read."""

    data_type: str
    """Of a schedule for `all`, each data type that was read before is judged by itself."""


class Missed(EventData):
    """A period has no sync of its own."""

    data_type: str
    period: str
    reason: str
    from_: str | None = Field(default=None, alias="from")
    """Of over a thousand periods the earliest are told in one event: the first of them, which is
    `period` too, and with `to` and `count` the last of them and how many they are."""
    to: str | None = None
    count: int | None = None


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
    """`data_status` where no webhook told of the read, and Codat said so when it was asked."""


class Changed(EventData):
    """A read found records that are new or differ."""

    connection_id: str | None
    data_type: str | None
    status: str | None
    dataset_id: str | None = None


REQUEST = {"data_type": "invoices", "period": "2026-01-05"}
READ: dict[str, Any] = {
    "connection_id": "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd",
    "data_type": "invoices",
    "status": "Complete",
}
FAILED = {**READ, "status": "FetchError", "initial": False, "issues": ["Timed out."]}
BY_TYPE = ("connection_id", "data_type")
BY_PERIOD = ("data_type", "period")
EVENT_TYPES = (
    EventType(
        "sync.requested",
        "Codat accepted a request for a sync, once per schedule and period.",
        Requested,
        {**REQUEST, "operation_id": "be09eedd-0d4f-4b21-94ab-b5d8ab1cb7a0"},
        identity=BY_PERIOD,
    ),
    EventType(
        "sync.accepted",
        "Codat has begun with a sync: its pull operations are known.",
        Accepted,
        {**REQUEST, "operation_id": None, "total": 12, "done": 3, "failed": 0},
        identity=BY_PERIOD,
    ),
    EventType(
        "sync.missed",
        "A period got no sync of its own, with the reason.",
        Missed,
        {**REQUEST, "reason": "the company is Deauthorised"},
        identity=BY_PERIOD,
    ),
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
        "data.stale",
        "No read renewed the data within the hours that its schedule names.",
        Fresh,
        {"data_type": "invoices"},
        identity=("data_type",),
    ),
    EventType(
        "data.fresh",
        "A read renewed data that was stale.",
        Fresh,
        {"data_type": "invoices"},
        identity=("data_type",),
    ),
    EventType(
        "data.changed",
        "A read found records that are new or differ from those of the read before.",
        Changed,
        READ,
        identity=BY_TYPE,
    ),
)
