"""The pages for whoever runs the service: who gets in, what they keep, and the load they show."""

import re
from itertools import compress

import pytest

from relay.times import iso_from_ms, now_ms
from relay.tokens import Token, digest_of
from support.folding import payload
from support.ops_pages import get, proof, sign_in, text_of
from support.parts import company_id, make_event
from support.portal_bench import OPERATOR, VIEWER, Portal, make_company


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1), make_company(2))
    return portal


@pytest.mark.parametrize("token", [VIEWER, OPERATOR])
def test_a_token_of_either_role_opens_the_pages(portal, token):
    answer = sign_in(portal, token)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/")
    assert "Sign out" in get(portal, "/ops/").text
    assert get(portal, "/ops/load").status_code == 200


def test_nobody_sees_a_page_without_signing_in(portal):
    answer = get(portal, "/ops/load")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/")
    assert "Token" in get(portal, "/ops/").text
    bearer = portal.get("/ops/load")  # a program's token is for the API
    assert bearer.status_code == 303


@pytest.mark.parametrize("token", ["wrong", "", "x" * 600, "\u00e9\ud7ff"])
def test_an_unknown_token_is_refused_with_a_reason(portal, token):
    answer = sign_in(portal, token)
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert "codat-relay token list" in answer.text  # also right where RELAY_TOKENS is not set
    assert get(portal, "/ops/load").status_code == 303


@pytest.mark.parametrize("csrf", ["", "0" * 64, "\u00e9"])
def test_a_form_that_is_not_ours_is_refused(portal, csrf):
    assert sign_in(portal, csrf=csrf).status_code == 400
    assert get(portal, "/ops/load").status_code == 303


def test_a_form_from_another_browser_is_refused(portal):
    form = {"token": VIEWER, "csrf": proof(get(portal, "/ops/"))}
    other = portal.app.test_client().post("/ops/sign-in", data=form)
    assert other.status_code == 400


def test_signing_out_ends_the_session_and_takes_a_form_of_ours(portal):
    sign_in(portal)
    page = get(portal, "/ops/")
    assert portal.post("/ops/sign-out", token=None, data={}).status_code == 400
    kept = portal.web.get_cookie("relay_ops", path="/ops").value
    portal.post("/ops/sign-out", token=None, data={"csrf": proof(page)})
    assert get(portal, "/ops/load").status_code == 303
    portal.web.set_cookie("relay_ops", kept, path="/ops")
    assert get(portal, "/ops/load").status_code == 303


def test_the_cookie_is_out_of_reach_and_is_not_the_token(portal):
    [cookie] = [c for c in sign_in(portal).headers.getlist("Set-Cookie") if "relay_ops=" in c]
    assert {"HttpOnly", "SameSite=Strict", "Path=/ops", "Max-Age=43200"} <= set(cookie.split("; "))
    assert VIEWER not in cookie
    kept = portal.web.get_cookie("relay_ops", path="/ops").value.encode()
    assert not [key for key in portal.client.scan_iter() if kept in key]


def test_over_https_the_cookie_goes_no_other_way():
    portal = Portal(relay_public_url="https://relay.example.com")
    cookies = get(portal, "/ops/").headers.getlist("Set-Cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


def test_a_session_ends_with_its_token():
    portal = Portal(relay_tokens=())
    portal.store.tokens.put("a-token-for-a-while", Token("ann", "view"), made=1)
    sign_in(portal, "a-token-for-a-while")
    assert get(portal, "/ops/load").status_code == 200
    assert portal.client.keys("*session:*")
    portal.store.tokens.revoke([digest_of("a-token-for-a-while")])
    assert get(portal, "/ops/load").status_code == 303
    assert not portal.client.keys("*session:*")  # it would not come back with the token either


def test_pages_restrict_what_they_load_and_are_never_cached(portal):
    sign_in(portal)
    for path in ("/ops/", "/ops/load"):
        headers = get(portal, path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "script" not in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        text = get(portal, path).text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text)


def test_the_load_is_shown_by_hour_and_by_day(portal):
    for number in (1, 2):
        portal.put(f"/v1/schedules/{company_id(number)}/invoices", json={"cadence": "hourly"})
    sign_in(portal)
    page = get(portal, "/ops/load")
    load = portal.get("/v1/schedules/load?hours=168").json
    assert f"{load['total']} syncs from 2 schedules" in text_of(page)
    day, week = re.findall(r"<tbody>(.*?)</tbody>", page.text, re.S)
    shown = [int(count) for count in re.findall(r'class="number">(\d+)', day)]
    assert shown == [hour["syncs"] for hour in load["hours"][:24]]
    assert sum(int(count) for count in re.findall(r'class="number">(\d+)', week)) == load["total"]
    assert week.count("<rect") == 168
    assert "Codat's limits cover every hour and day." in text_of(page)
    assert "0: 0" not in text_of(page)  # a day without syncs has no fullest hour


def full_hours_and_days(portal: Portal) -> int:
    """Return how many of the coming 24 hours, and of the week's days, have an hour of 32 syncs."""
    hours = portal.get("/v1/schedules/load?hours=168").json["hours"]
    full = [hour["syncs"] == 32 for hour in hours]
    return sum(full[:24]) + len({hour["hour"][:10] for hour in compress(hours, full)})


def test_a_load_that_the_budget_does_not_cover_is_warned_of():
    portal = Portal(relay_calls_per_minute=1)
    for number in range(1, 33):
        portal.hold(make_company(number))
        portal.put(f"/v1/schedules/{company_id(number)}/all", json={"cadence": "hourly"})
    sign_in(portal)
    before = full_hours_and_days(portal)
    text = text_of(get(portal, "/ops/load"))
    assert "Not covered. The fullest hour holds 32 syncs; 1 calls a minute cover 30." in text
    assert text.count("32 over") in (before, full_hours_and_days(portal))
    assert "limits cover every hour" not in text


def test_what_waits_for_a_pause_is_counted_apart(portal):
    pause = portal.post("/v1/pauses", json={"scope": "everything", "reason": "x"}).json["id"]
    portal.client.zadd("{relay}:parked:" + pause, {"c|all|m": 1, "d|all|m": 1})
    sign_in(portal)
    assert "2 more wait for the end of a pause." in text_of(get(portal, "/ops/load"))


def test_an_unreachable_store_is_said_on_a_page(portal):
    sign_in(portal)
    portal.redis_server.connected = False
    answer = get(portal, "/ops/load")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "Redis does not answer" in answer.text


def test_a_spent_quota_shows_the_same_figure_everywhere(bench):
    """In the event, in the status, in what is covered, and on the page, which is green no more."""
    midnight = (now_ms() // 86_400_000 + 1) * 86_400_000
    told = payload("client.rateLimit.reached")["payload"] | {"dailyQuota": 10}
    told |= {name: iso_from_ms(midnight) for name in told if "xpir" in name}
    bench.store.budget.ended("c", None, now=now_ms(), limit=307_000, remaining=9, reset=midnight)
    event = make_event("client.rateLimit.reached", company=None, **told)
    bench.deliver(event | {"generatedDate": iso_from_ms(now_ms() + 1)})
    bench.drain()
    portal = Portal(store=bench.store)
    [event] = portal.get("/v1/events?type=rate_limit.*").json["events"]
    budget = portal.get("/v1/status").json["budget"]
    load = portal.get("/v1/schedules/load").json
    assert (event["data"]["daily_quota"], budget["daily_limit"], budget["remaining"]) == (10, 10, 0)
    assert load["covers"]["day"] == 5
    assert any("Codat's quota is spent" in warning for warning in load["warnings"])
    sign_in(portal)
    page = get(portal, "/ops/load").text
    assert "quota of 10 requests a day covers 5;" in page
    assert "Codat&#39;s quota is spent" in page
    assert 'class="good"' not in page
