"""The relay behind nginx and Caddy, with the configurations that come with it and with plain ones.

Honest webhooks come through the same proxy as posts that are refused, slow or broken off.
"""

import http.client
import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from cli.runner import embedded
from support.paths import ROOT
from support.waiting import wait_until
from support.web_process import Web, free_port, get, opened, slow, web_process, webhook

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had
HONEST = 400
SHIPPED = ROOT / "cli" / "proxy"
PLAIN_NGINX = """
upstream codat_relay { server 127.0.0.1:8000; keepalive 16; }
server {
    listen 443 ssl;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    location / { proxy_pass http://codat_relay; }
}
"""
PLAIN_CADDY = "relay.example.com {\n\treverse_proxy 127.0.0.1:8000\n}\n"


@pytest.fixture(scope="module")
def web(server: embedded.EmbeddedServer) -> Iterator[Web]:
    with web_process(server.url, RELAY_TRUSTED_PROXIES="127.0.0.1/32") as running:
        yield running


def nginx(text: str, web: Web, port: int, folder: Path) -> list[str]:
    """Run nginx with a file as it would lie in conf.d; the address and TLS are a test's own."""
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace(
        "127.0.0.1:8000", f"127.0.0.1:{web.port}"
    )
    text = "\n".join(line for line in text.splitlines() if "ssl_certificate" not in line)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;"
        f"events {{}} http {{ access_log {folder}/access; {paths}\n{text}\n}}"
    )
    program = shutil.which("nginx") or pytest.skip("needs nginx")
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(text: str, web: Web, port: int, folder: Path) -> list[str]:
    """Run Caddy with a Caddyfile; the address is a test's own, and nothing listens for admins."""
    text = text.replace("relay.example.com", f"http://:{port}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{web.port}"
    )
    first = "{\n\tadmin off\n"
    text = first + text.partition("\n{\n")[2] if "\n{\n" in text else first + "}\n" + text
    (folder / "Caddyfile").write_text(text)
    program = shutil.which("caddy") or pytest.skip("needs caddy")
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[Web, int, Path], list[str]]] = {
    "nginx": lambda *more: nginx((SHIPPED / "nginx.conf").read_text(), *more),
    "caddy": lambda *more: caddy((SHIPPED / "Caddyfile").read_text(), *more),
    "plain nginx": lambda *more: nginx(PLAIN_NGINX, *more),
    "plain caddy": lambda *more: caddy(PLAIN_CADDY, *more),
}


@contextmanager
def running(name: str, web: Web, folder: Path) -> Iterator[int]:
    port = free_port()
    command = PROXIES[name](web, port, folder)
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(
            lambda: get(port, "/healthz") == 200, f"{name}: {(folder / 'output').read_text()}"
        )
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


ANONYMOUS = (
    ("POST", "/webhooks/codat", b"{}", {}),
    ("POST", "/webhooks/codat", b"x" * 3_000, {"Content-Type": "text/plain"}),
    ("POST", "/webhooks/codat", b"x" * 20_000, {"Content-Encoding": "gzip"}),
    ("POST", "/webhooks/codat", b"x" * 200_000, {}),
    ("POST", "/webhooks/codat", b"x" * 300_000, {}),
    ("POST", "/webhooks/codat", b"x" * 20_000, {"Transfer-Encoding": "chunked"}),
    ("POST", "/webhooks/codat", b"x" * 300_000, {"Transfer-Encoding": "chunked"}),
    ("DELETE", "/webhooks/codat", b"x" * 20_000, {}),
    ("GET", "/webhooks/codat", b"x" * 20_000, {}),
    ("POST", "/webhooks/nowhere/at/all", b"x" * 20_000, {}),
    ("POST", "/v1/companies", b"x" * 60_000, {"Content-Type": "application/json"}),
    ("POST", "/v1/companies", b"x" * 200_000, {"Content-Type": "application/json"}),
    ("PUT", "/v1/nowhere", b"x" * 20_000, {"Transfer-Encoding": "chunked"}),
    ("POST", "/pc", b"x" * 60_000, {"Content-Type": "multipart/form-data; boundary=x"}),
    ("POST", "/pc", b"a&" * 30_000, {"Content-Type": "application/x-www-form-urlencoded"}),
    ("POST", "/ops/", b"x" * 100_000, {"Content-Type": "application/x-www-form-urlencoded"}),
    ("POST", "/docs", b"x" * 20_000, {}),
    ("POST", "/link/nobody/consent", b"x" * 20_000, {}),
)


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
) -> int:
    chunked = "Transfer-Encoding" in headers
    connection.request(
        method,
        path,
        iter([body]) if chunked else body,
        headers,
        encode_chunked=chunked,
    )
    found = connection.getresponse()
    found.read()
    return found.status


@pytest.mark.parametrize("number", range(len(ANONYMOUS)))
def test_a_connection_that_is_kept_takes_the_next_webhook(number: int, web: Web) -> None:
    """A proxy sends others' requests on it: it is good for them, or its end is said openly."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    method, path, body, headers = ANONYMOUS[number]
    chunked = "Transfer-Encoding" in headers
    connection.connect()
    with suppress(OSError):  # it ended before all was sent
        connection.request(
            method, path, iter([body]) if chunked else body, headers, encode_chunked=chunked
        )
    found = http.client.HTTPResponse(connection.sock, method=method)
    found.begin()
    found.read()
    if not found.will_close:
        kept, (body, headers) = connection.sock, webhook()
        lines = ["POST /webhooks/codat HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        kept.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        found = http.client.HTTPResponse(kept)
        found.begin()
        assert found.status == 204
    connection.close()


@pytest.mark.parametrize("name", PROXIES)
def test_anonymous_posts_spoil_no_honest_webhook(name: str, web: Web, tmp_path: Path) -> None:
    with running(name, web, tmp_path) as port:
        stop, anonymous, honest = threading.Event(), Counter(), Counter()

        def trouble(start: int) -> None:
            number = start
            while not stop.is_set():
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                with suppress(OSError, http.client.HTTPException):  # refused before it was read
                    anonymous[ask(connection, *ANONYMOUS[number % len(ANONYMOUS)])] += 1
                connection.close()
                number += 1

        def post(count: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(count):
                honest[ask(connection, "POST", "/webhooks/codat", *webhook())] += 1
            connection.close()

        troubles = [threading.Thread(target=trouble, args=(3 * n,)) for n in range(6)]
        posts = [threading.Thread(target=post, args=(HONEST // 4,)) for _ in range(4)]
        for one in troubles + posts:
            one.start()
        for one in posts:
            one.join()
        wait_until(lambda: anonymous.total() > 50, "anonymous posts")
        stop.set()
        for one in troubles:
            one.join()
        assert honest == {204: HONEST}, anonymous
        assert {401, 404, 405, 413, 415} <= set(anonymous)


@pytest.mark.parametrize("name", PROXIES)
def test_slow_bodies_through_a_proxy_keep_no_webhook_out(
    name: str, web: Web, tmp_path: Path
) -> None:
    with running(name, web, tmp_path) as port, ExitStack() as open_ones:
        for _ in range(150):  # more than all threads, with enough that a proxy passes it on
            open_ones.enter_context(opened(port, slow("/webhooks/codat", sent=20_000)))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        told = [ask(connection, "POST", "/webhooks/codat", *webhook()) for _ in range(10)]
        assert told == [204] * 10


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_customers_link_stands_in_no_log_of_the_proxy(
    name: str, web: Web, tmp_path: Path
) -> None:
    with running(name, web, tmp_path) as port:
        for path in ("/link/SECRET-PATH", "/link/SECRET-PATH/stream"):
            assert get(port, path) == 404
        with opened(port, "GET /link/SECRET-PATH HTTP/1.1\r\nHost: x\r\n\r\n"):
            pass  # goes away before it is answered
        large = slow("/link/SECRET-PATH", "Connection: close", sent=20_000)
        large = large.replace("50000", "999999999")
        with opened(port, large) as one:
            assert b" 413 " in one.recv(65536)
        assert get(port, "/healthz") == 200
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"SECRET-PATH" not in path.read_bytes(), path
