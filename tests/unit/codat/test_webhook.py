"""A webhook body of either generation becomes one event, and nothing but Malformed is raised."""

import json
from dataclasses import asdict

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat.legacy import LEGACY_TYPES
from codat.webhook import Event, Malformed, parse
from support.parts import make_event, odd_bodies
from support.paths import PAYLOADS
from support.published import needs_published, openapi, paths

SAMPLES = sorted(PAYLOADS.glob("*.json"))
COMPANY = "5b1d9c1e-7a3f-4f4e-9a54-0d6f2c8e1a01"
CONNECTION = "c2f0a7d4-1e6b-4b8a-8f3d-7795e1b0d302"
BANK = "d77b3c58-90ad-4a0f-b3d1-2f64a9c5e803"
TODAY = [
    "company.created",
    "company.deleted",
    "company.product.added",
    "company.product.removed",
    "connection.created",
    "connection.connected",
    "connection.failed",
    "connection.disconnected",
    "connection.reconnected",
    "connection.deleted",
    "read.completed",
    "read.completed.initial",
    "client.rateLimit.reached",
    "client.rateLimit.reset",
]


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def event(name: str, **changed: object) -> Event:
    return parse(orjson.dumps({**orjson.loads(payload(name)), **changed}))


def test_there_is_a_payload_for_every_event_type():
    names = {path.stem for path in SAMPLES}
    assert set(TODAY) <= names
    assert {f"legacy-{name}" for name in LEGACY_TYPES} <= names
    assert {"invoices.write.successful", "bills.write.unsuccessful"} <= names


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_payload_is_read_as_the_type_that_names_its_file(path):
    event = parse(path.read_bytes())
    assert event.type == path.stem.removeprefix("legacy-")
    assert event.is_legacy == path.stem.startswith("legacy-")
    assert event.id.startswith("e0000000-")
    about_nobody = "RateLimit" in event.type or "rateLimit" in event.type
    assert event.company_id == (None if about_nobody else COMPANY)
    assert (event.generated is None) == event.is_legacy


@pytest.mark.parametrize("name", [name for name in TODAY if name.startswith("connection.")])
def test_a_connection_event_holds_its_connection_and_company(name):
    read = event(name)
    assert read.connection.id == read.connection_id == CONNECTION
    assert read.connection.platform_key == "gbol"
    assert read.company.name == "Quayside Bakery Ltd"
    assert read.company.tags == {"team": "north", "customer": "20417"}


def test_a_failed_link_says_why():
    (issue,) = event("connection.failed").connection.errors
    assert (issue.status_code, issue.message) == ("403", "User cancelled")


def test_a_company_event_is_about_the_company_itself():
    company = event("company.created").company
    assert (company.id, company.name) == (COMPANY, "new-customer-20417")
    assert company.redirect == f"https://link.codat.io/company/{COMPANY}"


def test_a_read_names_every_data_type_and_connection():
    reads = event("read.completed").reads
    assert [(read.connection_id, read.data_type, read.status) for read in reads] == [
        (CONNECTION, "company", "Complete"),
        (CONNECTION, "invoices", "Complete"),
        (BANK, "banking-accounts", "FetchError"),
    ]
    assert [read.records_modified for read in reads] == [True, True, False]
    assert reads[1].issues == ("Two invoices have no due date.",)


def test_a_read_walks_over_what_it_does_not_understand():
    odd = [
        None,
        3,
        [],
        {},
        {"dataType": 4},
        {"dataType": "bills", "issues": [None, {"message": 5}]},
    ]
    (read,) = event("read.completed", payload={"dataTypes": odd}).reads
    assert (read.data_type, read.connection_id, read.status, read.issues) == ("bills", None, "", ())
    assert read.records_modified is False


@pytest.mark.parametrize("data_types", [None, {}, "bills", 4])
def test_a_read_without_a_list_names_nothing(data_types):
    assert event("read.completed", payload={"dataTypes": data_types}).reads == ()


def test_other_events_hold_no_read_and_no_quota():
    assert event("company.created", payload={"dataTypes": [{"dataType": "bills"}]}).reads == ()
    assert event("company.created").rate_limit is None


@pytest.mark.parametrize(
    ("name", "daily", "remaining"),
    [
        ("client.rateLimit.reached", 4000, 0),
        ("client.rateLimit.reset", 5000, 4998),
        ("legacy-ClientRateLimitReached", 4000, None),
        ("legacy-ClientRateLimitReset", 5000, 5000),
    ],
)
def test_a_quota_is_read_in_both_generations(name, daily, remaining):
    quota = event(name).rate_limit
    assert (quota.daily_quota, quota.quota_remaining) == (daily, remaining)
    day = 7 if "each" in name else 8
    assert quota.expires == (1_772_323_200 + (day - 1) * 86_400) * 1_000_000


def test_an_impossible_expiry_does_not_refuse_the_event():
    quota = event(
        "client.rateLimit.reset", payload={"expiryDate": "2024-09-01T23:59:99Z", "dailyQuota": True}
    ).rate_limit
    assert (quota.expires, quota.daily_quota, quota.quota_remaining) == (None, None, None)


def test_type_serves_where_event_type_is_missing():
    body = orjson.loads(payload("connection.connected"))
    body["type"] = body.pop("eventType")
    read = parse(orjson.dumps(body))
    assert (read.type, read.is_legacy, read.company_id) == ("connection.connected", False, COMPANY)


def test_event_type_is_preferred_to_type():
    assert event("company.created", type="something.else").type == "company.created"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("New company synchronised", "NewCompanySynchronized"),
        ("New company synchronized", "NewCompanySynchronized"),
        ("NewCompanySynchronized", "NewCompanySynchronized"),
        ("Data Sync Status Changed to Error", "DataSyncStatusChangedToError"),
        ("Push Operation Status Changed()", "PushOperationStatusChanged"),
        ("Rate Limit Reached", "ClientRateLimitReached"),
        ("ClientRateLimitReset", "ClientRateLimitReset"),
        ("Something Else Happened", "Something Else Happened"),
    ],
)
def test_a_rule_type_has_one_name_however_it_is_spelt(sent, name):
    read = event("legacy-DataSyncCompleted", RuleType=sent)
    assert (read.type, read.sent_type) == (name, sent)


def test_legacy_keys_are_read_in_any_case():
    body = orjson.loads(payload("legacy-SyncFailed"))
    read = parse(orjson.dumps({key.lower(): value for key, value in body.items()}))
    assert read == event("legacy-SyncFailed")
    assert read.payload["failureStage"] == "Pushing"


def test_a_legacy_connection_is_found_in_data_or_around_it():
    inside = event("legacy-DataConnectionStatusChanged", DataConnectionId=None)
    around = event("legacy-DataSyncCompleted")
    assert inside.connection_id == around.connection_id == CONNECTION
    assert inside.payload["newStatus"] == "Linked"
    nowhere = event(
        "legacy-DataSyncCompleted", DataConnectionId="00000000-0000-0000-0000-000000000000"
    )
    assert nowhere.connection_id is None


def test_ids_come_in_lower_case():
    assert event("legacy-DataSyncCompleted").company_id == COMPANY
    assert COMPANY.upper().encode() in payload("legacy-DataSyncCompleted")


@pytest.mark.parametrize("company_id", [None, 4, "", "../../x", ["a"], {"id": "a"}, "x" * 65])
def test_a_company_id_that_is_none_is_no_reason_to_refuse(company_id):
    read = event("connection.connected", payload={"referenceCompany": {"id": company_id}})
    assert read.company_id is None
    assert read.company is None


@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_a_payload_that_is_no_object_is_empty(value):
    read = event("connection.connected", payload=value)
    assert (read.payload, read.company_id, read.connection, read.company) == ({}, None, None, None)


@pytest.mark.parametrize("value", [None, 3, "", "x" * 257, ["a"]])
def test_an_id_that_cannot_be_one_is_none(value):
    assert event("company.created", id=value).id is None


def test_an_unknown_type_is_an_event_like_any_other():
    read = parse(b'{"id":"1","eventType":"planet.discovered","payload":{"companyId":"abc-1"}}')
    assert (read.type, read.company_id, read.reads, read.connection) == (
        "planet.discovered",
        "abc-1",
        (),
        None,
    )


MALFORMED = {
    "empty": b"",
    "not JSON": b"eventType=company.created",
    "half": b'{"eventType":"company.created"',
    "a list": b'[{"eventType":"company.created"}]',
    "a text": b'"company.created"',
    "null": b"null",
    "no type": b'{"id":"1","payload":{}}',
    "an empty type": b'{"eventType":""}',
    "a type that is no text": b'{"eventType":{"a":1}}',
    "a rule without a name": b'{"AlertId":"1","RuleType":null}',
    "an endless type": b'{"eventType":"' + b"x" * 300 + b'"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_event_is_malformed(body):
    with pytest.raises(Malformed):
        parse(body)


ODD = odd_bodies(make_event("connection.connected", connection=(1, "Linked")))


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_what_only_a_tolerant_parser_reads_is_an_event_all_the_same(body):
    read = parse(body)
    assert read.type == "connection.connected"
    assert read.connection.status == "Linked"
    assert orjson.dumps(asdict(read))


def test_depth_that_json_writers_can_write_is_allowed():
    body = b'{"eventType":"x","payload":{"a":' + b"[" * 90 + b"]" * 90 + b"}}"
    assert orjson.loads(orjson.dumps(parse(body).payload)) == json.loads(body)["payload"]


def test_a_wide_body_is_not_taken_for_a_deep_one():
    reads = [{"dataType": "bills", "issues": [{"message": "m"}]}] * 1000
    assert len(event("read.completed", payload={"dataTypes": reads}).reads) == 1000


def drained(read: Event) -> list[object]:
    return [read.connection, read.company, read.reads, read.rate_limit]


@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise_anything_else(body):
    try:
        drained(parse(body))
    except Malformed:
        return


keys = st.sampled_from(
    [
        "id",
        "eventType",
        "type",
        "payload",
        "RuleType",
        "AlertId",
        "Data",
        "CompanyId",
        "generatedDate",
    ]
)
inner = st.sampled_from(
    [
        "id",
        "referenceCompany",
        "connection",
        "dataTypes",
        "dataType",
        "issues",
        "expiryDate",
        "tags",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.sampled_from(["", COMPANY, "bills"]),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(inner, deeper, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(keys, values | st.sampled_from(["company.x", "read.completed", "SyncFailed"])),
    st.sampled_from(["company.x", "read.completed", "client.rateLimit.reached", "connection.x"]),
)
def test_no_odd_object_makes_an_event_fail(body, kind):
    assert len(drained(parse(json.dumps({**body, "eventType": kind}).encode()))) == 4
    try:
        drained(parse(json.dumps(body).encode()))
    except Malformed:
        return


PUBLISHED = {
    folder: paths(folder)
    for folder in (
        "webhooks-current",
        "webhooks-current-docs-site",
        "webhooks-migration-guide",
        "webhooks-legacy",
        "webhooks-legacy-early",
    )
}
CURRENT = [path for folder, found in PUBLISHED.items() if "legacy" not in folder for path in found]
LEGACY = [path for folder, found in PUBLISHED.items() if "legacy" in folder for path in found]


@needs_published
@pytest.mark.parametrize("path", CURRENT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_published_event_is_read(path):
    sent = json.loads(path.read_bytes())
    read = parse(path.read_bytes())
    assert read.type == sent.get("eventType", sent.get("type"))
    assert (read.id, read.is_legacy, read.payload) == (sent["id"], False, sent["payload"])
    assert read.generated is not None
    assert (read.company_id is None) == read.type.startswith("client.")
    assert len(read.reads) == len(sent["payload"].get("dataTypes", []))
    assert (read.connection is None) == ("connection" not in sent["payload"])


@needs_published
@pytest.mark.parametrize("path", LEGACY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_published_legacy_event_is_read(path):
    sent = json.loads(path.read_bytes())
    read = parse(path.read_bytes())
    assert read.type in LEGACY_TYPES
    assert (read.id, read.sent_type) == (sent["AlertId"], sent["RuleType"])
    assert (read.company_id, read.is_legacy) == (sent.get("CompanyId"), True)
    assert list(map(str.lower, read.payload)) == list(map(str.lower, sent.get("Data", {})))


@needs_published
def test_today_is_all_that_the_published_api_names():
    published = set(openapi("Codat-Platform.json")["webhooks"])
    writes = {"{dataType}.write.successful", "{dataType}.write.unsuccessful"}
    assert published == {*TODAY, *writes}
