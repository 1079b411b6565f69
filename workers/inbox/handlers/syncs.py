"""What became of the syncs we wanted: requested, accepted, completed, failed or missed."""

from dataclasses import replace

from pydantic import Field

from relay.companies.company import Company, Sync, SyncState
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from relay.syncs import missed
from relay.syncs.schedule import ALL
from relay.syncs.tracking import begin, event_data, settle, superseded
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


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


class GivenUp(EventData):
    """Something that was to be done at Codat will not be done."""

    intent: str
    """Its name: what was to be done and for which company."""
    ending: str
    reason: str | None


REQUEST = {"data_type": "invoices", "period": "2026-01-05"}
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
        "intent.given_up",
        "Work at Codat ended without success and will not be tried again by itself.",
        GivenUp,
        {
            "intent": "info:0498e921-9b53-4396-a412-4f2f5983b0a2",
            "ending": "gone",
            "reason": "404",
        },
        identity=("intent",),
    ),
)

LOOK_AFTER = 60_000  # ms; Codat names no operation for `all`, its history does
WEBHOOK_LATE = 30_000  # ms after which a webhook of a read that the history shows is late
LOOK_AFTER_ONE = 600_000  # ms; one data type's own webhook usually tells
DAY = 86_400_000_000  # microseconds


@router.on("relay.sync_requested")
def sync_requested(company: Company, action: Action) -> Outcome:
    """Log that Codat took the request, or ran the sync already, and follow it."""
    data = {name: value for name, value in action.payload.items() if name != "running"}
    outcome = Outcome(company).log("sync.requested", **data)
    data_type, operation = action.payload["data_type"], action.payload.get("operation_id")
    if not company.known:
        return outcome
    # One that was running before we asked began earlier: its reads count from then.
    began = action.at - (DAY if action.payload.get("running") else 0)
    sync = Sync(action.payload["period"], began, operation)
    if operation:
        sync = replace(sync, state=SyncState.ACCEPTED, total=1)
        outcome = outcome.log("sync.accepted", **event_data(data_type, sync))
    if overtaken := superseded(company, sync, data_type):
        outcome = outcome.log("sync.skipped", **overtaken)
    after = settle(begin(company, sync, data_type), data_type)
    settled = after.syncs[data_type]
    if not settled.is_open:  # its read was reported before the request was
        return outcome.with_company(after).log(
            f"sync.{settled.state}", **event_data(data_type, settled)
        )
    delay = LOOK_AFTER if data_type == ALL else LOOK_AFTER_ONE
    return outcome.with_company(after).request("track", delay=delay)


@router.on("relay.syncs_checked")
def syncs_checked(company: Company, action: Action) -> Outcome:
    """Take over what Codat's pull history showed; one that a webhook closed meanwhile stays."""
    outcome = Outcome(company)
    for told in action.payload["syncs"]:
        data_type = told["data_type"]
        held = company.syncs.get(data_type)
        if held is None or not held.is_open or held.period != told["period"]:
            continue
        given_up = told["reason"] is not None
        state = SyncState.FAILED if given_up else SyncState(told["state"])
        ended = action.at if given_up else told["ended"]
        after = replace(
            held,
            state=state,
            total=told["total"],
            done=told["done"],
            failed=told["failed"],
            ended=ended,
        )
        company = replace(company, syncs={**company.syncs, data_type: after})
        if after.total and not held.total:
            outcome = outcome.log("sync.accepted", **event_data(data_type, after))
        if not after.is_open:
            why = told["reason"] or told.get("why")
            reason = {"reason": why} if why else {}
            outcome = outcome.log(f"sync.{state}", **event_data(data_type, after), **reason)
    if action.payload.get("unheard"):
        outcome = outcome.request("data", delay=WEBHOOK_LATE)
    return outcome.with_company(company)


@router.on("relay.sync_missed")
def sync_missed(company: Company, action: Action) -> Outcome:
    """Log that a period has no sync, and why."""
    return Outcome(company).log("sync.missed", **action.payload)


@router.on("relay.periods_missed")
def periods_missed(company: Company, action: Action) -> Outcome:
    """Log each period that passed while nothing ran."""
    outcome = Outcome(company)
    for one in missed.event_data(action.payload["data_type"], action.payload):
        outcome = outcome.log("sync.missed", **one)
    return outcome


@router.on("relay.intent_given_up")
def given_up(company: Company, action: Action) -> Outcome:
    """Log an intent that was given up; a person can run it again."""
    return Outcome(company).log("intent.given_up", **action.payload)
