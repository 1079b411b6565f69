"""One delivery: what each kind of subscriber comes to, within the deadline and little memory."""

import resource
import ssl
import threading

import pytest

from relay.delivery.sender import MAX_BODY_KEPT, WebhookSender
from support import subscribers
from support.paths import ROOT
from support.subscribers import LOOPBACK, Behave, Subscriber, answer, answers, good, subscriber

PEM = str(ROOT / "tests" / "support" / "hooks.test.pem")
SHORT = 1.0  # seconds
CASES: dict[str, tuple[Behave, int | None, str]] = {
    "a 500": (answer(500), 500, ""),
    "a redirect to loopback": (
        answer(302, "Location: http://127.0.0.1:9/"),
        302,
        "redirects are not followed",
    ),
    "a hang": (subscribers.hangs, None, "no whole answer within 1 s"),
    "headers in drips": (subscribers.drips, None, "no whole answer within 1 s"),
    "a body cut off, which says nothing new after a 200": (
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        200,
        "the connection was closed half-way through the answer",
    ),
    "a body in pieces cut off": (
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
        200,
        "the connection was closed half-way through the answer",
    ),
    "a head cut off": (
        answers(b"HTTP/1.1 200 OK\r\nContent-Le"),
        None,
        "the connection was closed half-way",
    ),
    "a head cut off between its lines": (
        answers(b"HTTP/1.1 200 OK\r\n"),
        None,
        "the connection was closed half-way",
    ),
    "a whole head and nothing after it": (answers(b"HTTP/1.1 200 OK\r\n\r\n"), 200, ""),
    "closing at once": (answers(b""), None, "the connection was closed half-way"),
    "no HTTP": (answers(b"220 smtp ready\r\n"), None, "the answer is not HTTP (BadStatusLine)"),
}


def courier(to: Subscriber, **more) -> WebhookSender:
    return WebhookSender(to.url, LOOPBACK, **{"seconds": SHORT, **more})


@pytest.mark.parametrize(("behave", "status", "error"), CASES.values(), ids=CASES)
def test_each_fault_is_named(behave, status, error):
    with subscriber(behave) as one:
        found = courier(one).post(b"{}", {})
    assert (found.status, found.error, found.taken) == (status, error, status == 200)


def test_a_2xx_takes_it_and_the_connection_serves_again():
    with subscriber() as one:
        line = courier(one)
        for _ in range(3):
            found = line.post(b'{"id":"1"}', {"webhook-id": "m"})
            assert (found.taken, found.body) == (True, "ok")
        line.close()
    assert one.connections == 1
    headers, body = one.taken[0]
    assert (headers["webhook-id"], body) == ("m", b'{"id":"1"}')
    assert headers["host"] == f"127.0.0.1:{one.port}"


def test_a_body_after_the_head_is_read_before_a_closing_connection():
    def late(connection, body):
        connection.sendall(b"HTTP/1.1 401 No\r\nConnection: close\r\n\r\n")
        threading.Event().wait(0.1)
        connection.sendall(b"who are you?")
        return False

    with subscriber(late) as one:
        found = courier(one).post(b"{}", {})
    assert (found.status, found.body, found.error) == (401, "who are you?", "")


def test_an_idle_connection_that_was_closed_is_opened_again():
    def once(connection, body):
        connection.sendall(subscribers.OK)
        return False

    with subscriber(once) as one:
        line = courier(one)
        assert all(line.post(b"{}", {}).taken for _ in range(3))
    assert one.connections == 3


def test_a_gigabyte_is_not_read():
    with subscriber(subscribers.pours) as one:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = courier(one).post(b"{}", {})
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB
    assert (found.taken, len(found.body)) == (True, MAX_BODY_KEPT)
    assert grown < 30_000


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: soon"], None),
        (["Retry-After: 99999999"], None),
        (
            [
                "Date: Wed, 21 Oct 2026 07:28:00 GMT",
                "Retry-After: Wed, 21 Oct 2026 08:28:00 GMT",
            ],
            3600.0,
        ),
        (["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], 0.0),
        (["Retry-After: Mon, 01 Jan 0001 00:00:00 GMT"], 0.0),
        (["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"], None),
        (["Retry-After: Wed, 99 Oct 2015 07:28:00 GMT"], None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(said, wait):
    with subscriber(answer(503, *said)) as one:
        assert courier(one).post(b"{}", {}).retry_after == wait


def test_if_one_address_of_a_name_does_not_answer_the_next_is_tried():
    with subscriber() as one:
        line = WebhookSender(
            one.url, LOOPBACK, lookup=lambda *_: ["127.0.0.2", "127.0.0.1"], seconds=SHORT
        )
        assert line.post(b"{}", {}).taken
        dead = WebhookSender(one.url, LOOPBACK, lookup=lambda *_: ["127.0.0.2", "127.0.0.3"])
        assert dead.post(b"{}", {}).error == "the connection was refused"


def test_a_refused_connection_and_an_unknown_host_are_said_in_words():
    with subscriber() as one:
        url = one.url
    assert WebhookSender(url, LOOPBACK).post(b"{}", {}).error == "the connection was refused"
    unknown = WebhookSender("https://nowhere.invalid/").post(b"{}", {}).error
    assert unknown == "the host's name cannot be looked up"


def test_without_a_named_network_loopback_is_refused():
    with subscriber() as one:
        found = WebhookSender(one.url).post(b"{}", {})
    assert "not a public address" in found.error
    assert one.connections == 0


def test_a_name_that_turns_private_is_never_connected_to():
    """The answer that was judged is the one connected to; each new connection is judged anew."""
    looked = iter([["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
    with subscriber() as one:
        line = WebhookSender(
            f"https://rebind.test:{one.port}/", lookup=lambda *_: next(looked), seconds=SHORT
        )
        for _ in range(2):
            assert "not a public address" in line.post(b"{}", {}).error
    assert one.connections == 0


def tls(one: Subscriber, host: str, context: ssl.SSLContext | None) -> WebhookSender:
    return WebhookSender(
        f"https://{host}:{one.port}/",
        LOOPBACK,
        lookup=lambda *_: ["127.0.0.1"],
        context=context,
        seconds=SHORT,
    )


def test_tls_checks_the_name_though_the_connection_uses_an_address():
    trusting = ssl.create_default_context(cafile=PEM)
    with subscriber(good, PEM) as one:
        assert tls(one, "hooks.test", trusting).post(b"{}", {}).taken
        other = tls(one, "other.test", trusting).post(b"{}", {})
        assert other.error.startswith("the certificate is not good: Hostname mismatch")
        unknown = tls(one, "hooks.test", None).post(b"{}", {})
        assert "self-signed" in unknown.error
    assert len(one.taken) == 1


def test_a_tls_handshake_that_hangs_ends_by_the_deadline():
    with subscriber(subscribers.hangs) as one:  # speaks no TLS at all
        found = tls(one, "hooks.test", None).post(b"{}", {})
    assert found.status is None
    assert found.error
