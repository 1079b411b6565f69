"""Journeys by API, and the customer's link: one answer for every link that does not work."""

import base64
import gzip
import hashlib
import re
import threading
import time
from dataclasses import replace

import orjson
import pytest

from codat import errors
from codat.client import Codat, Generation
from codat.records import Connection
from relay.journeys import rules
from relay.journeys.history import HistoryEntry
from relay.journeys.journey import MAX_ACTS, Step
from relay.services.journey_connection import is_trusted
from relay.times import now_ms
from scheduler import maintenance
from support.journeys import LINK_URL, AtCodat, agreed, invite, steps, waited
from support.parts import company_id, connection_id
from support.portal_bench import Portal, kind, make_company, problem
from support.sandboxes import running
from support.stored import stored_intent


@pytest.fixture
def codat():
    return AtCodat()


@pytest.fixture
def portal(codat):
    return Portal(codat=codat)


def test_a_journey_makes_a_placeholder_company_and_an_unstored_link(portal):
    made, at = invite(portal)
    assert (made["company_id"], made["stage"]) == (company_id(1), "pick")
    assert len(at) > 25
    assert made["link"] not in portal.get(f"/v1/journeys/{made['id']}").text
    token = at.removeprefix("/link/").encode()
    kept = [portal.client.dump(key) for key in portal.client.scan_iter()]
    assert not any(token in value for value in kept)


def test_the_answer_names_the_company_that_was_made(portal):
    made, _ = invite(portal)
    assert made["company_name"].startswith("Pending L")
    assert invite(portal, name="Acme")[0]["company_name"] == "Acme"


def test_links_that_do_not_work_have_one_same_answer(portal):
    made, at = invite(portal)
    _, revoked = invite(portal)
    renewed = portal.post(f"/v1/journeys/{made['id']}/link", json={}).json
    second = portal.get("/v1/journeys").json["journeys"][0]
    portal.post(f"/v1/journeys/{second['id']}/revoke")
    over, expired = invite(portal, expires_in_hours=1)
    portal.store.journeys.change(
        over["id"], lambda held: rules.Change(replace(held, expires=held.created))
    )
    new = "/link/" + renewed["link"].rpartition("/")[2]
    assert portal.web.get(new).status_code == 200
    dead = [at, revoked, expired, "/link/guessed", "/link/" + "x" * 500, f"/link/{made['id']}"]
    answers = {portal.web.get(one).data for one in dead}
    answers |= {portal.web.get(one + "/state").data for one in dead}
    answers |= {portal.web.get(one + "/stream").data for one in dead}
    answers |= {portal.web.post(one + "/confirm").data for one in dead}
    answers |= {portal.web.get(f"/link/{'y' * 22}/nothing").data, portal.web.post("/link/a").data}
    assert len(answers) == 1
    assert b"This link does not work" in answers.pop()
    assert {portal.web.get(one).status_code for one in dead} == {404}
    assert steps(portal, over)[-1] == "expired"


def test_the_clock_ends_expired_journeys_and_logs_it_once(portal):
    made, _ = invite(portal)
    confirmed, _ = invite(portal)
    step = Step.CONFIRMED
    portal.store.journeys.change(
        confirmed["id"], lambda held: rules.Change(replace(held, step=step))
    )
    later = now_ms() + 400 * 3_600_000
    assert maintenance.expire_journeys(portal.store, portal.hints, later) == 1
    assert maintenance.expire_journeys(portal.store, portal.hints, later) == 0
    assert steps(portal, made) == ["started", "expired"]
    kinds = [m[b"type"] for m in portal.messages(1)]
    assert kinds.count(b"journey.expired") == 1


def test_steps_reach_the_companys_lane_in_order_and_once(portal):
    _, at = invite(portal)
    for _ in range(2):
        portal.web.get(at)
        portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    kinds = [m[b"type"].decode() for m in portal.messages(1)]
    assert kinds == [
        "relay.company_created",
        "journey.started",
        "journey.opened",
        "journey.platform_chosen",
        "journey.platform_chosen",
    ]
    data = orjson.loads(portal.messages(1)[-1][b"body"])["payload"]
    assert (data["platform_key"], data["platform_name"]) == ("gbol", "Xero")


def test_consent_holds_the_words_shown_and_refuses_a_forged_version(portal, codat):
    made, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    for data in ({}, {"agree": "yes"}, {"agree": "yes", "version": "0" * 16}):
        answer = portal.web.post(f"{at}/consent", data=data)
        assert 'role="alert"' in answer.text
    assert "create_connection" not in codat.asked
    assert portal.web.post(f"{at}/authorise").headers["Location"] == at
    answer = agreed(portal, at)
    assert f'content="0;url={LINK_URL}&amp;journey={made["id"]}"' in answer.text
    [consent] = portal.get(f"/v1/journeys/{made['id']}").json["consents"]
    assert consent["cadence"] == "daily"
    assert any("every day" in sentence for sentence in consent["text"])
    assert "profitAndLoss" in consent["data_types"]


def test_each_click_gets_a_new_link_for_the_same_connection(portal, codat):
    _, at = invite(portal)
    assert LINK_URL in agreed(portal, at).text
    [held] = codat.connections
    codat.connections = (replace(held, link_url="https://link.codat.io/again?otp=2"),)
    assert "otp=2" in portal.web.post(f"{at}/authorise").text
    assert codat.asked.count("create_connection") == 1


def test_two_clicks_at_once_make_one_connection_and_one_consent(portal, codat):
    made, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    version = re.search(r'name="version" value="(\w+)"', portal.web.get(at).text)[1]
    create = codat.create_connection

    def slowly(company, key):
        time.sleep(0.3)  # so that the other click comes in between
        return create(company, key)

    codat.create_connection = slowly
    answers = []

    def click():
        data = {"agree": "yes", "version": version}
        answers.append(portal.app.test_client().post(f"{at}/consent", data=data).text)

    threads = [threading.Thread(target=click) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codat.asked.count("create_connection") == 1
    assert all(LINK_URL in answer for answer in answers)
    assert steps(portal, made).count("consented") == 1


@pytest.mark.parametrize("act", ["back", "platform"])
def test_a_connection_of_an_abandoned_platform_is_deleted(portal, codat, act):
    made, at = invite(portal)
    agreed(portal, at)
    left = connection_id(1)
    portal.web.post(f"{at}/{act}", data={"platform": "qhyg"})
    name = f"drop:{made['company_id']}:{left}"
    assert stored_intent(portal.store, name)["args"] == f'{{"connection_id":"{left}"}}'
    assert LINK_URL in agreed(portal, at).text
    assert codat.asked.count("create_connection") == 2  # though it still stands at Codat


@pytest.mark.parametrize("acts", [["back"], ["platform"], ["back", "elsewhere", "back"]])
def test_going_back_after_the_link_was_made_goes_on_with_that_link(portal, codat, acts):
    """Its webhook may be on its way, so the page did not know of it yet."""
    made, at = invite(portal)
    agreed(portal, at)
    mine = replace(codat.connections[0], status="Linked")
    codat.connections = (mine,)
    for act in acts:
        if act == "elsewhere":
            agreed(portal, at, "qhyg")
            codat.connections = (mine, *codat.connections)
        else:
            portal.web.post(f"{at}/{act}", data={"platform": "gbol"})
    asked = codat.asked.count("create_connection")
    assert agreed(portal, at).headers["Location"] == at
    assert codat.asked.count("create_connection") == asked
    shown = portal.get(f"/v1/journeys/{made['id']}").json
    assert (shown["stage"], shown["connection_id"]) == ("waiting", mine.id)
    portal.hold(make_company(1, info=INFO, info_version=(now_ms() * 1000, "i")))
    assert "Is this your company?" in portal.web.get(at).text
    before = steps(portal, made)
    portal.web.post(f"{at}/authorise")
    assert steps(portal, made) == before
    assert "disconnects it at once" in portal.web.get(at).text  # by this journey, so its to unlink


def test_a_connection_from_before_is_kept_under_any_choice(portal, codat):
    made, at = invite(portal)
    held = Connection(connection_id(7), "Unlinked", platform_key="gbol", link_url=LINK_URL)
    codat.connections = (held,)
    agreed(portal, at)
    portal.web.post(f"{at}/back")
    assert stored_intent(portal.store, f"drop:{made['company_id']}:{held.id}") is None
    agreed(portal, at)
    assert "create_connection" not in codat.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://link.codat.io/x",
        "https://codat.io.evil.example/x",
        "https://evilcodat.io/",
        "https://link.codat.io@evil.example/",
        "https://evil.example\\@link.codat.io/",
        "https://link.codat.io:8443/",
        "https://link.codat.io:x/",
        "javascript:alert(1)",
        "//link.codat.io/",
        "https://link.codat.io/\n",
        "http://127.0.0.1:9/",
        "",
    ],
)
def test_a_link_elsewhere_is_shown_as_text_and_never_followed(portal, codat, url):
    assert not is_trusted(url, portal.settings)
    codat.link_url = url
    _, at = invite(portal)
    answer = agreed(portal, at)
    assert "http-equiv" not in answer.text.partition("<noscript>")[0]
    assert 'href="' + (url or "x:") not in answer.text


@pytest.mark.parametrize("hosts", [("link.firm.example",), ("*.firm.example",)])
def test_hosts_can_be_set(codat, hosts):
    portal = Portal(codat=codat, relay_link_hosts=hosts)
    assert is_trusted("https://link.firm.example/x", portal.settings)
    assert not is_trusted("https://link.codat.io/x", portal.settings)


def test_the_sandbox_is_trusted_only_where_it_is_used(codat):
    url = "http://127.0.0.1:8001/link/x"
    assert is_trusted(url, Portal(codat=codat).settings)
    real = Portal(codat=codat, codat_api_key="k", codat_webhook_secrets=())
    assert not is_trusted(url, real.settings)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "http://firm.example"}, "return_url"),
        ({"return_url": "https://a b"}, "return_url"),
        ({"language": "xx"}, "language"),
        ({"platforms": ["zzzz"]}, "platforms"),
        ({"platforms": ["../x"]}, "platforms"),
        ({"expires_in_hours": 0}, "expires_in_hours"),
        ({"connection_id": "x"}, "connection_id"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_by_field(portal, codat, body, field):
    answer = portal.post("/v1/journeys", json=body)
    assert kind(answer) == "invalid"
    assert any(one["field"].startswith(field) for one in problem(answer)["errors"])
    assert "create_company" not in codat.asked


def test_an_unknown_company_or_journey_is_a_problem(portal):
    answer = portal.post("/v1/journeys", json={"company_id": company_id(9)})
    assert kind(answer) == "unknown-company"
    for path in ("/v1/journeys/" + "0" * 22, "/v1/journeys/x"):
        assert kind(portal.get(path)) == "unknown-journey"


def test_a_viewer_may_look_but_not_invite(portal):
    from support.portal_bench import VIEWER

    assert portal.ask("GET", "/v1/journeys", token=VIEWER).status_code == 200
    assert kind(portal.ask("POST", "/v1/journeys", token=VIEWER, json={})) == "forbidden"
    for act in ("accept", "revoke", "link"):
        answer = portal.ask("POST", f"/v1/journeys/x/{act}", token=VIEWER, json={})
        assert kind(answer) == "forbidden"
    assert portal.ask("GET", "/v1/journeys", token=None).status_code == 401


@pytest.mark.parametrize("word", ["source_types", "integration_types"])
def test_both_words_for_a_type_narrow_the_choice(portal, word):
    _, at = invite(portal, **{word: ["banking"]})
    shown = portal.web.get(at).text
    assert "TrueLayer" in shown
    assert "FreeAgent" not in shown
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    assert "Which software" in portal.web.get(at).text


@pytest.mark.parametrize("key", ["mqjo", "ndsk"])
def test_production_has_no_test_platforms_unless_the_firm_names_them(codat, key):
    portal = Portal(codat=codat, codat_api_key="k", codat_webhook_secrets=())
    _, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": key})
    assert "Which software" in portal.web.get(at).text
    _, at = invite(portal, platforms=[key, "gbol"])
    portal.web.post(f"{at}/platform", data={"platform": key})
    assert "will see in" in portal.web.get(at).text


@pytest.mark.parametrize("word", ["sourceType", "integrationType"])
def test_the_page_can_be_narrowed_by_both_words_too(portal, word):
    _, at = invite(portal)
    shown = portal.web.get(f"{at}?{word}=commerce").text
    assert "Square" in shown
    assert "FreeAgent" not in shown


def test_platforms_that_are_not_enabled_are_not_shown(portal):
    _, at = invite(portal)
    shown = portal.web.get(at).text
    assert "Amazon" not in shown
    assert shown.count("On your computer") == 2


def test_a_broken_connection_is_a_reconnect_a_linked_one_a_conflict(portal):
    portal.hold(make_company(1, "Deauthorized"), make_company(2))
    made, at = invite(portal, company_id=company_id(1))
    assert (made["reconnects"], made["stage"]) == (connection_id(1), "consent")
    assert "will see in" in portal.web.get(at).text
    body = {"company_id": company_id(2), "connection_id": connection_id(2)}
    assert kind(portal.post("/v1/journeys", json=body)) == "conflict"
    assert kind(portal.post(f"/v1/journeys/{made['id']}/accept")) == "conflict"


def test_trouble_at_codat_is_a_page_that_says_try_again(portal, codat):
    made, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    codat.failing = errors.Unreachable("GET /companies: no answer in time")
    answer = agreed(portal, at)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "Nothing is lost" in answer.text
    codat.failing = None
    assert LINK_URL in portal.web.post(f"{at}/authorise").text
    assert steps(portal, made)[-2:] == ["consented", "authorising"]


@pytest.mark.parametrize(
    ("failing", "status", "said"),
    [
        (errors.BadRequest("GET /x: 400 not valid", status=400), 502, "could not be connected"),
        (errors.Unauthorized("GET /x: 401", status=401), 502, "could not be connected"),
        (errors.PaymentRequired("GET /x: 402 plan", status=402), 502, "could not be connected"),
        (errors.Forbidden("GET /x: 403 old API key", status=403), 502, "could not be connected"),
        (errors.NotFound("GET /x: 404", status=404), 502, "could not be connected"),
        (errors.Conflict("GET /x: 409", status=409), 502, "could not be connected"),
        (errors.RateLimited("GET /x: 429", status=429, retry_after=9.0), 503, "Nothing is lost"),
        (errors.NoCallNow("day", retry_after=9.0), 503, "Nothing is lost"),
        (errors.CodatBroken("GET /x: 500", status=500), 503, "Nothing is lost"),
        (errors.BadAnswer("GET /x: no JSON"), 503, "Nothing is lost"),
        (errors.Unreachable("GET /x: no answer"), 503, "Nothing is lost"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_after_any_refusal_by_codat_the_customer_can_retry_or_switch(
    portal, codat, failing, status, said
):
    _, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    codat.failing = failing
    answer = agreed(portal, at)
    assert answer.status_code == status
    for words in (said, "Not just now", ">Try again<", "Choose another platform", "Need help?"):
        assert words in answer.text
    for word in ("API key", "CODAT_", "does not work", "operator", "not valid", "plan"):
        assert word not in answer.text
    codat.failing = None
    assert LINK_URL in portal.web.post(f"{at}/authorise").text


def test_what_codat_refused_is_for_the_firm_in_the_log(portal, codat):
    from structlog.testing import capture_logs

    made, at = invite(portal, platforms=["gbol"])
    codat.failing = errors.Forbidden("GET /x: 403 old key", status=403, error="old key")
    with capture_logs() as said:
        assert "Choose another platform" not in agreed(portal, at).text  # there is only the one
    [told] = [one for one in said if one["event"] == "link.refused"]
    assert (told["journey"], told["codat_status"]) == (made["id"], 403)
    assert "CODAT_API_KEY" in told["detail"]


def test_a_platform_disabled_after_the_choice_offers_another(portal, monkeypatch):
    monkeypatch.setattr("portal.link.platforms.POLL_MS", -1)
    _, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    at_ms, records = portal.store.platforms.read()
    portal.store.platforms.keep([one for one in records if one["key"] != "gbol"], at_ms)
    for answer in (portal.web.get(at), portal.web.post(f"{at}/consent", data={"agree": "yes"})):
        assert answer.status_code == 200
        assert "cannot be connected" in answer.text
    portal.web.post(f"{at}/back")
    assert "Which software" in portal.web.get(at).text


@pytest.mark.parametrize(("method", "path"), [("POST", "/nothing"), ("POST", "/state")])
def test_what_is_not_there_is_a_link_that_does_not_work(portal, method, path):
    _, at = invite(portal)
    answer = portal.web.open(at + path, method=method)
    assert answer.status_code == 404
    assert "This link does not work" in answer.text


def test_platforms_that_were_once_read_are_never_waited_for(portal, codat, monkeypatch):
    _, at = invite(portal)
    portal.web.get(at)
    at_ms, records = portal.store.platforms.read()
    assert codat.asked.count("list_integrations") == 1
    portal.store.platforms.keep(records, at_ms - 100 * 3_600_000)
    codat.failing = errors.Unreachable("down")
    fresh = Portal(codat=codat, store=portal.store)
    assert "Xero" in fresh.web.get(at).text
    assert codat.asked.count("list_integrations") == 1
    monkeypatch.setattr("portal.link.platforms.POLL_MS", -1)
    portal.store.platforms.keep([one for one in records if one["key"] != "gbol"], at_ms)
    assert 'value="gbol"' not in fresh.web.get(at).text  # read anew by a worker meanwhile


def test_who_comes_back_has_codat_looked_at_once_in_ten_seconds(portal):
    made, at = invite(portal)
    agreed(portal, at)
    name = f"reread:{made['company_id']}"
    portal.web.get(f"{at}?code=403")  # an open page does not ask at once
    assert stored_intent(portal.store, name) is None
    for _ in range(3):
        answer = portal.web.get(f"/link/return?statusCode=200&journey={made['id']}")
        assert answer.headers["Location"] == at
    assert stored_intent(portal.store, name)["priority"] == "0"
    assert portal.hints.performed == 1
    assert portal.get(f"/v1/journeys/{made['id']}").json["stage"] == "waiting"


@pytest.mark.parametrize("path", ["", "/state"])
def test_an_open_page_that_waits_has_codat_looked_at_now_and_then(portal, path):
    made, at = invite(portal)
    agreed(portal, at)
    waited(portal, made, 11)
    for _ in range(2):
        portal.web.get(at + path)
    assert stored_intent(portal.store, f"reread:{made['company_id']}") is not None
    assert portal.hints.performed == 1


def test_an_open_page_whose_bar_waits_has_the_data_status_asked(portal, codat):
    """The webhooks of the first read may be lost: the bar would wait for ever."""
    portal.hold(make_company(1))
    codat.connections = (Connection(connection_id(1), "Linked", platform_key="gbol"),)
    made, at = invite(portal, company_id=company_id(1))
    agreed(portal, at)
    for _ in range(2):
        portal.web.get(at)
    assert portal.get(f"/v1/journeys/{made['id']}").json["stage"] == "reading"
    assert stored_intent(portal.store, f"data:{company_id(1)}")["priority"] == "0"
    assert portal.hints.performed == 1


def test_a_wait_over_a_minute_is_called_long_on_the_open_page(portal):
    made, at = invite(portal)
    agreed(portal, at)
    before = portal.web.get(f"{at}/state").json["stamp"]
    assert "usually takes a few seconds" in portal.web.get(at).text
    waited(portal, made, 61)
    page = portal.web.get(at).text
    for words in ("longer than usual", "close this page", "Need help?", "See how it stands"):
        assert words in page
    assert 'content="3;' not in page
    assert portal.web.get(f"{at}/state").json["stamp"] != before


def test_the_store_being_away_is_a_page_too(portal):
    _, at = invite(portal)
    portal.redis_server.connected = False
    answer = portal.web.get(at)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"]


def test_pages_are_private_strict_and_small(portal):
    _, at = invite(portal)
    answer = portal.web.get(at)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy
    assert "style=" not in answer.text
    assert not re.search(r"\son\w+=", answer.text)
    [script] = re.findall(r"<script[^>]*>", answer.text)
    path = script.removeprefix('<script src="').removesuffix('" defer>')
    assert len(answer.data) + len(portal.web.get(path).data) < 50_000
    assert "stylesheet" not in answer.text
    assert not re.search(r'(?:src|href|action)="(?!/|#|mailto:)', answer.text)


def test_the_script_is_kept_for_good_and_pages_are_sent_compressed(portal):
    _, at = invite(portal)
    page = portal.web.get(at)
    [path] = re.findall(r'script src="([^"]+)"', page.text)
    assert "immutable" in portal.web.get(path).headers["Cache-Control"]
    older = re.sub(r"-\w{12}\.", "-000000000000.", path)
    assert portal.web.get(older).data == portal.web.get(path).data
    assert portal.web.get(older).headers["Cache-Control"] == "no-cache"
    packed = portal.web.get(at, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == page.data
    assert len(packed.data) * 3 < len(page.data)


def test_logos_come_from_us_once_and_a_mark_stands_in(portal, codat):
    for _ in range(2):
        answer = portal.web.get("/link/logos/gbol")
        assert (answer.mimetype, answer.data) == ("image/png", b"\x89PNG")
    assert codat.asked.count("download_logo") == 1
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    codat.failing = errors.NotFound("no")
    for key in ("qhyg", "zzzz", "<svg onload=alert(1)>"):
        answer = portal.web.get(f"/link/logos/{key}")
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert b"onload" not in answer.data


def test_a_logo_that_is_a_page_is_not_served(portal, codat):
    codat.download_logo = lambda integration: ("text/html", b"<script>alert(1)</script>")
    assert portal.web.get("/link/logos/gbol").mimetype == "image/svg+xml"


INFO = {"companyName": "Harbour Bakery", "registrationNumber": "123"}


def linked_before(portal, codat, **info):
    """A company that was linked before, and its customer in front of who it is."""
    held = make_company(1, info={**INFO, **info}, info_version=(1, "i"))
    portal.hold(held)
    codat.connections = (Connection(connection_id(1), "Linked", platform_key="gbol"),)
    made, at = invite(portal, company_id=held.id)
    agreed(portal, at)
    return made, at, held


def shown_on(page):
    return re.search(r'name="shown" value="(\w+)"', page.text)[1]


def test_a_yes_is_to_what_was_shown_and_to_nothing_else(portal, codat):
    made, at, held = linked_before(portal, codat)
    old = shown_on(portal.web.get(at))
    portal.hold(replace(held, info={**INFO, "companyName": "Never Shown Ltd"}))
    for data in ({"shown": old}, {}):
        again = portal.web.post(f"{at}/confirm", data=data)
        assert "has changed since you opened" in again.text
        assert "Never Shown Ltd" in again.text
    assert portal.get(f"/v1/journeys/{made['id']}").json["stage"] == "confirm"
    portal.web.post(f"{at}/confirm", data={"shown": shown_on(again)})
    assert "Thank you" in portal.web.get(at).text
    told = orjson.loads(portal.messages(1)[-1][b"body"])["payload"]
    assert told["company"]["name"] == "Never Shown Ltd"
    assert told["shown"] == shown_on(again) != old


def test_a_customer_cannot_unlink_what_was_linked_before(portal, codat):
    made, at, _ = linked_before(portal, codat)
    assert "stays so until" in portal.web.get(at).text
    answer = portal.web.post(f"{at}/wrong", data={"shown": shown_on(portal.web.get(at))})
    assert "has been told" in answer.text
    assert "unlink_connection" not in codat.asked
    told = orjson.loads(portal.messages(1)[-1][b"body"])["payload"]
    assert (told["still_linked"], told["company"]["name"]) == (True, "Harbour Bakery")
    assert steps(portal, made)[-1] == "wrong_company"
    assert "Which software" in portal.web.get(at).text


def test_a_wrong_company_shows_as_undone_before_codats_webhook(portal, codat):
    """The picker showed the platform as linked still, until it was loaded again."""
    made, at, _ = linked_before(portal, codat)
    portal.store.journeys.change(
        made["id"], lambda held: rules.Change(replace(held, was_linked_already=False, sent=0))
    )
    portal.web.post(f"{at}/wrong", data={"shown": shown_on(portal.web.get(at))})
    page = portal.web.get(at).text
    assert "Which software" in page
    assert "The wrong company is disconnected again: nothing more is read of it." in page
    assert "cannot see" not in page  # at Codat what was read stays readable
    assert 'class="badge good"' not in page
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    assert "disconnected again" not in portal.web.get(at).text


@pytest.mark.parametrize(
    "form", ["consent", "authorise", "platform", "confirm", "wrong", "code", "", "nothing/at/all"]
)
def test_a_forms_address_copied_from_the_browser_leads_to_its_link(portal, codat, form):
    """It stands there while the page that the form brought is shown, such as steps for a PC."""
    made, at = invite(portal)
    answer = portal.web.get(f"{at}/{form}")
    assert (answer.status_code, answer.headers["Location"]) == (303, at)
    portal.post(f"/v1/journeys/{made['id']}/revoke")
    for token in (at, "/link/unknown"):
        answer = portal.web.get(f"{token}/{form}")
        assert (answer.status_code, "does not work" in answer.text) == (404, True)


def test_a_wrong_company_is_held_back_until_codat_unlinks_it(portal, codat):
    made, at, _ = linked_before(portal, codat)
    portal.store.journeys.change(
        made["id"], lambda held: rules.Change(replace(held, was_linked_already=False, sent=0))
    )
    shown = shown_on(portal.web.get(at))
    codat.failing = errors.CodatBroken("no", status=503)
    assert "Nothing is lost" in portal.web.post(f"{at}/wrong", data={"shown": shown}).text
    codat.failing = None
    portal.web.post(f"{at}/confirm", data={"shown": shown})
    page = portal.web.get(at).text
    assert "could not be disconnected yet" in page
    assert "Yes, this is us" not in page
    portal.web.post(f"{at}/wrong")
    assert codat.asked.count("unlink_connection") == 1
    assert steps(portal, made)[-1] == "wrong_company"


def said_wrong(portal, codat):
    """A customer who said that it is the wrong company; it is unlinked, and then all broke off."""
    made, at, held = linked_before(portal, codat)
    portal.store.journeys.change(
        made["id"],
        lambda journey: rules.Change(replace(journey, was_linked_already=False, is_unlinking=True)),
    )
    [connection] = held.connections.values()
    gone = replace(connection, status="Unlinked")
    portal.hold(replace(held, connections={gone.id: gone}))
    codat.connections = ()
    return made, at


@pytest.mark.parametrize("act", ["", "wrong", "authorise", "platform", "back"])
def test_a_wrong_company_report_cut_off_after_the_unlink_is_completed(portal, codat, act):
    made, at = said_wrong(portal, codat)
    if act:
        portal.web.post(f"{at}/{act}", data={"platform": "qhyg"})
    assert "Which software" in portal.web.get(at).text
    assert steps(portal, made)[-1] == "wrong_company"
    assert steps(portal, made).count("wrong_company") == 1
    assert codat.asked.count("unlink_connection") == 0
    assert LINK_URL in agreed(portal, at).text  # another choice goes on as ever


def test_an_old_page_does_not_unlink_a_newer_company(portal, codat):
    made, at, held = linked_before(portal, codat)
    portal.store.journeys.change(
        made["id"], lambda held: rules.Change(replace(held, was_linked_already=False, sent=0))
    )
    old = shown_on(portal.web.get(at))
    portal.hold(replace(held, info={**INFO, "companyName": "The Right One Ltd"}))
    for data in ({"shown": old}, {}):
        again = portal.web.post(f"{at}/wrong", data=data)
        assert "has changed since you opened" in again.text
        assert "The Right One Ltd" in again.text
    assert "unlink_connection" not in codat.asked
    assert steps(portal, made)[-1] != "wrong_company"
    flagged = {"companyName": {"previous": "a", "current": "b"}}
    portal.hold(replace(held, identity_mismatch=flagged))
    assert "This is another company" in portal.web.get(at).text
    again = portal.web.post(f"{at}/wrong", data={})
    assert "has changed since you opened" in again.text
    portal.web.post(f"{at}/wrong", data={"shown": shown_on(again)})
    assert codat.asked.count("unlink_connection") == 1


def test_a_worn_link_still_lets_the_wrong_company_be_unlinked(portal, codat):
    made, at, _ = linked_before(portal, codat)
    worn = (HistoryEntry("journey.platform_chosen", 1),) * MAX_ACTS

    def wear(journey):
        history = (*journey.history, *worn)
        return rules.Change(replace(journey, was_linked_already=False, sent=0, history=history))

    portal.store.journeys.change(made["id"], wear)
    portal.web.post(f"{at}/wrong", data={"shown": shown_on(portal.web.get(at))})
    assert steps(portal, made)[-1] == "wrong_company"
    assert codat.asked.count("unlink_connection") == 1


def test_a_finished_journey_says_when_it_is_linked_no_more(portal, codat):
    _, at, held = linked_before(portal, codat)
    portal.web.post(f"{at}/confirm", data={"shown": shown_on(portal.web.get(at))})
    before = portal.web.get(f"{at}/state").json["stamp"]
    [connection] = held.connections.values()
    gone = replace(connection, status="Deauthorized")
    portal.hold(replace(held, connections={gone.id: gone}))
    page = portal.web.get(at).text
    assert "No longer connected" in page
    assert "Thank you" not in page
    assert portal.web.get(f"{at}/state").json["stamp"] != before


def test_the_funnel_counts_how_far_each_platforms_journeys_came(portal):
    _, first = invite(portal)
    agreed(portal, first)
    _, second = invite(portal)
    portal.web.post(f"{second}/platform", data={"platform": "gbol"})
    third, _ = invite(portal)
    portal.post(f"/v1/journeys/{third['id']}/revoke")
    report = portal.get("/v1/journeys/funnel").json
    by_key = {one["platform_key"]: one for one in report["platforms"]}
    assert (by_key["gbol"]["platform_chosen"], by_key["gbol"]["authorising"]) == (2, 1)
    assert by_key[""]["left_at"] == {"started": 1}
    assert report["journeys"] == 3


def test_pages_of_the_list_together_give_every_journey_once(portal):
    made = [invite(portal)[0]["id"] for _ in range(5)]
    found, before = [], ""
    while before is not None:
        page = portal.get(f"/v1/journeys?limit=2&before={before}").json
        found += [one["id"] for one in page["journeys"]]
        before = page["next"]
    assert sorted(found) == sorted(made)
    assert len(found) == 5


def test_a_finished_journey_stays_finished_whatever_is_sent(portal):
    made, at = invite(portal)
    agreed(portal, at)
    step = Step.CONFIRMED
    portal.store.journeys.change(made["id"], lambda held: rules.Change(replace(held, step=step)))
    before = steps(portal, made)
    for act in ("platform", "back", "consent", "authorise", "confirm", "wrong"):
        data = {"platform": "qhyg", "agree": "yes"}
        assert portal.web.post(f"{at}/{act}", data=data).headers["Location"] == at
    assert steps(portal, made) == before
    assert "Thank you" in portal.web.get(at).text


def test_a_link_is_never_in_the_log(portal, monkeypatch):
    from structlog.testing import capture_logs

    _, at = invite(portal)
    with capture_logs() as said:
        portal.redis_server.connected = False
        portal.web.get(at)
        portal.redis_server.connected = True
        monkeypatch.setattr("portal.link.views.platform_search.find", None)
        assert portal.web.get(at).status_code == 500
    assert [one["event"] for one in said] == ["link.not_served", "link.failed"]
    assert at.removeprefix("/link/") not in str(said)


@pytest.mark.parametrize("generation", list(Generation))
def test_both_generations_of_codats_api_lead_to_the_platform(generation):
    with running() as (sandbox, ask):
        port = int(sandbox.url.rpartition(":")[2])
        with Codat("sandbox", sandbox.url, generation=generation, timeout=(2, 5)) as codat:
            portal = Portal(codat=codat, sandbox_port=port)
            for body, key in (({}, "gbol"), ({"platforms": ["qhyg"]}, "qhyg")):
                made, at = invite(portal, **body)
                shown = agreed(portal, at, key).text
                url = re.search(r'content="0;url=([^"]+)"', shown)[1].replace("&amp;", "&")
                assert url.startswith(f"{sandbox.url}/link/")
                [held] = ask("GET", f"/companies/{made['company_id']}").json()["dataConnections"]
                assert held["integrationKey"] == key
                assert held["id"] in url


def test_a_platform_by_its_name_is_refused_with_its_key(portal):
    for named in ("Xero", "xero", "gbo"):
        answer = portal.post("/v1/journeys", json={"platforms": [named]})
        assert "the nearest key that is known is gbol (Xero)" in answer.text
