"""No reader ever fails on what is in the log, whatever came in, and whatever already lies there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from relay.delivery.subscription import DAY_MS
from relay.events.catalogue import event_types
from relay.store import keys
from relay.store.log.encoded import encode
from relay.store.log.entries import read_entry
from relay.store.scripts import Scripts
from relay.times import iso_from_micros, iso_from_ms, now_ms
from support.every_reader import by_pages, by_timeline, make_deliverer, read_by_all
from support.folding import RECEIVED, apply, logged, webhook
from support.log import read_log
from support.parts import Bench, company_id, make_event, moment
from support.paths import PAYLOADS
from support.portal_bench import Portal

SAMPLES = sorted(PAYLOADS.glob("*.json"))
NEVER = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+01:00",
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00.0000000-23:59",
    "1582-10-15T00:00:00Z",
    "1601-01-01T00:00:00Z",
    "1753-01-01T00:00:00Z",
    "1899-12-30T00:00:00Z",
    "1900-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1980-01-01T00:00:00Z",
    "2000-01-01T00:00:00Z",
    "2001-01-01T00:00:00+00:00",
    "2016-12-31T23:59:60Z",
    "2026-01-05T09:00:60Z",
    "2026-02-29T00:00:00Z",
    "2026-01-05T24:00:00Z",
    "2038-01-19T03:14:08Z",
    "2099-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.9999999-23:59",
    "9999-12-31T00:00:00+14:00",
    "10000-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "+10000-01-01T00:00:00Z",
    "2026-01-05",
    "05/01/2026 09:00:00",
    "/Date(1767600000000)/",
    "",
    " ",
    "never",
    0,
    -62135596800,
    1767600000,
    1767600000000,
    10**30,
    1e300,
    None,
    True,
    [],
    {},
]
ODD_NUMBERS = [
    -1, 0, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**400, -(2**63) - 1,
    1e308, -1e308, 1e-320, 0.1,
]  # fmt: skip
ODD_TEXTS = [
    "", " ", "\x00", "\n", "\r\n\r\nevent: x\ndata: {}", "\u2028\u2029\x85", "\ud800",
    "\udfff\ud83d",
    "\ufeff", "\u202e", "💥" * 50, "x" * 300, "x" * 20_000, "<script>", "'\"\\`{}%s{0}", "null",
    "../../etc", "a" * 64, "A" * 65, "ﬀ", "٣", "1e400",
]  # fmt: skip
ODD_SHAPES = [None, True, [], {}, [None], [[]], [{}], {"id": {}}, {"": 0}, [1, "a", None, {}, []]]
TRY = (Phase.explicit, Phase.generate)  # what fails is clear from the bodies; shrinking takes long
ANY = list(HealthCheck)
RAW = [
    '{"a":' * 150 + "1" + "}" * 150,
    "[" * 120 + "]" * 120,
    "NaN",
    "-Infinity",
    "1e400",
    "-1E+999",
]
odd = st.one_of(
    st.sampled_from(NEVER),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_SHAPES),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(), max_size=30),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    st.builds(
        lambda at, off: (
            (datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S")
            + off
        ),
        st.integers(0, 9998 * 365 * 86_400),
        st.sampled_from(["Z", "", "+23:59", "-23:59", "+14:00", ".9999999Z"]),
    ),
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where anything stands in a body, the whole but for the body itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*at, key)
        if isinstance(one, (dict, list)):
            yield from paths(one, (*at, key))


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    for key in path[:-1]:
        body = body[key]
    body[path[-1]] = value


def written(body: Any) -> bytes:
    """JSON as a careless sender writes it; a text `raw:...` stands for itself, without quotes."""
    text = json.dumps(body)
    for one in RAW:
        text = text.replace(json.dumps("raw:" + one), one)
    return text.encode()


BODIES = {path.stem: path.read_bytes() for path in SAMPLES}
PLACES = [(name, path) for name, raw in BODIES.items() for path in paths(json.loads(raw))]
changes = st.tuples(st.sampled_from(PLACES), odd | st.sampled_from(["raw:" + one for one in RAW]))


def fuzzed(changed: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> bytes:
    """The sample of the first change, with each change whose place it has."""
    name = changed[0][0][0]
    body = json.loads(BODIES[name])
    for (_, path), value in changed:
        try:
            put(body, path, value)
        except (KeyError, TypeError, IndexError):
            continue
    return written(body)


@pytest.fixture
def portal(store) -> Portal:
    return Portal(store=store)


def survives(bench: Bench, portal: Portal, bodies: list[bytes], *, shell: bool = False) -> None:
    """Send these, signed, and have them applied; then everybody reads all of the log."""
    for body in bodies:
        assert bench.deliver(body).status == 204
    while bench.drain():
        pass
    assert bench.store.inbox.depths()["lanes_waiting"] == 0
    letters = bench.store.inbox.dead_letters(1000)
    assert {letter["reason"].partition(":")[0] for letter in letters} <= {"Malformed"}
    read_by_all(portal, make_deliverer(bench.context), shell=shell)
    assert not bench.store.events.damaged()
    assert portal.get("/v1/companies?limit=200").status_code == 200
    for company in json.loads(portal.get("/v1/companies?limit=200").data)["companies"]:
        for path in ("", "/syncs", "/info", "/schedules"):
            shown = portal.get(f"/v1/companies/{company['id']}{path}")
            assert shown.status_code < 500, (company["id"], path, shown.text)
    for path in ("/v1/status", "/v1/dead-letters", "/v1/messages?limit=500", "/metrics"):
        assert portal.get(path).status_code == 200, path


@given(st.lists(st.lists(changes, min_size=1, max_size=3), min_size=40, max_size=40))
@settings(max_examples=6, phases=TRY, suppress_health_check=ANY)
def test_every_reader_survives_every_field_of_every_event_fuzzed(store, bench, portal, several):
    bench.store.client.flushall()
    fresh = Bench(type(store)(store.client, store.server, lanes=64), bench.settings)
    survives(fresh, Portal(store=fresh.store), [fuzzed(one) for one in several])


@pytest.mark.parametrize("at", ["generatedDate", "payload"])
def test_no_impossible_date_stops_a_reader(bench, portal, at):
    """Every type of event, with each of them as its own date, or as each date that it carries."""
    bodies = []
    for number, raw in enumerate(BODIES.values()):
        dates = [p for p in paths(json.loads(raw)) if is_date(raw, p) and p[0] == at] or [(at,)]
        for index, date in list(enumerate(NEVER))[number % 3 :: 3]:
            body = json.loads(raw)
            for path in dates if at != "payload" or dates != [("payload",)] else ():
                put(body, path, date)
            body |= {"id": f"{at}-{number}-{index}", "AlertId": f"{at}-{number}-{index}"}
            bodies.append(
                orjson.dumps(json.loads(json.dumps(body).replace("1" + "0" * 30, "1e30")))
            )
    survives(bench, portal, bodies, shell=True)


def is_date(raw: bytes, path: tuple[Any, ...]) -> bool:
    value: Any = json.loads(raw)
    for key in path:
        value = value[key]
    return isinstance(value, str) and value[4:5] == "-" and "T" in value


def test_one_webhook_stops_no_reader(bench, portal):
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    told = make_event("connection.disconnected", connection=(1, "Unlinked"))
    bench.deliver(told | {"generatedDate": "0001-01-01T00:00:00+01:00"})
    bench.deliver(make_event("connection.connected", at=60, connection=(2, "Linked")))
    survives(bench, portal, [], shell=True)


@pytest.mark.parametrize("date", NEVER)
@pytest.mark.parametrize(
    ("kind", "now"), [("connection.disconnected", "Unlinked"), ("connection.deleted", None)]
)
def test_an_event_with_an_impossible_date_is_looked_up_at_codat(bench, date, kind, now):
    """A true disconnect with a date that stands for none: the company must not stay `Linked`."""
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.settle()
    shown = make_event("x", connection=(1, now or "Linked"))["payload"]
    bench.codat.companies[company_id(1)] = {
        "id": company_id(1), "name": "Company 1",
        "dataConnections": [shown["connection"]] if now else [],
    }  # fmt: skip
    event = make_event(kind, connection=(1, now or "Linked"))
    bench.deliver(json.dumps(event | {"generatedDate": date}).encode())
    bench.settle()
    assert ("get_company", company_id(1)) in bench.codat.asked
    assert bench.store.companies.get(company_id(1)).status == (now or "Blank")
    assert bench.types()[-1:] != ["webhook.stale"]
    assert bench.store.inbox.depths()["dead_letters"] == 0


FAR = [
    "9999-12-31T23:59:59-05:00",
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T00:00:00+14:00",
    "2099-01-01T00:00:00Z",
    "2101-01-01T00:00:00Z",
]


@pytest.mark.parametrize("expiry", FAR)
@pytest.mark.parametrize("said", [None, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
def test_a_quota_reached_for_ever_holds_calls_until_the_day_ends(bench, expiry, said):
    event = make_event("client.rateLimit.reached", company=None, expiryDate=expiry)
    event["generatedDate"] = said or iso_from_ms(RECEIVED)
    midnight = RECEIVED - RECEIVED % DAY_MS + DAY_MS
    folded = apply(None, webhook(event))
    assert folded.hold_until == midnight
    told = {"daily_quota": None, "until": iso_from_micros(midnight * 1000)}
    assert logged(folded) == [("rate_limit.reached", told)]
    bench.deliver(event)
    bench.drain()
    assert bench.store.inbox.depths()["dead_letters"] == 0
    assert bench.types() == ["rate_limit.reached"]


@pytest.mark.parametrize("count", ODD_NUMBERS)
@pytest.mark.parametrize("event", ["client.rateLimit.reached", "client.rateLimit.reset"])
def test_no_count_that_is_none_keeps_calls_from_leaving(bench, event, count):
    told = {"dailyQuota": count, "quotaRemaining": count, "expiryDate": "9999-12-31T23:59:59Z"}
    body = make_event(event, company=None, **told) | {
        "generatedDate": datetime.now(UTC).isoformat()
    }
    bench.deliver(json.dumps(body).encode())
    bench.drain()
    bench.store.client.delete(keys.HOLD)
    assert bench.store.inbox.depths()["dead_letters"] == 0
    for number in range(2):
        bench.store.budget.take(f"call-{number}", None, priority=0, now=now_ms())
        bench.store.budget.ended(f"call-{number}", None, now=now_ms())
    bench.store.budget.state(now_ms())


@given(st.lists(st.tuples(st.integers(0, 30), odd), min_size=1, max_size=12))
@settings(max_examples=15, phases=TRY, suppress_health_check=ANY)
def test_every_reader_survives_what_codat_answers(store, bench, changed):
    """The company, its info and its pull history, fuzzed, as they come back through a lane."""
    bench.store.client.flushall()
    fresh = Bench(type(store)(store.client, store.server, lanes=64), bench.settings)
    shown = make_event("x", connection=(1, "Linked"))["payload"]["connection"]
    shown["dataConnectionErrors"] = [
        {"statusCode": 401, "statusText": "No", "errorMessage": "no", "erroredOnUtc": moment()}
    ]
    company = {
        "id": company_id(1), "name": "Company 1", "created": moment(), "lastSync": moment(),
        "tags": {"a": "b"}, "dataConnections": [shown],
    }  # fmt: skip
    info = {"companyName": "A", "companyLegalName": "B", "accountingPlatformRef": "x", "more": 1}
    history = [
        {
            "id": company_id(9), "dataType": "invoices", "status": "Complete",
            "requested": moment(60), "completed": moment(90), "progress": 100, "isCompleted": True,
        }
    ]  # fmt: skip
    answers = {"company": company, "info": info, "history": history}
    places = [p for p in paths(answers) if len(p) > 1 and p[-1] != "id" and p != ("history", 0)]
    for number, value in changed:
        try:
            put(answers, places[number % len(places)], storable(value))
        except (KeyError, TypeError, IndexError):
            continue
    fresh.codat.companies[company_id(1)] = answers["company"]
    fresh.codat.infos[company_id(1)] = answers["info"]
    fresh.codat.history = [one for one in answers["history"] if isinstance(one, dict)]
    fresh.deliver(make_event("connection.connected", connection=(1, "Linked"), at=60))
    fresh.deliver(make_event("DataConnectionStatusChanged") | {"RuleType": "x"})
    bad = make_event("connection.disconnected", connection=(1, "Unlinked"))
    fresh.deliver(bad | {"generatedDate": NEVER[0]})
    fresh.settle()
    for need in ("info", "track", "reread"):
        fresh.store.client.zadd(keys.INTENTS_DUE + "1", {f"{need}:{company_id(1)}": 0}, xx=True)
        fresh.store.client.zadd(keys.INTENTS_DUE + "0", {f"{need}:{company_id(1)}": 0}, xx=True)
        fresh.store.client.zadd(keys.INTENTS_DUE + "4", {f"{need}:{company_id(1)}": 0}, xx=True)
    fresh.settle()
    assert fresh.store.inbox.depths()["dead_letters"] == 0, fresh.store.inbox.dead_letters()
    assert fresh.store.intents.counts()["dead"] == 0
    read_by_all(Portal(store=fresh.store), make_deliverer(fresh.context), shell=False)


def storable(value: Any) -> Any:
    """The value as our reader of JSON gives it."""
    from codat.bodies import load

    return load(json.dumps(value).encode())


GOOD = {
    "type": "company.renamed",
    "source": f"/codat/default/companies/{company_id(1)}",
    "subject": company_id(1),
    "time": "1767600000000000",
    "cause": "msg_1",
    "data": '{"previous":"A","current":"B","source":"person"}',
}
BAD: dict[str, list[str | bytes | None]] = {
    "time": [
        "-62135600400000000", "253402304400000000", "9" * 30, "-" + "9" * 30, "9" * 5000, "x", "",
        "1.5", "nan", " 1 ", "١", b"\xff", None,
    ],
    "data": [
        "", "{", "null", "[]", "1", '"x"', '{"a":NaN}', '{"a":1e400}', '{"a":"\\ud800"}',
        '{"a":' * 300 + "1" + "}" * 300, '{"a":\n' * 300 + "1" + "}" * 300,
        '{"a":' + "[" * 1000 + "]" * 1000 + "}",
        b'{"a":"\xff"}', b'\xef\xbb\xbf{"a":1}', '{"a":' * 2000, '{"a":1}{"b":2}', None,
    ],
    "type": ["", "a\nb", "x" * 200, "a b", "ä", b"\xff", '"', None],
    "source": [b"\xff", None],
    "subject": [b"\xff", None],
    "cause": [b"\xff", None],
}  # fmt: skip
MENDED = {"-62135600400000000", "253402304400000000", "9" * 30, "-" + "9" * 30}


def lay(client: redis.Redis, fields: dict[str, Any]) -> int:
    """Put an entry into the log as it stands, with its number and its place in the timeline."""
    number = int(client.hincrby(keys.META, "log_seq", 1))
    kept = {name: value for name, value in fields.items() if value is not None}
    client.xadd(keys.LOG, kept, id=f"{number}-0")
    client.zadd(keys.TIMELINE + company_id(1), {str(number): number})
    return number


def damage(client: redis.Redis) -> list[tuple[int, str, Any]]:
    """Damage of every kind, with a good entry after each; what it is, by its number."""
    laid = []
    for name, values in BAD.items():
        for value in values:
            laid.append((lay(client, GOOD | {name: value}), name, value))
            lay(client, GOOD)
    laid.append((lay(client, {"other": "x"}), "all", None))
    lay(client, GOOD)
    return laid


def test_what_is_damaged_in_the_log_costs_itself_alone(bench, portal):
    bench.deliver(make_event("company.created"))
    bench.drain()
    before = bench.store.events.last()
    laid = damage(bench.store.client)
    client = bench.store.client
    client.zadd(keys.TIMELINE + company_id(1), {"1": 1})
    fresh = Portal(store=type(bench.store)(client, bench.store.server, lanes=64))
    found = {}
    pages = fresh.get("/v1/events?limit=1000")
    assert pages.status_code == 200, pages.text
    for event in json.loads(pages.data)["events"]:
        found[int(event["id"])] = event
    assert sorted(found) == list(range(1, bench.store.events.last() + 1))
    for number, name, value in laid:
        event = found[number]
        if value in MENDED:
            assert (event["type"], event["data"]["current"]) == ("company.renamed", "B")
            assert event["time"][:4] in ("0001", "9999")
        elif name == "time" and value in (" 1 ", "١"):
            assert event["type"] in ("company.renamed", "event.unreadable")
        else:
            assert event["type"] == "event.unreadable", (name, value)
            assert name in event["data"]["reason"] or name == "all"
            assert event["data"]["was"] == ("company.renamed" if name != "type" else None) or (
                name == "all"
            )
        assert found[number + 1]["type"] == "company.renamed"
        assert found[number + 1]["time"] == "2026-01-05T08:00:00.000000Z"
    assert before < laid[0][0]


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
deep = st.builds(lambda levels, one: nested(one, levels), st.integers(190, 1030), data)


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@given(
    st.sampled_from([*sorted(event_types()), "no.such"]),
    st.dictionaries(
        st.sampled_from(["ends", "expires", "time", "a"]),
        data | deep | st.sampled_from([*ODD_NUMBERS, *NEVER]),
    ),
    st.sampled_from([b"", b" ", b"\r\n"]),
)
@settings(max_examples=60, phases=TRY, suppress_health_check=ANY)
def test_an_entry_of_any_type_with_any_data_is_written_out(kind, found, between):
    """Also what a reader of JSON takes and no writer writes: deep nesting, numbers beyond any."""
    text = json.dumps(found).encode().replace(b", ", b"," + between)
    fields = {name.encode(): value.encode() for name, value in GOOD.items()}
    told = encode(read_entry(1, fields | {b"type": kind.encode(), b"data": text}), "e")
    event = orjson.loads(told.json)
    assert orjson.dumps(event)
    assert event["type"] in (kind, "event.unreadable")
    assert b"\n" not in told.json


def test_every_reader_skips_damaged_events_and_the_operator_learns_it(bench, portal):
    bench.deliver(make_event("company.created"))
    bench.drain()
    client = bench.store.client
    numbers = [
        lay(client, GOOD | {name: value})
        for name, value in (
            ("data", "{"),
            ("data", GOOD["data"].replace(",", ",\r\n")),
            ("time", "-62135600400000000"),
            ("type", b"\xff"),
            ("data", '{"a":1e400}'),
            ("data", '{"a":' * 300 + "1" + "}" * 300),
        )
    ]
    bad = [number for number in numbers if number != numbers[1]]
    read_by_all(portal, make_deliverer(bench.context))
    status = portal.get("/v1/status").json["readers"]
    assert status["damaged"] == [str(number) for number in bad]
    assert f"relay_log_damaged {float(len(bad))}" in portal.get("/metrics").text


@pytest.mark.parametrize("ends", ["1e308", "-1e308", "1e15", "true", "9" * 300, "0"])
def test_no_number_in_an_older_log_stops_a_reader(bench, portal, ends):
    """Moments that an older version wrote as numbers are told as text, whatever they are."""
    data = f'{{"pause":"p","scope":"everything","value":null,"reason":"x","ends":{ends}}}'
    first = lay(bench.store.client, GOOD | {"type": "pause.started", "data": data})
    lay(bench.store.client, GOOD)
    shown = [one for one in by_pages(portal) if int(one["id"]) >= first]  # a reset may stand before
    assert [one["type"] for one in shown] == ["pause.started", "company.renamed"]
    assert by_timeline(portal, company_id(1)) == shown


def test_trimming_treats_damaged_events_like_any_other(bench, portal):
    client = bench.store.client
    laid = [
        lay(client, GOOD),
        lay(client, GOOD | {"type": None}),
        lay(client, GOOD | {"data": "{"}),
    ]
    laid += [lay(client, GOOD | {"subject": None}), lay(client, {"other": "x"})]
    rules = ("company.*", "1")
    arguments = ["types", laid[-1], 100, keys.TIMELINE, now_ms(), *rules]
    done, gone = Scripts(client).thin_log([keys.LOG, keys.META, keys.THINNED], arguments)
    assert (done, gone) == (1, 3)  # those whose type can be read
    kinds = [event.type for event in read_log(bench.store, 0)]
    erased, unreadable = "event.erased", "event.unreadable"
    assert kinds == [erased, unreadable, erased, erased, unreadable]


ENTRY = {
    "kind": "webhook", "source": "default", "id": "msg_1", "type": "connection.connected",
    "company": company_id(1), "body": json.dumps(make_event("connection.connected")),
}  # fmt: skip
ENTRIES: list[dict[str, Any]] = [
    {"other": "x"},
    *({name: value for name, value in ENTRY.items() if name != left} for left in ENTRY),
    *(ENTRY | {name: b"\xff\xfe\x00"} for name in ENTRY),
    *(ENTRY | {name: ""} for name in ENTRY),
    *(
        ENTRY | {"received": value}
        for value in ("x", "-1", "9" * 30, "9" * 16, "1.5", "٣", b"\xff")
    ),
    *(ENTRY | {"kind": "action", "priority": value} for value in ("x", "-1", "9", "1.5", b"\xff")),
    ENTRY | {"kind": "action", "body": '{"at":"x","payload":{}}'},
    ENTRY | {"kind": "action", "body": '{"at":1e300,"payload":[]}', "type": "relay.info_fetched"},
    ENTRY | {"replay": b"\xff"},
]


def test_what_is_damaged_in_a_lane_costs_itself_alone(bench, portal):
    """It stopped its lane for good: each drain failed at it, and all that came after it waited."""
    client = bench.store.client
    for number, entry in enumerate(ENTRIES):
        for lane in (bench.store.inbox.lane_of(company_id(1)), bench.store.inbox.lane_of(None)):
            client.xadd(f"{keys.LANE}{lane}", entry)
            client.zadd(keys.WAITING, {str(lane): 1})
        event = make_event("connection.connected", connection=(number, "Linked"), at=number)
        bench.deliver(event)
    while bench.drain():
        pass
    assert len(bench.store.companies.get(company_id(1)).connections) >= len(ENTRIES)
    assert bench.store.inbox.depths()["lanes_waiting"] == 0
    paths = ("/v1/messages?limit=500", "/v1/dead-letters?limit=500", "/v1/status", "/metrics")
    for path in (*paths, "/v1/events?limit=1000"):
        assert portal.get(path).status_code == 200, path
    begun = portal.post("/v1/replays", json={})
    assert begun.status_code == 202, begun.text


@pytest.mark.parametrize("kept", ["18446744073709551615", "1e+17", "999999999999999999", "x", ""])
def test_a_budget_that_holds_what_is_no_count_lets_calls_leave(store, kept):
    """As an earlier version may have kept it, for good: no answer came that could renew it."""
    day = {"limit": kept, "remaining": kept, "reset": now_ms() + 3_600_000}
    store.client.hset(keys.BUDGET, mapping=day)
    assert store.budget.state(now_ms()).remaining is None
    assert store.budget.take("call-1", None, priority=0, now=now_ms()) is None
    store.budget.ended("call-1", None, now=now_ms(), limit=1000, remaining=990, reset=day["reset"])
    state = store.budget.state(now_ms())
    assert (state.limit, state.remaining) == (1000, 990)
