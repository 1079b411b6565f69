"""A short code opens a customer's link on another computer once, and no guess does."""

import re

import pytest
from structlog.testing import capture_logs

from portal.app import MAX_CODE_HASHES
from portal.link import device_code
from portal.services import NAME
from relay.store import keys
from relay.store.journeys import codes
from support.journeys import AtCodat, agreed, invite
from support.portal_bench import Portal


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
    monkeypatch.setattr(device_code.secrets, "choice", lambda letters: letters[1])
    assert made(portal, at) == "1111-1111"
    assert portal.web.post("/pc", data={"code": " il1i LL11 "}).headers["Location"] == at


def test_every_invalid_code_gets_the_same_answer_and_the_form(portal):
    at = offline(portal)
    used = made(portal, at)
    portal.web.post("/pc", data={"code": used})
    answers = {
        portal.web.post("/pc", data={"code": code}).data
        for code in (used, "", "ABCD-EFGH", "U" * 8, "x" * 5000, "🙂" * 8)
    }
    [answer] = answers
    assert answer.count(b'role="alert"') == 1
    assert b'name="code"' in answer
    assert portal.web.post("/pc", data={"code": used}).status_code == 404


def test_neither_code_nor_link_is_stored_and_all_ends_in_half_an_hour(portal):
    at = offline(portal)
    code = made(portal, at).replace("-", "").encode()
    token = at.removeprefix("/link/").encode()
    found = list(portal.client.scan_iter())
    held = b"".join(portal.client.dump(key) for key in found) + b"".join(found)
    assert code not in held
    assert token not in held
    [key] = portal.client.scan_iter(keys.CODE + "*")
    assert 0 < portal.client.ttl(key) <= 1800


def test_many_customers_behind_one_address_do_not_lock_each_other_out(portal):
    code = made(portal, offline(portal))
    for _ in range(50):
        assert portal.store.codes.take("0" * 64) is None
    assert portal.web.post("/pc", data={"code": code}).status_code == 303


def test_after_many_guesses_every_code_is_refused_for_a_while(portal, monkeypatch):
    code = made(portal, offline(portal))
    monkeypatch.setattr(codes, "MAX_FAILURES", 3)
    for _ in range(3):
        assert not portal.store.codes.are_locked()
        assert portal.store.codes.take("0" * 64) is None
    wrong = portal.web.post("/pc", data={"code": ""}).data
    with monkeypatch.context() as patched, capture_logs() as said:
        patched.setattr(device_code.hashlib, "scrypt", None)
        answer = portal.web.post("/pc", data={"code": code})
    assert (answer.status_code, answer.data) == (404, wrong)
    assert [one["event"] for one in said] == ["link.codes_locked"]
    assert portal.store.codes.take("0" * 64) is None
    assert portal.client.ttl(keys.CODE_TRIES) > 0
    portal.client.delete(keys.CODE_TRIES)  # its time is over
    assert portal.web.post("/pc", data={"code": code}).status_code == 303


def test_only_a_few_codes_are_worked_on_at_once(portal):
    """Each takes a processor and 16 MiB of the process that takes webhooks in too."""
    at = offline(portal)
    code = made(portal, at)
    limit = portal.app.extensions[NAME].code_hash_limit
    for _ in range(MAX_CODE_HASHES):
        assert limit.acquire(blocking=False)
    for answer in (portal.web.post("/pc", data={"code": code}), portal.web.post(f"{at}/code")):
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert answer.headers["Retry-After"]
    limit.release()
    assert portal.web.post("/pc", data={"code": code}).status_code == 303


def test_a_link_shows_no_more_codes_than_it_may_act(portal, monkeypatch):
    monkeypatch.setattr("relay.journeys.journey.MAX_ACTS", 4)
    at = offline(portal)  # agreed and was shown the steps
    answers = [portal.web.post(f"{at}/code").status_code for _ in range(6)]
    assert answers == sorted(answers)
    assert answers[-1] == 429
    shown = answers.count(200)
    assert 1 <= shown <= 4
    assert len(list(portal.client.scan_iter(keys.CODE + "*"))) == shown
    assert [m[b"type"] for m in portal.messages(1)].count(b"journey.code_shown") == shown


def test_a_code_taken_twice_by_one_call_is_heard_twice(portal, monkeypatch):
    """redis-py sends a script again when its answer is lost."""
    portal.store.codes.keep("d", "sealed")
    once = portal.store.codes._scripts.take_code

    def twice(names, arguments):
        once(names, arguments)
        return once(names, arguments)

    monkeypatch.setattr(portal.store.codes._scripts, "take_code", twice)
    assert portal.store.codes.take("d") == "sealed"
    assert portal.store.codes.take("d") is None


def test_only_software_on_a_computer_has_codes(portal):
    _, at = invite(portal)
    agreed(portal, at)
    assert portal.web.post(f"{at}/code").headers["Location"] == at
    assert not list(portal.client.scan_iter(keys.CODE + "*"))
