"""Logs are one JSON object a line, hold no secret, and cannot be forged by what a sender wrote."""

import json
import logging
import random
import warnings
from io import StringIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from codat.capabilities import HIDDEN as MASK
from relay.logging import MAX_VALUE_LENGTH, hide_secrets, set_up

CANARY = "canary-3f9c1d7ab04e"
WHSEC = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _configuration_restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def logger(stream, level="info"):
    set_up(level, stream)
    return structlog.get_logger(random.random())  # a new one: loggers keep their first stream


def fail(text):
    local = CANARY  # what a pretty trace would show
    raise RuntimeError(text, len(local))


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_a_log_line_is_one_json_object():
    out = StringIO()
    log = logger(out)
    structlog.contextvars.bind_contextvars(message_id="msg_1")
    log.info("event.handled", company_id="c-1", attempts=2)
    [line] = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "event.handled",
        "level": "info",
        "message_id": "msg_1",
        "company_id": "c-1",
        "attempts": 2,
    }


FORGED = [
    'Bakery\n{"event": "intent.ended"}',
    "Bakery\r\nX",
    "\x1b[2J\x1b[31mBakery\x07",
    "Bakery\x85\u2028\u2029X",
    "Bakery\x00\x7f",
    "\u202eyrekaB",
]


@pytest.mark.parametrize("name", FORGED)
def test_a_name_with_control_characters_stays_in_its_line(name):
    out = StringIO()
    log = logger(out)
    log.info("company.renamed", current=name)
    log.info("told")
    assert [line["event"] for line in lines(out)] == ["company.renamed", "told"]
    assert lines(out)[0]["current"] == name
    assert out.getvalue().isascii()
    assert out.getvalue().replace("\n", "").isprintable()


@given(st.text(max_size=MAX_VALUE_LENGTH))
def test_whatever_a_sender_wrote_comes_back_from_one_line(text):
    out = StringIO()
    logger(out).info("webhook.malformed", reason=text)
    [line] = lines(out)
    assert line["reason"] == text or MASK in line["reason"]


@pytest.mark.parametrize("name", FORGED)
def test_a_name_cannot_move_a_terminals_cursor(name):
    out = Terminal()
    log = logger(out)
    log.info("company.renamed", current=name)
    log.info(name)
    ours = out.getvalue()
    for colour in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[35m", "\x1b[36m"):
        ours = ours.replace(colour, "")
    assert ours.count("\n") == 2
    assert ours.replace("\n", "").isprintable()


BY_NAME = [
    "authorization",
    "Authorization",
    "http_authorization",
    "webhook-signature",
    "secret",
    "codat_webhook_secrets",
    "token",
    "api_key",
    "apiKey",
    "x-api-key",
    "password",
]


@pytest.mark.parametrize("name", BY_NAME)
def test_what_stands_under_a_secrets_name_is_masked(name):
    for value in (CANARY, CANARY.encode(), [CANARY], {"value": CANARY}, 7):
        assert hide_secrets(None, "info", {name: value, "event": "x"})[name] == MASK
    nested = hide_secrets(None, "info", {"headers": {name: CANARY, "host": "h"}})
    assert nested == {"headers": {name: MASK, "host": "h"}}


IN_TEXT = [
    f"the header was {WHSEC}!",
    f"Basic {CANARY}",
    f"sent 'Authorization: bearer  {CANARY}' again",
    f"cannot reach redis://user:{CANARY}@localhost:6379/0",
    f"https://{CANARY}@codat.test/",
    f"https://link-api.codat.io/companies/1/connections/2/start?otp={CANARY}&a=b",
]


@pytest.mark.parametrize("text", IN_TEXT)
@pytest.mark.parametrize(
    "wrapped",
    [str, str.encode, lambda t: [t], lambda t: {"a": (t,)}, lambda t: {t}, ValueError],
    ids=["text", "bytes", "list", "nested", "set", "error"],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(text, wrapped):
    out = StringIO()
    logger(out).info("x", value=wrapped(text))
    assert CANARY not in out.getvalue()
    assert WHSEC not in out.getvalue()
    assert MASK in out.getvalue()


@pytest.mark.parametrize("text", IN_TEXT)
def test_an_event_and_a_trace_hold_no_secret(text):
    out = StringIO()
    log = logger(out)
    log.info(text)
    try:
        fail(text)
    except RuntimeError:
        log.exception("intent.failed")
    assert CANARY not in out.getvalue()
    assert WHSEC not in out.getvalue()
    told, failed = lines(out)
    assert MASK in told["event"]
    assert "RuntimeError" in failed["exception"]
    assert MASK in failed["exception"]


def test_what_is_no_secret_is_left_as_it_is():
    event = {
        "event": "intent.ended",
        "error": "GET https://api.codat.io/companies/1: 503",
        "basic": "Basic facts",
        "mail": "ops@firm.test",
        "wait": 2.5,
        "recorded": True,
        "nothing": None,
        "lanes": [1, 2],
    }
    assert hide_secrets(None, "info", dict(event)) == event


def test_a_long_value_is_cut_and_a_trace_less_so():
    event = {"error": "e" * 100_000, "exception": "t" * 100_000, "items": ["i" * 100_000]}
    shown = hide_secrets(None, "info", event)
    assert len(shown["error"]) == len(shown["items"][0]) == MAX_VALUE_LENGTH
    assert MAX_VALUE_LENGTH < len(shown["exception"]) < 100_000


def test_a_librarys_warning_takes_the_same_form_and_hides_secrets_too():
    out = StringIO()
    set_up("info", out)
    library = logging.getLogger("a.library")
    library.info("not wanted")
    library.warning("refused %s\nnext", f"Bearer {CANARY}")
    try:
        fail(WHSEC)
    except RuntimeError:
        library.exception("failed")
    refused, failed = lines(out)
    assert refused["event"] == f"refused {MASK}\nnext"
    assert refused["level"] == "warning"
    assert "RuntimeError" in failed["exception"]
    assert WHSEC not in out.getvalue()


def test_a_level_leaves_out_what_is_below_it():
    out = StringIO()
    log = logger(out, "warning")
    log.info("lane.committed")
    log.warning("hint.failed")
    assert [line["event"] for line in lines(out)] == ["hint.failed"]


def test_a_trace_on_a_terminal_shows_no_local_variables():
    out = Terminal()
    log = logger(out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fail("x")
        except RuntimeError:
            log.exception("intent.failed")
    assert "RuntimeError" in out.getvalue()
    assert CANARY not in out.getvalue()
