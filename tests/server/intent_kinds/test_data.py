"""Codat's data status is asked where webhooks may be lost: reads count, and no alarm is false."""

from dataclasses import asdict

import pytest

from codat.errors import Unreachable
from relay.inbox.message import Action, action_fields
from relay.store.intents.queue import Intent, Priority
from relay.syncs.data_status import Read
from relay.syncs.schedule import Cadence, Schedule
from relay.times import iso_from_micros, now_micros
from support.parts import company_id, connection_id, make_event
from support.stored import put_schedule
from workers.intents.kinds import data, fresh, track
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
HOUR = 3600 * 1_000_000  # microseconds


@pytest.fixture
def silent(bench):
    """A linked company of which no read was told, though Codat has read its invoices."""
    event = make_event("connection.connected", connection=(1, "Linked"))
    bench.deliver(event | {"generatedDate": iso_from_micros(now_micros() - HOUR)})
    bench.drain()
    read = now_micros() - HOUR // 2
    bench.codat.statuses = {
        "invoices": {"currentStatus": "Complete", "lastSuccessfulSync": iso_from_micros(read)}
    }
    return bench


def run(bench, kind, module):
    intent = Intent(f"{kind}:{COMPANY}", 1, COMPANY, 1, 0, {}, "m", Priority.RECONCILE)
    ended = module.run(bench.context, intent)
    if ended.action:
        tell(bench, ended.action.type, **ended.action.payload)
    return ended


def tell(bench, kind, **payload):
    name = f"{kind}#{len(bench.types())}"
    told = Action(name, kind, COMPANY, now_micros(), payload)
    bench.store.inbox.ingest(name, COMPANY, action_fields(told))
    bench.drain()


def test_the_status_fills_in_what_no_webhook_reported(silent):
    assert run(silent, "data", data).kind is ResultKind.DONE
    company = silent.store.companies.get(COMPANY)
    assert company.data_types[f"{connection_id(1)}|invoices"].status == "Complete"
    assert run(silent, "data", data).action is None


def test_a_company_that_is_not_linked_is_not_asked_about(bench):
    bench.deliver(make_event("connection.created", connection=(1, "PendingAuth")))
    bench.drain()
    assert run(bench, "data", data).action is None
    assert bench.codat.asked == []


def test_data_that_codat_has_read_is_not_logged_as_stale(silent):
    old = Read(connection_id(1), "invoices", "Complete", now_micros() - 9 * HOUR, "x")
    tell(silent, "relay.data_status_read", reads=[asdict(old)])
    assert put_schedule(
        silent.store, Schedule(COMPANY, "invoices", Cadence.DAILY, fresh=1), None, over=None
    )
    ended = run(silent, "fresh", fresh)
    assert ended.action.payload["stale"] == []
    assert "data.stale" not in silent.types()
    calls = list(silent.codat.asked)
    run(silent, "fresh", fresh)
    assert silent.codat.asked == calls  # asked only before an alarm


def test_an_alarm_does_not_wait_for_codat(silent):
    silent.codat.failing = lambda operation, company: Unreachable("away")
    schedule = Schedule(COMPANY, "bills", Cadence.DAILY, fresh=1)
    assert put_schedule(silent.store, schedule, None, over=None)
    old = Read(connection_id(1), "bills", "Complete", now_micros() - 9 * HOUR, "x")
    tell(silent, "relay.data_status_read", reads=[asdict(old)])
    run(silent, "fresh", fresh)
    assert silent.types().count("data.stale") == 1


def test_a_second_failure_is_dated_by_the_history(silent):
    """The data status dates no failure, so by itself it looks like the one before."""
    before = Read(connection_id(1), "invoices", "FetchError", now_micros() - 9 * HOUR, "x")
    tell(silent, "relay.data_status_read", reads=[asdict(before)])
    silent.codat.statuses = {"invoices": {"currentStatus": "FetchError"}}
    at = now_micros() - HOUR // 2
    silent.codat.history = [
        {
            "id": connection_id(901),
            "connectionId": connection_id(1),
            "dataType": "invoices",
            "status": "FetchError",
            "completed": iso_from_micros(at),
        }
    ]
    assert run(silent, "data", data).kind is ResultKind.DONE
    held = silent.store.companies.get(COMPANY).data_types[f"{connection_id(1)}|invoices"]
    assert held.version[0] == at
    assert run(silent, "data", data).action is None


def test_reads_that_only_the_history_shows_have_the_status_asked(silent):
    silent.codat.history = [
        {
            "id": connection_id(901),
            "connectionId": connection_id(1),
            "dataType": "invoices",
            "status": "Complete",
            "requested": iso_from_micros(now_micros() - HOUR // 2),
            "completed": iso_from_micros(now_micros() - HOUR // 2),
        }
    ]
    assert run(silent, "track", track).action.payload["unheard"] is True
    assert f"data:{COMPANY}" in {one.name for one in silent.store.intent_list.walk("waiting", 1000)}


def test_a_sync_of_which_nothing_shows_for_long_has_the_status_asked(silent):
    assert run(silent, "track", track).action.payload == {"syncs": [], "unheard": True}
