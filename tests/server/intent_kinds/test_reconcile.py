"""Comparing with Codat's own record, against the sandbox over real sockets."""

import dataclasses
import json
import re
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from codat import errors
from codat.client import CompaniesPage
from codat.records import Company as CodatCompany
from relay.inbox.message import webhook_fields
from relay.store import keys
from relay.store.companies.reconciliations import Phase, Run
from relay.store.intents.queue import Priority
from relay.times import iso_from_ms, now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import start
from support.log import read_log
from support.parts import SECRET, SentHints, company_id, make_codat, make_event
from support.stored import stored_intent
from workers.context import Context
from workers.inbox.drain import drain_lanes
from workers.intents.kinds import reconcile
from workers.intents.perform import perform_due

KEY = "sandbox-key"
XERO = {"platformKey": "gbol"}


@pytest.fixture
def sandbox():
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, daily_quota=10**9
    )
    with start(config) as running:
        yield running


@pytest.fixture
def context(store, make_settings, sandbox):
    settings = make_settings(
        codat_webhook_secrets=SECRET,
        relay_retry_seconds="0.05",
        relay_reconcile_page_size="10",
        relay_calls_per_minute="100000",
        relay_default_cadence="none",
    )
    return Context(settings, store, SentHints(), make_codat(KEY, sandbox.url, store))  # type: ignore[arg-type]


def settle(context: Context) -> None:
    deadline = time.monotonic() + 30
    quiet = 0
    while quiet < 3 and time.monotonic() < deadline:
        did = drain_lanes(context) + perform_due(context)
        waiting = list(context.store.intent_list.walk("waiting", 1000))
        quiet = quiet + 1 if not did and not [w for w in waiting if w.kind == "reconcile"] else 0
        time.sleep(0.02)


def end_leases(context: Context) -> None:
    """Let time pass for whoever was killed."""
    for priority in Priority:
        for name in context.store.client.zrange(f"{keys.INTENTS_DUE}{int(priority)}", 0, -1):
            context.store.client.zadd(f"{keys.INTENTS_DUE}{int(priority)}", {name: 0})


def begin(context: Context, run: str = "r1", **more: Any) -> str:
    return context.store.reconciles.begin(run, cause="asked for", now=now_ms(), **more)[0]


def control(sandbox: Any, company: str, act: str, **body: Any) -> None:
    address = f"{sandbox.url}/sandbox/companies/{company}/{act}"
    answer = requests.post(address, json=body, timeout=10)
    assert answer.ok, answer.text


def make_companies(context: Context, sandbox: Any, count: int) -> list[str]:
    made = [context.codat.create_company(f"Company {n}").id for n in range(count)]
    for company in made:
        control(sandbox, company, "authorise", **XERO)
    return made


def test_companies_codat_has_and_we_do_not_are_taken_in(context, sandbox):
    made = make_companies(context, sandbox, 25)
    begin(context)
    settle(context)
    run = context.store.reconciles.get("r1")
    assert run.phase is Phase.DONE
    assert (run.compared, run.total, run.drift["unknown"]) == (25, 25, 25)
    assert {c.id: str(c.status) for c in context.store.companies.all()} == dict.fromkeys(
        made, "Linked"
    )


def test_exactly_what_differs_is_healed_and_logged(context, sandbox):
    made = make_companies(context, sandbox, 40)
    begin(context)
    settle(context)
    before = context.store.events.last()
    for company in made[:5]:
        control(sandbox, company, "unlink")
    control(sandbox, made[5], "rename", name="Renamed by a person")
    context.codat.delete_company(made[6])
    calls = len(api_calls(sandbox))
    begin(context, "r2")
    settle(context)
    run = context.store.reconciles.get("r2")
    assert run.drift == {"missed": 5, "late": 0, "wrong": 1, "unknown": 1}
    assert run.figures["healed"] == 7
    assert run.miss_rate == 1.0  # no webhook came in between
    events = read_log(context.store, before, 1000)
    drifted = [e.subject for e in events if e.type == "company.drift_found"]
    assert sorted(drifted) == sorted(made[:7])
    assert all(e.data["source"] == "reconcile" for e in events if e.type == "company.drift_found")
    statuses = {c.id: str(c.status) for c in context.store.companies.all()}
    assert {statuses[company] for company in made[:5]} == {"Unlinked"}
    assert statuses[made[6]] == "Deleted"
    assert context.store.companies.get(made[5]).name == "Renamed by a person"
    pages, healed = 4, 7
    assert len(api_calls(sandbox)) - calls <= 1.2 * pages + healed
    [ended] = [e.data for e in events if e.type == "reconcile.completed"]
    assert ended["drift"]["missed"] == 5


def test_a_run_killed_between_steps_resumes_and_logs_nothing_twice(context, sandbox):
    """Each step is done, then lost before it is noted; the next attempt does it again."""
    made = make_companies(context, sandbox, 30)
    begin(context)
    noted = context.store.reconciles.move_on
    lost: set[tuple[str, str]] = set()

    def killed_once(run, *args, **kwargs):
        if (run.phase, run.position) not in lost:
            lost.add((run.phase, run.position))
            raise SystemExit("killed")
        noted(run, *args, **kwargs)

    context.store.reconciles.move_on = killed_once
    for _ in range(20):
        claimed = context.store.intents.claim(
            now=now_ms() + 5, lease_ms=1, limit=1, priorities=tuple(Priority)
        )
        if not claimed or claimed[0].kind != "reconcile":
            continue
        try:
            reconcile.run(context, claimed[0])
        except SystemExit:
            continue
    context.store.reconciles.move_on = noted
    assert len(lost) >= 4
    settle(context)
    run = context.store.reconciles.get("r1")
    assert run.phase is Phase.DONE
    assert run.compared == 30
    drifted = [e.subject for e in read_log(context.store, 0, 1000)
               if e.type == "company.drift_found"]  # fmt: skip
    assert sorted(drifted) == sorted(made)


def test_each_step_of_a_run_is_logged_once(context, sandbox):
    make_companies(context, sandbox, 40)
    begin(context)
    end = context.store.intents.finish
    context.store.intents.finish = lambda intent, *args, **more: (False, False)  # killed before it
    perform_due(context)
    assert context.store.reconciles.get("r1").phase is Phase.APPLYING
    while drain_lanes(context):
        pass
    end_leases(context)
    perform_due(context)  # killed once more, between the run's end and its intent's
    assert context.store.reconciles.get("r1").phase is Phase.DONE
    context.store.intents.finish = end
    end_leases(context)
    settle(context)
    told = [e for e in read_log(context.store, 0, 1000) if e.type.startswith("reconcile.")]
    kinds = [e.type for e in told]
    assert kinds[0] == "reconcile.started"
    assert kinds[-1] == "reconcile.completed"
    shares = [(e.data["compared"], e.data["companies"]) for e in told[1:-1]]
    assert shares == [(10, 40), (20, 40), (30, 40), (40, 40)]


def test_one_that_is_aborted_stops_and_says_so(context, sandbox):
    make_companies(context, sandbox, 30)
    begin(context)
    page = context.codat.companies_page

    def abort_meanwhile(number, size):
        context.store.reconciles.end(context.store.reconciles.get("r1"), Phase.ABORTED, now_ms())
        return page(number, size)

    context.codat.companies_page = abort_meanwhile
    settle(context)
    types = [e.type for e in read_log(context.store, 0, 1000)]
    assert types.count("reconcile.aborted") == 1
    assert "reconcile.completed" not in types
    assert context.store.reconciles.get("r1").phase is Phase.ABORTED


def test_dummy_names_are_replaced_once_after_the_pattern_is_set(context, sandbox):
    made = make_companies(context, sandbox, 5)
    begin(context)
    settle(context)
    assert all(context.store.companies.get(company).info for company in made)
    context = dataclasses.replace(context, placeholders=re.compile(r"Company [0-3]"))
    for run in ("r2", "r3"):
        begin(context, run)
        settle(context)
    names = {company: context.codat.get_company(company).name for company in made}
    assert [names[company].startswith("Company ") for company in made] == [False] * 4 + [True]
    renamed = [e for e in read_log(context.store, 0, 1000) if e.type == "company.renamed"]
    assert sorted((e.subject, e.data["current"], e.data["source"]) for e in renamed) == sorted(
        (company, names[company], "codat") for company in made[:4]
    )
    assert {e.data["previous"] for e in renamed} == {f"Company {n}" for n in range(4)}
    patched = [e for e in sandbox.journal.after(0, 1_000_000) if e.get("method") == "PATCH"]
    assert len(patched) == 4


def test_chosen_companies_cost_a_call_each(context, sandbox):
    made = make_companies(context, sandbox, 12)
    calls = len(api_calls(sandbox))
    begin(context, "r1", chosen=made[:2])
    settle(context)
    run = context.store.reconciles.get("r1")
    assert (run.phase, run.compared, run.total) == (Phase.DONE, 2, 2)
    followed = len(api_calls(sandbox, "/data/info")) + len(api_calls(sandbox, "/dataStatus"))
    assert followed + 2 >= len(api_calls(sandbox)) - calls
    assert context.store.companies.count() == 2


def hold(bench: Any, count: int, *, there: bool) -> None:
    """Hold companies that the pages do not show, and that Codat knows or not when asked."""
    for n in range(1, count + 1):
        bench.deliver(make_event("company.created", company=n, at=n))
        if there:
            company = {"id": company_id(n), "name": f"Company {n}", "dataConnections": []}
            bench.codat.companies[company_id(n)] = company
    drain_all(bench)
    time.sleep(0.002)  # known before a run begins
    bench.codat.companies_page = lambda number, size: CompaniesPage((), 0, False)


def go_on(bench: Any, times: int = 30) -> Run:
    """Let a run go on, without a wait, until it is over."""
    for _ in range(times):
        end_leases(bench.context)
        bench.drain()
        bench.perform()
        run = bench.store.reconciles.get("r1")
        if not run.goes_on:
            break
    drain_all(bench)
    return run


def drain_all(bench: Any) -> None:
    while bench.drain():
        pass


@pytest.mark.parametrize("chosen", [False, True])
def test_each_company_is_asked_for_once_however_often_codat_fails(bench, chosen):
    hold(bench, 15, there=True)
    failed: set[str] = set()

    def each_fails_once(operation, company):
        if company in failed:
            return None
        failed.add(company)
        return errors.CodatBroken("503", status=503)

    bench.codat.failing = each_fails_once
    ids = [company_id(n) for n in range(1, 16)] if chosen else []
    begin(bench, chosen=ids)
    run = go_on(bench)
    assert (run.phase, run.compared) == (Phase.DONE, 15)
    assert run.figures["calls"] == 15 + (not chosen)
    assert len(bench.codat.asked) == 30
    assert (run.figures["ours"], run.figures.get("gone", 0)) == (15, 0)


def test_an_attempt_ends_in_the_midst_of_a_step_when_its_time_is_over(bench, monkeypatch):
    hold(bench, 5, there=True)
    give, clock = bench.codat.get_company, [0.0]

    def slowly(company):
        clock[0] += reconcile.AT_A_STRETCH
        return give(company)

    bench.codat.get_company = slowly
    monkeypatch.setattr(reconcile, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    begin(bench)
    for asked in (1, 2, 3):
        [claimed] = bench.store.intents.claim(
            now=now_ms(), lease_ms=60_000, limit=1, priorities=[Priority.NOW]
        )
        assert reconcile.run(bench.context, claimed).expected
        assert len(bench.codat.asked) == asked
        end_leases(bench.context)
        clock[0] += 1


def test_many_companies_gone_at_once_stop_it_until_accepted(bench):
    hold(bench, 30, there=False)
    begin(bench)
    run = go_on(bench)
    assert (run.phase, run.figures["gone"]) == (Phase.STOPPED, 21)
    assert bench.types().count("company.deleted") == 0
    [told] = [data for kind, data in bench.log() if kind == "reconcile.stopped"]
    assert told["gone"] == 21
    bench.store.reconciles.begin("r2", cause="asked for", now=now_ms(), accept_deletions=True)
    for _ in range(5):
        end_leases(bench.context)
        bench.perform()
        bench.drain()
    run = bench.store.reconciles.get("r2")
    assert (run.phase, run.drift["unknown"]) == (Phase.DONE, 30)
    assert bench.types().count("company.deleted") == 30


@pytest.mark.parametrize(("gone", "phase"), [(21, Phase.STOPPED), (20, Phase.DONE)])
def test_it_is_the_share_of_those_still_held_that_counts(bench, gone, phase):
    """Companies deleted long ago make no mistake look small."""
    hold(bench, 430, there=False)
    for n in range(gone + 1, 431):
        bench.deliver(make_event("company.deleted", company=n, at=1000))
    drain_all(bench)
    begin(bench)
    run = go_on(bench)
    assert (run.phase, run.figures["gone"], run.figures["ours"]) == (phase, gone, gone)
    assert bench.types().count("company.deleted") == 430 - (gone if phase is Phase.STOPPED else 0)


def test_it_ends_when_codat_shows_a_company_on_two_pages(bench):
    company = CodatCompany.from_json({"id": company_id(1), "name": "C", "dataConnections": []})
    bench.codat.companies_page = lambda number, size: CompaniesPage((company,), 2, number < 2)
    begin(bench)
    run = go_on(bench)
    assert (run.phase, run.drift["unknown"]) == (Phase.DONE, 1)
    assert begin(bench, "r2") == "r2"


def test_it_ends_when_a_company_is_forgotten_while_its_message_waits(bench):
    company = CodatCompany.from_json({"id": company_id(1), "name": "C", "dataConnections": []})
    bench.codat.companies_page = lambda number, size: CompaniesPage((company,), 1, False)
    begin(bench)
    bench.perform()
    run = bench.store.reconciles.get("r1")
    assert (run.phase, bool(run.tails)) == (Phase.APPLYING, True)
    bench.store.erasure.forget(company_id(1), "test")
    assert go_on(bench).phase is Phase.DONE
    assert begin(bench, "r2") == "r2"


def test_it_ends_when_a_message_of_its_is_set_aside(bench, monkeypatch):
    company = CodatCompany.from_json({"id": company_id(1), "name": "C", "dataConnections": []})
    bench.codat.companies_page = lambda number, size: CompaniesPage((company,), 1, False)
    monkeypatch.setattr(reconcile, "shown_fields", lambda company: {})
    begin(bench)
    assert go_on(bench).phase is Phase.DONE
    assert bench.store.inbox.depths()["dead_letters"] == 1


def test_one_run_over_all_at_a_time(context):
    assert begin(context, "r1") == "r1"
    assert begin(context, "r2") == "r1"
    assert begin(context, "r1") == "r1"
    assert begin(context, "r3", chosen=[company_id(1)]) == "r3"
    context.store.reconciles.end(context.store.reconciles.get("r1"), Phase.ABORTED, now_ms())
    assert begin(context, "r4") == "r4"


def test_what_came_in_meanwhile_counts_as_late_not_as_drift(context, sandbox, monkeypatch):
    [company] = make_companies(context, sandbox, 1)
    begin(context)
    settle(context)
    control(sandbox, company, "unlink")
    begin(context, "r2")
    [claimed] = context.store.intents.claim(
        now=now_ms(), lease_ms=1, limit=1, priorities=[Priority.NOW]
    )
    sandbox.deliver_to(None)
    # Between the listing and its message the webhook comes in, with the same news.
    listed = context.codat.companies_page(1)
    inbox = context.store.inbox
    enqueue_action = reconcile.enqueue_action

    def webhook_first(store, hints, action):
        event = make_event(
            "connection.disconnected", company=None, referenceCompany={"id": company},
            connection=(1, "Unlinked"),
        )  # fmt: skip
        event["payload"]["connection"]["id"] = listed.companies[0].connections[0].id
        event["generatedDate"] = iso_from_ms(now_ms())
        fields = webhook_fields(
            source="default", message_id="m", event_type=event["eventType"], company_id=company,
            body=json.dumps(event).encode(),
        )  # fmt: skip
        inbox.ingest(event["id"], company, fields)
        enqueue_action(store, hints, action)

    monkeypatch.setattr(reconcile, "enqueue_action", webhook_first)
    reconcile.run(context, claimed)
    settle(context)
    assert str(context.store.companies.get(company).status) == "Unlinked"
    drift = context.store.reconciles.get("r2").drift
    assert drift == {"missed": 0, "late": 1, "wrong": 0, "unknown": 0}
    types = [e.type for e in read_log(context.store, 0, 1000)]
    assert types.count("company.drift_found") == 1  # the first run's, which took it in


def test_many_at_once_are_compared_while_codat_fails(context, sandbox):
    make_companies(context, sandbox, 60)
    for fault in ({"kind": "status", "status": 500}, {"kind": "down"}, {"kind": "half"}):
        requests.post(f"{sandbox.url}/sandbox/faults", json=fault | {"share": 0.2}, timeout=10)
    begin(context)
    settle(context)
    requests.delete(f"{sandbox.url}/sandbox/faults", timeout=10)
    settle(context)
    run = context.store.reconciles.get("r1")
    assert (run.phase, run.compared, run.drift["unknown"]) == (Phase.DONE, 60, 60)


def test_a_failure_after_it_got_on_does_not_lengthen_its_waits(context, sandbox, monkeypatch):
    make_companies(context, sandbox, 30)
    give, failed = context.codat.companies_page, set()

    def each_page_but_the_first_fails_once(number, size):
        if number > 1 and number not in failed:
            failed.add(number)
            raise errors.CodatBroken("500")
        return give(number, size)

    monkeypatch.setattr(context.codat, "companies_page", each_page_but_the_first_fails_once)
    begin(context)
    perform_due(context)
    intent = stored_intent(context.store, "reconcile:r1")
    assert (intent["state"], intent["attempts"], intent["last_error"]) == ("due", "0", "500")
    settle(context)
    assert context.store.reconciles.get("r1").compared == 30


def test_two_workers_one_frozen_past_its_lease_log_once(context, sandbox):
    """A worker that sleeps through its lease and wakes does the step again, without effect."""
    made = make_companies(context, sandbox, 10)
    begin(context)
    claims = [
        context.store.intents.claim(
            now=now_ms() + n, lease_ms=1, limit=1, priorities=tuple(Priority)
        )[0]
        for n in (0, 50)
    ]
    threads = [threading.Thread(target=reconcile.run, args=(context, c)) for c in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(context)
    drifted = [e.subject for e in read_log(context.store, 0, 1000)
               if e.type == "company.drift_found"]  # fmt: skip
    assert sorted(drifted) == sorted(made)
    assert context.store.reconciles.get("r1").compared == 10


def api_calls(sandbox: Any, ending: str = "") -> list[Any]:
    entries = sandbox.journal.after(0, 1_000_000)
    return [e for e in entries if e["kind"] == "api" and e["path"].endswith(ending)]
