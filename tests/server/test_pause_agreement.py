"""The scripts that park schedules agree with the one decision of what a pause holds back."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.companies.company import Company, Connection
from relay.store import keys
from relay.store.companies.packed import pack
from relay.syncs.cadence import next_run
from relay.syncs.pause import Pause, Scope, Window
from relay.syncs.schedule import Cadence, Schedule
from scheduler import dispatch, pauses
from support.parts import SentHints, company_id
from support.stored import put_schedule

NOW = 1_772_452_800  # Monday 2026-03-02T12:00Z
DAY = 86_400
XERO = Connection("c", "Linked", (1, "e"), "gbol", "Xero", "Accounting")
COMPANIES = {
    company_id(1): Company(company_id(1), connections={"c": XERO}),
    company_id(2): Company(company_id(2), tags={"region": "uk"}),
}
DATA_TYPES = ("all", "invoices")

windows = st.builds(
    Window,
    zone=st.sampled_from(["UTC", "Europe/London", "Asia/Tokyo"]),
    start=st.sampled_from(["00:00", "09:00", "21:00"]),
    end=st.sampled_from(["00:00", "06:00", "15:00"]),
    weekdays=st.sampled_from([(1, 2, 3, 4, 5, 6, 7), (1,), (2, 3), (6, 7)]),
)
subjects = st.sampled_from(
    [
        (Scope.EVERYTHING, ""),
        (Scope.COMPANY, company_id(1)),
        (Scope.DATA_TYPE, "invoices"),
        (Scope.PLATFORM, "xero"),
        (Scope.TAG, "region=uk"),
    ]
)
given_pauses = st.lists(
    st.tuples(
        subjects,
        st.integers(0, 3 * DAY),
        st.none() | st.integers(1, 3 * DAY),
        st.none() | windows,
        st.booleans(),
    ),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made=given_pauses, later=st.integers(DAY // 2, 3 * DAY))
def test_what_is_decided_is_what_the_scripts_park(bench, made, later):
    store, now = bench.store, NOW + later
    begin_again(store)
    for number, ((scope, value), begins, lasts, window, on) in enumerate(made):
        ends = None if lasts is None else NOW + begins + lasts
        one = Pause(f"p{number}", scope, value, "olga", "why", NOW + begins, ends, window, on)
        assert store.pauses.write(one, over=None, at=NOW)[0]
    pauses.follow(store, SentHints(), now)
    on = store.pauses.standing(now).on
    for one in store.pauses.all():  # what the scripts read agrees with what is decided
        [due, *_] = store.schedules.due(NOW + DAY, 1)
        assert store.pauses.park([(due, one)]) == (one in on.pauses) == one.is_on(now)
        store.client.delete(keys.PARKED + one.id)
        store.client.zadd(keys.SCHEDULES_DUE, {due.member: due.due})
    dispatch.dispatch(store, SentHints(), now)
    wanted = [schedule for name in COMPANIES for schedule in store.schedules.of(name).values()]
    held = store.pauses.holding(store.pauses.all(), wanted)
    assert len(wanted) == len(COMPANIES) * len(DATA_TYPES)
    for schedule, under in zip(wanted, held, strict=True):
        company = COMPANIES[schedule.company_id]
        decided = on.decide(schedule.company_id, schedule.data_type, company)
        assert (under is None) is (decided is None)
        assert under is None or under.covers(schedule.company_id, schedule.data_type, company)


def begin_again(store):
    """Put due schedules of two companies into the store, and no pause."""
    client = store.client
    client.delete(keys.PAUSES, keys.PARKING, keys.SCHEDULES_DUE, keys.HELD_BACK)
    client.delete(*(f"{keys.PARKED}p{number}" for number in range(4)))
    client.delete(*(keys.SCHEDULES + name for name in COMPANIES))
    client.hincrby(keys.META, "pauses_version", 1)
    client.hdel(keys.META, "resumed")
    for name, company in COMPANIES.items():
        client.set(keys.COMPANY + name, pack(name, company.to_json()))
        for data_type in DATA_TYPES:
            wanted = Schedule(name, data_type, Cadence.DAILY)
            assert put_schedule(store, wanted, next_run(wanted, NOW).due, over=None)
