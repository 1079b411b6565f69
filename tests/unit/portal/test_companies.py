"""Companies through the API: found, shown, created at Codat, and worked on at once."""

import json
import re

import orjson
import pytest

from codat import errors
from codat.records import Company as CodatCompany
from codat.records import Connection as CodatConnection
from codat.records import sanitise_name
from relay.companies.company import Sync, SyncState
from relay.syncs.schedule import Cadence, Schedule
from relay.times import now_ms
from support.parts import company_id, connection_id
from support.portal_bench import (
    MOMENT,
    OPERATOR,
    Portal,
    kind,
    make_company,
    make_data_type,
    problem,
)
from support.stored import put_schedule, stored_intent


@pytest.fixture
def portal() -> Portal:
    return Portal()


def names(answer):
    return [company["name"] for company in answer.json["companies"]]


def test_pages_together_give_every_company_once(portal):
    portal.hold(*(make_company(number) for number in range(1, 8)))
    found, after = [], ""
    for _ in range(4):
        page = portal.get(f"/v1/companies?limit=3&after={after}").json
        assert page["total"] == 7
        found += page["companies"]
        if page["next"] is None:
            break
        after = page["next"]
    assert [c["id"] for c in found] == [company_id(number) for number in range(1, 8)]


def test_a_page_that_ends_with_the_last_company_has_no_next(portal):
    portal.hold(make_company(1), make_company(2))
    assert portal.get("/v1/companies?limit=2").json["next"] is None


def test_filtered_pages_together_give_every_fitting_company_once(portal):
    portal.hold(*(make_company(n, "Linked" if n % 2 else "Unlinked") for n in range(1, 10)))
    first = portal.get("/v1/companies?limit=2&status=Linked").json
    rest = portal.get(f"/v1/companies?limit=9&status=Linked&after={first['next']}").json
    assert [c["id"] for c in first["companies"] + rest["companies"]] == [
        company_id(number) for number in (1, 3, 5, 7, 9)
    ]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=Deauthorised", ["Bakery"]),
        ("platform=xero", ["Acme Ltd", "Bakery"]),
        ("platform=GBOL", ["Acme Ltd", "Bakery"]),
        ("q=ACME", ["Acme Ltd"]),
        (f"q={company_id(2)[:-1]}2", ["Bakery"]),
        ("q=acme&status=Blank", []),
    ],
)
def test_filters_narrow_the_list(portal, query, expected):
    portal.hold(
        make_company(1, name="Acme Ltd"),
        make_company(2, "Deauthorized", name="Bakery"),
        make_company(3, "", name="Cafe"),
    )
    assert names(portal.get(f"/v1/companies?{query}")) == expected


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "status=Happy", "after=../x", "q=" + "x" * 101]
)
def test_values_out_of_bounds_are_refused(portal, query):
    assert kind(portal.get(f"/v1/companies?{query}")) == "invalid"


def test_a_company_is_shown_whole(portal):
    portal.hold(
        make_company(
            1,
            placeholder="Pending L-1",
            given_name="Acme Ltd",
            name="Acme Ltd",
            info={"companyName": "Acme Ltd", "baseCurrency": "GBP", "addresses": ["1 High St"]},
            info_version=(MOMENT, "e-2"),
            data_types={f"{connection_id(1)}|invoices": make_data_type()},
        )
    )
    schedule = Schedule(company_id(1), "invoices", Cadence.DAILY)
    put_schedule(portal.store, schedule, 1_767_657_600, over=None)
    body = portal.get(f"/v1/companies/{company_id(1).upper()}").json
    assert (body["status"], body["needs_attention"]) == ("Linked", False)
    assert (body["name"], body["name_source"]) == ("Acme Ltd", "codat")
    assert (body["placeholder"], body["given_name"]) == ("Pending L-1", "Acme Ltd")
    assert body["info"]["company_name"] == "Acme Ltd"
    assert body["info"]["company_legal_name"] is None
    assert "addresses" not in body["info"]
    assert body["connections"][0]["platform_name"] == "Xero"
    assert body["data_types"] == [
        {
            "connection_id": connection_id(1),
            "data_type": "invoices",
            "status": "Complete",
            "as_of": "2026-01-05T08:00:00.000000Z",
            "last_success": "2026-01-05T08:00:00.000000Z",
        }
    ]
    assert body["schedules"][0]["next_due"] == "2026-01-06T00:00:00.000Z"
    assert body["first_seen"] == "2026-01-05T08:00:00.000Z"


@pytest.mark.parametrize("unknown", [company_id(9), "x", "..", "a" * 300, "%00", "%F0%9F%98%80"])
@pytest.mark.parametrize("rest", ["", "/reread", "/syncs"])
def test_every_unknown_company_gets_the_same_answer(portal, unknown, rest):
    portal.hold(make_company(1))
    answer = portal.ask("POST" if rest else "GET", f"/v1/companies/{unknown}{rest}")
    body = problem(answer)
    body.pop("instance")
    assert body == {
        "type": "http://127.0.0.1:8000/problems#unknown-company",
        "title": "Unknown company",
        "status": 404,
        "detail": f"Look at /v1/companies for the companies there are{near(unknown)}.",
    }


def near(unknown: str) -> str:
    how = "the nearest that is known is" if unknown == company_id(9) else "known are"
    return f"; {how} {company_id(1)}"


def test_many_companies_are_not_all_named(portal):
    portal.hold(*map(make_company, range(1, 10)))
    said = problem(portal.get("/v1/companies/nope"))["detail"]
    assert said == "Look at /v1/companies for the companies there are."


def test_a_name_in_place_of_an_id_is_answered_with_the_id_meant(portal):
    portal.hold(make_company(1), make_company(2))
    answer = portal.get("/v1/companies/Company%202")
    assert answer.json["detail"].endswith(f"; the id of Company 2 is {company_id(2)}.")


def test_an_unknown_platform_is_refused_with_the_nearest(portal):
    portal.hold(make_company(1))
    for path in ("/v1/companies", "/v1/journeys"):
        [error] = portal.get(f"{path}?platform=Xeroo").json["errors"]
        assert error["field"] == "platform"
        assert error["message"].endswith("; the nearest that is known is Xero")


def test_a_name_of_which_codat_would_keep_a_part_is_refused(portal):
    answer = portal.post("/v1/companies", json={"name": "ООО «Ромашка» - 2"})
    assert answer.status_code == 422
    assert portal.messages(77) == []


def test_a_company_created_without_a_name_is_enqueued_as_placeholder(portal):
    answer = portal.post("/v1/companies", json={"reference": "LOAN_1042 / é", "tags": {"a": "b"}})
    assert answer.status_code == 201
    assert answer.json == {
        "id": company_id(77),
        "name": "Pending LOAN1042 e",
        "name_source": "placeholder",
        "link_url": "https://link.codat.io/company/77",
        "connection_error": None,
    }
    assert answer.headers["Location"] == f"/v1/companies/{company_id(77)}"
    [message] = portal.messages(77)
    assert message[b"type"] == b"relay.company_created"
    assert orjson.loads(message[b"body"])["payload"] == {
        "name": "Pending LOAN1042 e",
        "placeholder": True,
        "reference": "LOAN_1042 / é",
        "by": "olga",
    }
    assert portal.hints.drained == [portal.store.inbox.lane_of(company_id(77))]
    assert portal.codat.asked[0]["tags"] == {"a": "b"}


def test_placeholders_differ_and_hold_only_characters_codat_keeps(portal):
    made = [portal.post("/v1/companies", json={"reference": r} if r else {}) for r in ("", "", "/")]
    sent = [asked["name"] for asked in portal.codat.asked]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert len(set(sent)) == 3
    assert all(name.startswith("Pending ") and sanitise_name(name) == name for name in sent)


@pytest.mark.parametrize("reference", ["LOAN 24/7", "10_42", "9½", "#12", "A+", "---", "CafÃ©"])
def test_a_reference_that_would_read_differently_names_no_placeholder(portal, reference):
    """Else 24/7 and 2/47 would be known by the same number."""
    made = portal.post("/v1/companies", json={"reference": reference})
    assert re.fullmatch(r"Pending [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9a-f]{6}", made.json["name"])


def test_a_name_that_a_person_gave_is_no_placeholder(portal):
    answer = portal.post("/v1/companies", json={"name": "Müller & Söhne (Köln)"})
    assert (answer.json["name"], answer.json["name_source"]) == ("Muller & Sohne Koln", "person")
    assert orjson.loads(portal.messages(77)[0][b"body"])["payload"]["placeholder"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "///"},
        {"name": "x" * 201},
        {"tags": {str(n): "x" for n in range(11)}},
        {"tags": {"a": "x" * 101}},
        {"tags": None},
        {"platform_key": "../gbol"},
        {"Name": "Acme"},
    ],
)
def test_a_company_that_codat_would_not_take_is_refused_before_asking(portal, body):
    assert kind(portal.post("/v1/companies", json=body)) == "invalid"
    assert portal.codat.asked == []


def test_with_a_platform_the_customer_goes_straight_to_its_connection(portal):
    connection = CodatConnection(
        connection_id(1), "PendingAuth", "gbol", link_url="https://link-api.codat.io/c/1/start"
    )
    portal.codat.answer = CodatCompany(company_id(77), "Acme", connections=(connection,))
    answer = portal.post("/v1/companies", json={"name": "Acme", "platform_key": "gbol"})
    assert answer.json["link_url"] == "https://link-api.codat.io/c/1/start"
    assert portal.codat.asked[0]["platform_key"] == "gbol"


def test_a_company_whose_connection_failed_is_created_all_the_same(portal):
    """An error would make the caller create a second one."""
    company = CodatCompany(company_id(77), "Acme", redirect="https://link.codat.io/company/77")
    portal.codat.answer = errors.ConnectionNotCreated("no such platform", company=company)
    answer = portal.post("/v1/companies", json={"name": "Acme", "platform_key": "zzzz"})
    assert answer.status_code == 201
    assert answer.json["connection_error"] == "no such platform"
    assert answer.json["link_url"] == "https://link.codat.io/company/77"
    assert len(portal.messages(77)) == 1


@pytest.mark.parametrize(
    ("error", "status", "name", "retry_after"),
    [
        (errors.RateLimited("x", status=429, retry_after=7200.5), 429, "codat-limit", "7201"),
        (errors.RateLimited("x", status=429), 429, "codat-limit", "60"),
        (errors.Unreachable("x"), 503, "codat-unavailable", "30"),
        (errors.CodatBroken("x", status=500), 503, "codat-unavailable", "30"),
        (errors.CodatBroken("x", status=503, retry_after=9), 503, "codat-unavailable", "9"),
        (errors.BadAnswer("x", status=200), 503, "codat-unavailable", "30"),
        (errors.Unauthorized("x", status=401), 502, "codat-refused", None),
        (errors.Forbidden("x", status=403), 502, "codat-refused", None),
        (errors.PaymentRequired("x", status=402, error="Plan."), 502, "codat-refused", None),
        (errors.BadRequest("x", status=400, error="Bad name"), 502, "codat-refused", None),
        (errors.CodatError("x"), 502, "codat-refused", None),
    ],
)
def test_codats_errors_are_never_ours(portal, error, status, name, retry_after):
    portal.codat.answer = error
    answer = portal.post("/v1/companies", json={})
    assert (answer.status_code, kind(answer)) == (status, name)
    assert answer.headers.get("Retry-After") == retry_after
    if name != "codat-limit":
        assert problem(answer)["codat_status"] == error.status
    assert portal.store.inbox.depths()["accepted"] == 0


def test_while_codat_is_on_hold_it_is_not_asked(portal):
    now = now_ms()
    portal.store.budget.ended("an earlier call", None, now=now, not_before=now + 86_400_000)
    answer = portal.post("/v1/companies", json={})
    assert kind(answer) == "codat-limit"
    assert 3600 < int(answer.headers["Retry-After"]) <= 86_400
    assert portal.codat.asked == []


def test_a_codat_that_hangs_takes_a_quarter_of_the_threads_at_most():
    portal = Portal(web_threads=8)
    relay = portal.app.extensions["codat-relay"]
    assert relay.codat_call_limit.acquire(blocking=False)
    assert portal.post("/v1/companies", json={}).status_code == 201
    assert relay.codat_call_limit.acquire(blocking=False)
    assert kind(portal.post("/v1/companies", json={})) == "busy"
    relay.codat_call_limit.release()
    assert portal.post("/v1/companies", json={}).status_code == 201


def test_if_recording_fails_the_answer_names_the_company_at_codat(portal):
    create = portal.codat.create_company

    def create_and_cut(name, **given):
        portal.redis_server.connected = False
        return create(name, **given)

    portal.codat.create_company = create_and_cut
    answer = portal.post("/v1/companies", json={})
    assert kind(answer) == "store-away"
    assert problem(answer)["company_id"] == company_id(77)
    assert "Retry-After" not in answer.headers


def test_a_reread_is_left_as_an_intent_for_now(portal):
    portal.hold(make_company(1))
    answer = portal.post(f"/v1/companies/{company_id(1)}/reread")
    assert (answer.status_code, answer.json) == (202, {"intent": f"reread:{company_id(1)}"})
    record = stored_intent(portal.store, answer.json["intent"])
    assert (record["state"], record["cause"], record["priority"]) == ("due", "api:olga", "1")
    assert portal.hints.performed == 1


@pytest.mark.parametrize(
    ("options", "data_type"),
    [({}, "all"), ({"json": {}}, "all"), ({"json": {"data_type": "invoices"}}, "invoices")],
)
def test_a_sync_is_left_as_an_intent_of_its_own_period(portal, options, data_type):
    portal.hold(make_company(1))
    answer = portal.post(f"/v1/companies/{company_id(1)}/syncs", **options)
    assert answer.status_code == 202
    name = answer.json["intent"]
    assert name.startswith(f"sync:{company_id(1)}:{data_type}:now-")
    args = json.loads(stored_intent(portal.store, name)["args"])
    assert args == {"data_type": data_type, "period": name.rpartition(":")[2]}


def test_a_deleted_company_is_not_synced(portal):
    portal.hold(make_company(1, deleted=True))
    assert kind(portal.post(f"/v1/companies/{company_id(1)}/syncs")) == "conflict"


def test_the_key_and_the_tokens_are_in_no_answer(portal):
    portal.hold(make_company(1))
    for path in ("/", "/docs", "/openapi.json", "/metrics", "/readyz", "/v1/status"):
        text = portal.get(path).text
        assert OPERATOR not in text
        assert "sandbox_api_key" not in text


def test_the_progress_of_a_companys_syncs_is_listed_newest_first():
    portal = Portal()
    first = Sync("first", MOMENT, total=4, done=1, state=SyncState.ACCEPTED)
    later = Sync("2026-01-05", MOMENT + 1, "op", SyncState.COMPLETED, 1, 1, 0, MOMENT + 2)
    syncs = {"all": first, "invoices": later}
    portal.hold(make_company(1, syncs=syncs, stale=("bills",)))
    answer = portal.get(f"/v1/companies/{company_id(1)}/syncs").json
    assert [(s["data_type"], s["state"], s["share"]) for s in answer["syncs"]] == [
        ("invoices", "completed", 1.0),
        ("all", "accepted", 0.25),
    ]
    assert answer["stale"] == ["bills"]
