"""Events as others read them: by CloudEvents libraries, with each moment as RFC 3339 has it."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.v1.http import from_json
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.subscription import BATCH, SINGLE, Secret, Subscription, headers
from relay.events.catalogue import dated_text, event_types
from relay.events.documents import event_schema, example
from relay.inbox.message import Action, action_fields
from relay.store.log.encoded import encode
from relay.store.log.entries import read_entry
from relay.times import iso_from_micros, iso_from_ms
from support import npm
from support.parts import SECRET, Bench, company_id, make_event
from support.paths import PAYLOADS
from support.portal_bench import Portal

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
NAME = re.compile(r"[a-z0-9]{1,20}")
# Fields whose text is a moment wherever it stands; those that hold Codat's own words are left out.
MOMENTS = {"time", "expires", "ends", "until", "last_webhook", "sync_requested"}


def strictly(event: dict[str, Any]) -> None:
    """Read an event with the libraries of Python, and hold it against the specification."""
    body = orjson.dumps(event)
    read = from_structured_event(HTTPMessage({"content-type": SINGLE}, body))
    assert (read.get_id(), read.get_data()) == (event["id"], event["data"])
    assert from_json(body)["type"] == event["type"]
    assert all(NAME.fullmatch(name) for name in event)
    assert MOMENT.fullmatch(event["time"])
    assert re.fullmatch(r"[A-Za-z0-9/._~-]+", event["source"])  # a part of an address
    assert event["datacontenttype"] == "application/json"
    attributes = {name: value for name, value in event.items() if name != "data"}
    assert all(isinstance(value, str) and value for value in attributes.values())


def read_in_javascript(messages: Iterable[tuple[dict[str, str], bytes]]) -> list[str]:
    command = npm.command("cloudevents.mjs", "cloudevents")
    lines = [json.dumps({"headers": head, "body": body.decode()}) for head, body in messages]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()


def moments(found: Any) -> Iterator[tuple[str, object]]:
    """Every field of a name that stands for a moment, however deep."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name in MOMENTS:
                yield name, value
            yield from moments(value)
    elif isinstance(found, list):
        for value in found:
            yield from moments(value)


def whole(portal: Portal) -> list[dict[str, Any]]:
    return portal.get("/v1/events?limit=1000").json["events"]


@pytest.fixture
def told() -> list[dict[str, Any]]:
    """An event of each type of the catalogue as the log gives it, one of a company and one not."""
    portal = Portal()
    for entry in event_types().values():
        portal.log((entry.type, 1), (entry.type, None), data=entry.example)
    return whole(portal)


def test_a_library_of_python_reads_every_event_of_the_catalogue(told):
    assert len(told) == 2 * len(event_types())
    for event in [*told, *map(example, event_types().values())]:
        strictly(event)
    assert [event.get("subject") for event in told[:2]] == [company_id(1), None]


def test_a_library_of_javascript_reads_every_event_of_the_catalogue(told):
    """One by one, in batches, and signed as deliveries are."""
    made = Subscription("sub_1", "http://127.0.0.1/", (Secret(SECRET),), 0)
    batch = Subscription("sub_1", "http://127.0.0.1/", (Secret(SECRET),), 0, batch=500)
    bodies = [orjson.dumps(event) for event in told]
    messages = [({"content-type": SINGLE}, body) for body in bodies]
    messages += [(headers(made, "msg_1", body, 0), body) for body in bodies]
    messages += [(headers(batch, "msg_1", b"", 0), b"[%s]" % b",".join(bodies))]
    assert headers(batch, "msg_1", b"", 0)["content-type"] == BATCH
    assert read_in_javascript(messages) == ["good"] * len(messages)
    wrong = orjson.dumps(told[0] | {"subject": ""})
    assert read_in_javascript([({"content-type": SINGLE}, wrong)]) != ["good"]


@pytest.fixture
def lived(store, make_settings) -> Portal:
    """A service to which each of Codat's webhooks came, with a journey, pauses and a schedule."""
    bench = Bench(store, make_settings(codat_webhook_secrets=SECRET))
    portal = Portal(store=store)
    for path in sorted(PAYLOADS.glob("*.json")):
        bench.deliver(path.read_bytes())
    bench.deliver(make_event("connection.connected", company=1, connection=(1, "Linked")))
    bench.drain()
    ends = "2099-01-05T08:00:00+01:00"
    journey = {"company_id": company_id(1)}
    made = portal.post("/v1/journeys", json=journey)
    assert made.status_code == 201, made.json
    assert portal.post(f"/v1/journeys/{made.json['id']}/link", json={}).status_code == 200
    pause = {"scope": "everything", "reason": "migration"}
    paused = portal.post("/v1/pauses", json=pause | {"ends": ends}).json
    portal.delete(f"/v1/pauses/{paused['id']}")
    portal.post("/v1/pauses", json=pause)
    portal.put(f"/v1/companies/{company_id(1)}/schedules/all", json={"cadence": "daily"})
    info = {"companyName": "Acme Ltd", "createdDate": "2020-03-09T15:19:26"}
    told = Action(
        "info:1#1", "relay.info_fetched", company_id(1), 1_767_600_000_000_000, {"info": info}
    )
    portal.store.inbox.ingest(told.id, told.company_id, action_fields(told))
    bench.drain()
    return portal


def test_libraries_read_every_event_that_a_life_brings(lived):
    events = whole(lived)
    types = {event["type"] for event in events}
    assert {"journey.started", "journey.link_renewed", "pause.ended", "rate_limit.reached"} <= types
    assert {"subject" in event for event in events} == {True, False}
    for event in events:
        strictly(event)
    messages = [({"content-type": SINGLE}, orjson.dumps(event)) for event in events]
    assert read_in_javascript(messages) == ["good"] * len(messages)


def test_moments_in_events_and_answers_are_written_alike(lived):
    journey = lived.get("/v1/journeys").json["journeys"][0]
    events = [(event["type"], event["data"]) for event in whole(lived)]
    [renewed] = [data for event_type, data in events if event_type == "journey.link_renewed"]
    assert renewed["expires"] == journey["expires"]
    ends = [data["ends"] for event_type, data in events if event_type == "pause.started"]
    assert ends == ["2099-01-05T07:00:00.000Z", None]
    answers = [
        lived.get(path).json
        for path in ("/v1/events?limit=1000", "/v1/journeys", "/v1/pauses", "/v1/status",
                     "/v1/schedules", f"/v1/companies/{company_id(1)}",
                     f"/v1/companies/{company_id(1)}/timeline")
    ]  # fmt: skip
    found = list(moments(answers))
    assert {name for name, _ in found} >= {"time", "expires", "ends", "until"}
    wrong = [
        (name, value)
        for name, value in found
        if value is not None and not (isinstance(value, str) and MOMENT.fullmatch(value))
    ]
    assert not wrong


OLD = [
    ("journey.started", {"expires": 1768894800000}, "expires", "2026-01-20T07:40:00.000Z"),
    ("journey.link_renewed", {"expires": 1768894800001}, "expires", "2026-01-20T07:40:00.001Z"),
    ("pause.set", {"pause": "p", "ends": 1767690000}, "ends", "2026-01-06T09:00:00.000Z"),
    ("pause.started", {"pause": "p", "ends": None}, "ends", None),
    ("pause.ended", {"pause": "p", "ends": 10**18}, "ends", "9999-12-31T23:59:59.999Z"),
]  # fmt: skip


@pytest.mark.parametrize(("event_type", "data", "name", "shown"), OLD)
def test_numbers_in_a_log_of_before_are_read_as_moments(event_type, data, name, shown):
    portal = Portal()
    portal.log((event_type, 1), data=data)
    [event] = whole(portal)
    [timeline] = portal.get(f"/v1/companies/{company_id(1)}/timeline").json["events"]
    assert event["data"] == timeline["data"] == data | {name: shown}


CODATS = [
    ("2020-03-09T15:19:26", "2020-03-09T15:19:26Z"),
    ("2020-03-09T15:19:26.1234567", "2020-03-09T15:19:26.1234567Z"),
    ("2020-03-09T15:19:26Z", "2020-03-09T15:19:26Z"),
    ("2020-03-09T15:19:26+01:00", "2020-03-09T14:19:26Z"),
    ("2020-03-09T15:19:26.5-0530", "2020-03-09T20:49:26.500000Z"),
    ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
    ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
    ("2020-02-30T00:00:00", "2020-02-30T00:00:00"),
    ("2020-03-09", "2020-03-09"),
    ("", ""),
    (None, None),
    (7, 7),
]


@pytest.mark.parametrize(("date", "shown"), CODATS)
def test_codats_dates_are_shown_in_utc_and_lookalikes_are_kept(date, shown):
    portal = Portal()
    info = {"createdDate": date, "companyName": "2020-03-09T15:19:26", "more": [{"endUtc": date}]}
    told = {"createdDate": shown, "companyName": "2020-03-09T15:19:26", "more": [{"endUtc": shown}]}
    portal.log(("company.info_fetched", 1), data={"previous": None, "current": info})
    portal.log(("solution.reported", 1), data={"reported": "expenses.x", "details": info})
    fetched, reported = (event["data"] for event in whole(portal))
    assert fetched == {"previous": None, "current": told}
    assert reported["details"] == told


def test_actions_among_the_messages_hold_moments_as_answers_do(lived):
    messages = lived.get("/v1/messages?limit=500").json["messages"]
    bodies = [one["body"] for one in messages if one["kind"] == "action"]
    assert all(MOMENT.fullmatch(body["at"]) for body in bodies)
    [info] = [found for body in bodies if (found := body["payload"].get("info"))]
    assert info == {"companyName": "Acme Ltd", "createdDate": "2020-03-09T15:19:26Z"}
    ends = [body["payload"].get("ends") for body in bodies]
    assert "2099-01-05T07:00:00.000Z" in ends
    assert not re.search(r"[:\[, ]1[5-9][0-9]{8}([0-9]{3}){0,2}[,\]} ]", json.dumps(bodies))


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers(-9, 9) | st.text(max_size=5)))
def test_data_without_such_numbers_stay_as_they_are(data):
    text = orjson.dumps(data)
    for event_type in ("journey.started", "pause.set", "company.renamed", "thing.told"):
        assert orjson.loads(dated_text(event_type, text)) == data


def test_no_number_in_the_catalogue_stands_for_a_moment():
    """Whoever adds one is told: a moment is a `Moment`."""
    for entry in event_types().values():
        properties = event_schema(entry)["properties"]["data"]["properties"]
        for name in entry.epoch_times:
            assert "date-time" in json.dumps(properties[name])
        for name, schema in properties.items():
            if re.search(r"(^|_)(at|until|since|expires|ends|due|time|when)$", name):
                assert "integer" not in json.dumps(schema), (entry.type, name)


@given(st.integers(-(10**22), 10**22))
def test_every_number_can_be_written_as_a_moment(number):
    for text in (iso_from_micros(number), iso_from_ms(number)):
        assert MOMENT.fullmatch(text)
        assert datetime.fromisoformat(text).tzinfo is UTC


@given(
    st.integers(-(10**20), 10**20),
    st.sampled_from(["", "c-1"]),
    st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_what_stands_in_the_log_is_written_out_as_an_event(micros, subject, cause):
    source = f"/codat/default/companies/{subject}" if subject else "/codat/default"
    fields = {
        b"type": b"pause.set", b"source": source.encode(), b"subject": subject.encode(),
        b"time": b"%d" % micros, b"cause": cause.encode(), b"data": b'{"ends":%d}' % micros,
    }  # fmt: skip
    event = orjson.loads(encode(read_entry(7, fields), "e1").json)
    strictly(event)
    assert event == {
        "specversion": "1.0",
        "id": "7",
        "source": source,
        "type": "pause.set",
        **({"subject": subject} if subject else {}),
        "time": iso_from_micros(micros),
        "datacontenttype": "application/json",
        "sequence": "7",
        "epoch": "e1",
        "cause": cause,
        "data": event["data"],
    }
    assert MOMENT.fullmatch(event["data"]["ends"])
