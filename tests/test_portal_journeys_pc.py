"""A short code opens a customer's link on another computer once, and no guess does."""

import re

import pytest

from portal import journeys_pc
from portal_bench import Portal
from relay.store import codes, keys
from test_link_journey import PHONE, agree, heading, press, running, watched  # noqa: F401
from test_portal_journeys import AtCodat, agreed, invite


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def offline(portal):
    _, at = invite(portal, platforms=["hbql"])
    agreed(portal, at, "hbql")
    return at


def made(portal, at):
    page = portal.web.post(f"{at}/code").text
    return re.search(r'id="code">([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})<', page)[1]


def test_a_code_opens_the_link_once(portal):
    at = offline(portal)
    code = made(portal, at)
    assert 'name="code"' in portal.web.get("/pc").text
    policy = portal.web.get("/pc").headers["Content-Security-Policy"]
    assert "form-action 'self'" in policy
    answer = portal.web.post("/pc", data={"code": code})
    assert (answer.status_code, answer.headers["Location"]) == (303, at)
    assert portal.web.post("/pc", data={"code": code}).status_code == 404


def test_a_code_is_read_as_people_type_it(portal, monkeypatch):
    at = offline(portal)
    monkeypatch.setattr(journeys_pc.secrets, "choice", lambda letters: letters[1])
    assert made(portal, at) == "1111-1111"
    assert portal.web.post("/pc", data={"code": " il1i LL11 "}).headers["Location"] == at


def test_every_code_that_opens_nothing_has_the_answer_of_a_dead_link(portal):
    at = offline(portal)
    used = made(portal, at)
    portal.web.post("/pc", data={"code": used})
    answers = {
        portal.web.post("/pc", data={"code": code}).data
        for code in (used, "", "ABCD-EFGH", "U" * 8, "x" * 5000, "🙂" * 8)
    }
    assert answers == {portal.web.get("/link/none").data}


def test_neither_code_nor_link_is_kept_and_what_is_kept_ends_in_half_an_hour(portal):
    at = offline(portal)
    code = made(portal, at).replace("-", "").encode()
    token = at.removeprefix("/link/").encode()
    found = list(portal.client.scan_iter())
    held = b"".join(portal.client.dump(key) for key in found) + b"".join(found)
    assert code not in held
    assert token not in held
    [key] = portal.client.scan_iter(keys.CODE + "*")
    assert 0 < portal.client.ttl(key) <= 1800


def test_after_many_guesses_nobody_from_there_is_heard_for_a_while(portal):
    code = made(portal, offline(portal))
    for _ in range(codes.MOST_OF_ONE):
        assert portal.store.codes.take("0" * 64, "10.0.0.1") is None
    answer = portal.web.post("/pc", data={"code": code}, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.status_code == 404
    assert portal.web.post("/pc", data={"code": code}).status_code == 303
    [tries] = [k for k in portal.client.scan_iter(keys.CODE_TRIES + "*") if b"all" not in k][:1]
    assert portal.client.ttl(tries) > 0


def test_a_code_taken_twice_by_one_call_is_heard_twice(portal, monkeypatch):
    """redis-py sends a script again when its answer is lost."""
    portal.store.codes.keep("d", "sealed")
    once = portal.store.codes._scripts.take_code

    def twice(names, arguments):
        once(names, arguments)
        return once(names, arguments)

    monkeypatch.setattr(portal.store.codes._scripts, "take_code", twice)
    assert portal.store.codes.take("d", "a") == "sealed"
    assert portal.store.codes.take("d", "a") is None


def test_only_software_on_a_computer_has_codes(portal):
    _, at = invite(portal)
    agreed(portal, at)
    assert portal.web.post(f"{at}/code").headers["Location"] == at
    assert not list(portal.client.scan_iter(keys.CODE + "*"))


def test_from_the_phone_to_the_computer(running, browser):  # noqa: F811
    made = running.invite(reference="P-1", platforms=["hbql"])
    phone = watched(browser.new_context(**PHONE))
    phone.add_init_script("navigator.share = async (what) => { window.shared = what; }")
    phone.goto(made["link"])
    agree(phone)
    heading(phone, "on your computer")
    mail = phone.get_by_role("link", name="Send these steps").get_attribute("href")
    for part in (made["company_id"], "Download%20the%20connector", "licence%20key", "link/"):
        assert part in mail
    assert len(mail) < 2000  # more is cut off by some mail programs
    press(phone, "Share these steps")
    shared = phone.evaluate("window.shared.text")
    assert made["company_id"] in shared
    assert made["link"] in shared
    press(phone, "Show me a short address")
    code = phone.locator("#code").inner_text()
    computer = watched(browser.new_context(java_script_enabled=False))
    computer.goto(f"{running.url}/pc")
    computer.get_by_label("Code").fill(code.lower())
    press(computer, "Go on")
    heading(computer, "on your computer")
    assert made["company_id"] in computer.locator("main").inner_text()
    for page in (phone, computer):
        page.context.close()
        assert page.faults == []
