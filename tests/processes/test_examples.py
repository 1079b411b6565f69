"""The examples do what they say: each reads every event, is killed, and goes on where it was."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import standardwebhooks
from werkzeug.serving import make_server

from cli.runner.embedded import EmbeddedServer
from codat.signature import new_secret
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import Secret, Subscription, headers, message_id
from relay.times import now_ms
from support.paths import ROOT
from support.portal_bench import VIEWER, Portal, tails_ended, trim
from support.subscribers import LOOPBACK

EXAMPLES = ROOT / "examples"
NODE_MODULES = ROOT / ".ci" / "node"
NEEDS_NODE = "needs node"
NEEDS_PACKAGE = "needs npm's standardwebhooks: npm install --prefix .ci/node standardwebhooks"


@pytest.fixture
def portal(store, monkeypatch) -> Iterator[Portal]:
    with tails_ended(monkeypatch):
        yield Portal(store=store)


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


@contextmanager
def served(portal: Portal) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, portal.app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def expected(first: int, last: int) -> list[str]:
    return [f"{number} a.b" for number in range(first, last + 1)]


def command_of(name: str) -> list[str]:
    if name.endswith(".mjs"):
        node = shutil.which("node")
        if node is None:
            pytest.skip(NEEDS_NODE)
        return [node, str(EXAMPLES / name)]
    return [sys.executable, str(EXAMPLES / name)]


@pytest.mark.parametrize("name", ["read.py", "read.mjs"])
def test_a_reader_over_http_is_killed_and_goes_on(portal, tmp_path, name):
    portal.log(*(("a.b", 1),) * 5)
    with served(portal) as url:
        command = [*command_of(name), url, VIEWER, str(tmp_path / "cursor")]
        with running(*command) as process:
            assert lines(process, 5) == expected(1, 5)
            portal.log(("a.b", 1))
            assert lines(process, 1) == expected(6, 6)
            while "after=6" not in (tmp_path / "cursor").read_text():
                threading.Event().wait(0.01)
            process.send_signal(signal.SIGKILL)
        portal.log(("a.b", 1), ("a.b", 1))
        with running(*command) as process:
            assert lines(process, 2) == expected(7, 8)


def test_a_reader_with_curl_goes_on_where_it_was(portal, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    portal.log(*(("a.b", 1),) * 3)
    with served(portal) as url:
        command = ["sh", str(EXAMPLES / "read.sh"), url, VIEWER, str(tmp_path / "cursor")]
        with running(*command) as process:
            [page] = lines(process, 1)
            assert [e["id"] for e in json.loads(page)["events"]] == ["1", "2", "3"]
            cursor = tmp_path / "cursor"
            while not (cursor.exists() and "after=3" in cursor.read_text()):
                threading.Event().wait(0.01)
        portal.log(("a.b", 1))
        with running(*command) as process:
            [page] = lines(process, 1)
            assert [e["id"] for e in json.loads(page)["events"]] == ["4"]


def test_a_killed_group_member_comes_back_and_finishes_its_events(server: EmbeddedServer, portal):
    portal.log(*(("a.b", 1),) * 5)
    client = portal.store.client
    log = "{relay}:log"
    client.xgroup_create(log, "books", "0")
    # As one killed in the middle leaves it: given three, done with one.
    [[_, given]] = client.xreadgroup("books", "one", {log: ">"}, count=3)
    client.xack(log, "books", given[0][0])
    command = [sys.executable, str(EXAMPLES / "group.py"), server.url, "one"]
    with running(*command) as process:
        assert lines(process, 4) == expected(2, 5)
        portal.log(("a.b", 1))
        assert lines(process, 1) == expected(6, 6)


def subscription() -> Subscription:
    return Subscription("sub_1", "http://127.0.0.1/", (Secret(new_secret()),), now_ms())


def test_the_example_subscriber_accepts_genuine_webhooks_only():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made, body = subscription(), b'{"id":"7","type":"a.b"}'
    secret = made.secrets[0].value
    url = f"http://127.0.0.1:{port}/"
    with running(sys.executable, str(EXAMPLES / "subscriber.py"), str(port), secret) as process:
        sent = headers(made, message_id(made, "e1", 7, 7), body, now_ms())
        while (answer := WebhookSender(url, LOOPBACK).post(body, sent)).status is None:
            threading.Event().wait(0.05)
        assert answer.status == 204
        assert WebhookSender(url, LOOPBACK).post(b'{"id":"8"}', sent).status == 401
        assert lines(process, 1) == ["7 a.b"]


def test_the_public_javascript_library_verifies_our_deliveries():
    """Signed while two secrets overlap, so that each verifies; and a forged one does not."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(NEEDS_NODE)
    if not (NODE_MODULES / "node_modules" / "standardwebhooks").is_dir():
        pytest.skip(NEEDS_PACKAGE)
    made, new = subscription(), new_secret()
    former = made.secrets[0].value
    rotated = Subscription("sub_1", made.url, made.rotated(new, now_ms(), 60_000), 0)
    body = '{"id":"7","data":{"name":"Å 日本"}}'
    sent = headers(rotated, message_id(rotated, "e1", 7, 7), body.encode(), now_ms())
    cases = [(former, body), (new, body), (new_secret(), body), (new, body + " ")]
    for secret, text in cases[:2]:
        standardwebhooks.Webhook(secret).verify(text, sent)
    given = "\n".join(
        json.dumps({"secret": secret, "headers": sent, "body": text}) for secret, text in cases
    )
    done = subprocess.run(
        [node, str(ROOT / "tests" / "support" / "verify.mjs"), str(NODE_MODULES)],
        input=given, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:4] == ["good", "good", *["No matching signature found"] * 2]


@pytest.mark.parametrize("name", ["read.py", "read.mjs", "read.sh"])
@pytest.mark.parametrize("gone", ["trimmed", "reset"])
def test_a_reader_whose_cursor_is_of_no_use_says_so_and_goes_on(portal, tmp_path, name, gone):
    portal.log(*(("a.b", 1),) * 6)
    cursor = tmp_path / "cursor"
    if gone == "trimmed":
        trim(portal.store, 4)
        cursor.write_text("/v1/events?after=1&limit=500&wait=1")
    else:
        cursor.write_text("/v1/events?after=3&epoch=former&limit=500&wait=1")
    command = ["sh", str(EXAMPLES / name)] if name.endswith(".sh") else command_of(name)
    if shutil.which(command[0]) is None and name.endswith(".sh"):
        pytest.skip("needs curl")
    with served(portal) as url, running(*command, url, VIEWER, str(cursor)) as process:
        wanted = "5" if gone == "trimmed" else "7"
        while "after=" + ("6" if gone == "trimmed" else "6&epoch") not in cursor.read_text():
            threading.Event().wait(0.02)
        if gone == "reset":
            portal.log(("a.b", 1))
        text = process.stdout.readline() if process.stdout else ""
        while wanted not in text:
            text = process.stdout.readline() if process.stdout else ""


@pytest.mark.parametrize("name", ["read.py", "read.mjs", "read.sh", "group.py", "subscriber.py"])
def test_an_example_without_arguments_says_what_it_takes(name):
    command = ["sh", str(EXAMPLES / name)] if name.endswith(".sh") else command_of(name)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        *(("subscriber.py", ["0", "nope"], "PORT"), ("subscriber.py", ["65536", "nope"], "PORT")),
        *(("subscriber.py", ["²", "nope"], "PORT"), ("subscriber.py", ["x", "nope"], "PORT")),
        *(
            ("subscriber.py", ["8000", secret], "SECRET")
            for secret in ("", "nope", "whsec_", "whsec_nope", "whsec_" + "é" * 40, "A" * 400)
        ),
        ("read.py", ["nope", "token", "no-file"], "URL"),
        ("read.py", ["ftp://x", "token", "no-file"], "URL"),
        ("read.py", ["http://127.0.0.1:1", "to\nken", "no-file"], "TOKEN"),
        ("read.py", ["http://127.0.0.1:1", "tok\u20acn", "no-file"], "TOKEN"),
        ("read.mjs", ["nope", "token", "no-file"], "URL"),
        ("read.mjs", ["http://127.0.0.1:1", "tok\u20acn", "no-file"], "TOKEN"),
        ("read.sh", ["nope://x", "token", "no-file"], "curl"),
        ("group.py", ["nope", "me"], "REDIS_URL"),
    ],
)
def test_an_example_refuses_what_can_never_work(name, words, said):
    command = ["sh", str(EXAMPLES / name)] if name.endswith(".sh") else command_of(name)
    if shutil.which("curl") is None and name.endswith(".sh"):
        pytest.skip("needs curl")
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_an_example_without_a_trace(portal, tmp_path):
    portal.log(("a.b", 1))
    with served(portal) as url:
        command = [*command_of("read.py"), url, VIEWER, str(tmp_path / "cursor")]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert lines(process, 1) == expected(1, 1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")


@pytest.mark.parametrize("name", ["read.py", "read.mjs", "read.sh"])
def test_a_reader_whose_cursor_file_is_empty_starts_over(portal, tmp_path, name):
    portal.log(("a.b", 1))
    cursor = tmp_path / "cursor"
    cursor.write_text("")
    command = ["sh", str(EXAMPLES / name)] if name.endswith(".sh") else command_of(name)
    if name.endswith(".sh") and shutil.which("curl") is None:
        pytest.skip("needs curl")
    with served(portal) as url, running(*command, url, VIEWER, str(cursor)) as process:
        [first] = lines(process, 1)
        assert '"id":"1"' in first.replace(" ", "") if name.endswith(".sh") else first == "1 a.b"


def test_a_group_without_a_servers_address_says_so():
    command = [*command_of("group.py"), "nope", "me"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "nope" in done.stderr or "scheme" in done.stderr
