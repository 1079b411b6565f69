"""Data that no read renewed within its schedule's hours is stale until one does."""

from dataclasses import replace

from relay.companies.company import Company, Connection, DataTypeState
from relay.store.intents.queue import Intent, Priority
from relay.syncs.schedule import ALL, Cadence, Schedule
from relay.times import now_micros
from support.parts import company_id, connection_id, make_event
from support.stored import put_schedule
from workers.intents.kinds import fresh
from workers.intents.kinds.fresh import HOUR, STALE_LOOK, judge
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
AT = 1_767_603_600_000_000
DAILY = Schedule(COMPANY, "invoices", Cadence.DAILY, fresh=24)


def company(hours_ago, data_type="invoices"):
    state = DataTypeState("Complete", (1, "e"), AT - int(hours_ago * HOUR))
    return Company(COMPANY, data_types={f"c|{data_type}": state})


def test_data_is_stale_when_its_hours_have_passed():
    assert judge(company(23), [DAILY], AT) == ((), 3601.0)
    assert judge(company(25), [DAILY], AT) == (("invoices",), STALE_LOOK)


def read(connections, linked=("c1", "c2")):
    """A company whose data types were read so many hours ago, by connection; None: never well."""
    states = {
        f"{connection}|{data_type}": DataTypeState("x", (1, "e"), hours and AT - hours * HOUR)
        for connection, types in connections.items()
        for data_type, hours in types.items()
    }
    held = {
        c: Connection(c, "Linked" if c in linked else "Unlinked", (1, "e")) for c in connections
    }
    return Company(COMPANY, connections=held, data_types=states)


EVERYTHING = replace(DAILY, data_type=ALL)


def test_each_data_type_ever_read_is_judged_by_itself():
    """What fails for weeks is stale although another was read an hour ago."""
    held = read({"c1": {"bills": 1, "invoices": 999, "items": 30, "journals": None}})
    assert judge(held, [EVERYTHING], AT)[0] == ("invoices", "items")
    assert judge(held, [replace(EVERYTHING, fresh=48), DAILY], AT)[0] == ("invoices",)


def test_each_schedule_is_judged_by_its_own_data():
    assert judge(company(25, "bills"), [replace(EVERYTHING, fresh=48)], AT)[0] == ()
    held = read({"c1": {"bills": 999, "invoices": 1}})
    assert judge(held, [DAILY], AT)[0] == ()


def test_the_linked_connection_read_longest_ago_counts():
    states = {"c1": {"invoices": 1}, "c2": {"invoices": 999}, "c3": {"invoices": None}}
    assert judge(read(states, ("c1", "c2", "c3")), [DAILY], AT)[0] == ("invoices",)
    assert judge(read(states, ("c1", "c3")), [DAILY], AT)[0] == ()
    assert judge(read(states, ()), [DAILY], AT)[0] == ("invoices",)


def test_a_read_without_a_connection_counts_where_no_other_is_known():
    assert judge(read({"": {"invoices": 999}, "c1": {"bills": 1}}), [DAILY], AT)[0] != ()
    assert judge(read({"": {"invoices": 999}, "c1": {"invoices": 1}}), [DAILY], AT)[0] == ()


def test_a_company_never_read_counts_from_its_first_sight():
    seen = Company(COMPANY, first_seen=(AT - 2 * HOUR) // 1000)
    assert judge(seen, [DAILY], AT)[0] == ()
    assert judge(seen, [replace(DAILY, fresh=1)], AT)[0] == ("invoices",)


def do(bench):
    name = f"fresh:{COMPANY}"
    return fresh.run(bench.context, Intent(name, 1, COMPANY, 1, 0, {}, "m", Priority.RECONCILE))


def test_stale_data_is_logged_once_and_a_good_read_makes_it_fresh(bench):
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    old = {"connectionId": connection_id(1), "dataType": "invoices", "status": "Complete"}
    bench.deliver(make_event("read.completed", dataTypes=[old], at=1))
    bench.drain()
    assert put_schedule(bench.store, DAILY, None, over=None)
    bench.store.intents.put([fresh_need()], 1)
    bench.settle()
    assert bench.types().count("data.stale") == 1
    assert bench.store.companies.get(COMPANY).stale == ("invoices",)
    assert do(bench).action is None
    now_read = make_event("read.completed", dataTypes=[old])
    seconds = now_micros() / 1_000_000
    bench.deliver(now_read | {"generatedDate": _iso(seconds)})
    bench.settle()
    assert bench.types()[-1] == "data.fresh"
    assert bench.store.companies.get(COMPANY).stale == ()


def fresh_need():
    from relay.store.intents.queue import NewIntent

    return NewIntent(f"fresh:{COMPANY}", COMPANY, Priority.RECONCILE, 1, "test")


def _iso(seconds):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_without_deadlines_the_watch_ends(bench):
    assert do(bench).kind is ResultKind.DONE
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    assert put_schedule(bench.store, replace(DAILY, fresh=0), None, over=None)
    assert do(bench).kind is ResultKind.DONE
