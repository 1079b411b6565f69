"""What Codat's history says of open syncs is told once; silence is judged by the platform."""

from dataclasses import replace

import pytest

from codat.errors import CodatError
from relay.store.intents.queue import Intent, Priority
from relay.syncs.schedule import ALL
from relay.syncs.tracking import FIRST, ON_PREMISE_TIMEOUT, SYNC_TIMEOUT, next_check, sync_timeout
from relay.times import iso_from_micros, now_micros
from support.parts import company_id, connection_id, make_event
from workers.intents.kinds import track
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
MINUTE = 60_000_000


@pytest.fixture
def linked(bench):
    event = make_event("connection.connected", connection=(1, "Linked"))
    bench.deliver(event | {"generatedDate": iso_from_micros(now_micros() - MINUTE)})
    bench.drain()
    return bench


def pull(data_type, status, ago=MINUTE // 2, number=1):
    return {
        "id": connection_id(900 + len(data_type)),
        "connectionId": connection_id(number),
        "dataType": data_type,
        "status": status,
        "requested": iso_from_micros(now_micros() - ago),
    }


def do(bench):
    name = f"track:{COMPANY}"
    return track.run(bench.context, Intent(name, 1, COMPANY, 1, 0, {}, "m", Priority.LINK))


def shown(ended):
    [sync] = ended.action.payload["syncs"]
    return {name: sync[name] for name in ("state", "total", "done", "failed")}


def test_a_first_sync_is_tracked_from_link_to_its_last_read(linked):
    assert linked.store.companies.get(COMPANY).syncs[ALL].period == FIRST
    linked.codat.history = [
        pull("invoices", "Complete"),
        pull("bills", "Fetching"),
        pull("suppliers", "Complete", ago=10 * MINUTE),  # before the link
    ]
    ended = do(linked)
    assert (ended.kind, ended.expected) == (ResultKind.LATER, True)
    assert 30 <= ended.wait <= 60
    assert shown(ended) == {"state": "accepted", "total": 2, "done": 1, "failed": 0}
    linked.codat.history[1] = pull("bills", "NotSupported")
    ended = do(linked)
    assert ended.kind is ResultKind.DONE
    assert shown(ended) == {"state": "completed", "total": 2, "done": 2, "failed": 0}


def test_one_failed_read_fails_the_sync(linked):
    linked.codat.history = [pull("invoices", "Complete"), pull("bills", "MapError")]
    linked.codat.history[1]["errorMessage"] = "The chart of accounts is empty."
    ended = do(linked)
    assert shown(ended) == {"state": "failed", "total": 2, "done": 2, "failed": 1}
    assert ended.action.payload["syncs"][0]["why"] == "bills: The chart of accounts is empty."


def test_a_look_that_finds_nothing_new_logs_nothing(linked):
    ended = do(linked)
    assert (ended.kind, ended.action) == (ResultKind.LATER, None)


def test_without_an_open_sync_or_connection_no_call_is_made(bench):
    bench.deliver(make_event("company.created"))
    bench.drain()
    assert do(bench).kind is ResultKind.DONE
    assert bench.codat.asked == []


def test_a_company_that_cannot_sync_is_not_asked_about(linked):
    event = make_event("connection.disconnected", connection=(1, "Deauthorized"))
    linked.deliver(event | {"generatedDate": iso_from_micros(now_micros())})
    linked.drain()
    ended = do(linked)
    assert ended.kind is ResultKind.DONE
    assert ended.action.payload["syncs"][0]["reason"] == "the company is Deauthorised"
    assert linked.codat.asked == []


def test_after_the_platforms_patience_silence_is_a_failure(linked, monkeypatch):
    monkeypatch.setattr(track, "sync_timeout", lambda company: 30)
    ended = do(linked)
    assert ended.kind is ResultKind.DONE
    assert ended.action.payload["syncs"][0]["reason"].startswith("no word")


def test_on_premise_platforms_are_given_days(linked):
    company = linked.store.companies.get(COMPANY)
    assert sync_timeout(company) == SYNC_TIMEOUT
    [connection] = company.connections.values()
    desktop = replace(connection, platform_key="pqsw")
    assert sync_timeout(replace(company, connections={"c": desktop})) == ON_PREMISE_TIMEOUT


def test_looks_become_rarer():
    waits = [next_check(age) for age in (0, 60, 120, 3600, 10**6)]
    assert waits == [30, 30, 60, 1800, 6 * 3600]


def test_trouble_at_codat_is_left_to_the_endings(linked):
    linked.codat.failing = lambda operation, company: CodatError("down")
    with pytest.raises(CodatError):
        do(linked)
