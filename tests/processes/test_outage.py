"""A web process without Redis, and with one that hangs: 503, and recovery without a restart."""

import http.client
import json
import os
import signal

import pytest
import requests

from cli.runner import embedded
from support.parts import make_event, signed
from support.waiting import wait_until
from support.web_process import web_process

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had


def test_without_redis_webhooks_get_503_until_it_is_back(tmp_path):
    server = embedded.start(tmp_path / "data")
    address = server.url
    server.stop()
    try:
        with web_process(address, answers="/healthz") as web:
            port, url = web.port, f"http://127.0.0.1:{web.port}"
            try:
                refused = post(port)
                assert refused.status == 503
                assert int(refused.headers["Retry-After"]) > 0
                missing = requests.get(f"{url}/readyz", timeout=10)
                assert missing.status_code == 503
                assert "redis" in missing.text.lower()

                server = embedded.start(tmp_path / "data")
                wait_until(lambda: post(port).status == 204, "recovery")
                assert requests.get(f"{url}/readyz", timeout=10).status_code == 200

                # A server that hangs: the answer still comes, well within Codat's 15 seconds.
                os.kill(server_pid(server), signal.SIGSTOP)
                assert post(port).status == 503
                hanging = requests.get(f"{url}/readyz", timeout=30)
                assert hanging.status_code == 503
                os.kill(server_pid(server), signal.SIGCONT)
                wait_until(lambda: post(port).status == 204, "recovery after the hang")
            finally:
                os.kill(server_pid(server), signal.SIGCONT)
    finally:
        server.stop()


def server_pid(server: embedded.EmbeddedServer) -> int:
    """The server itself: the process we started runs it in its own place."""
    return server.process.pid


def post(port: int) -> http.client.HTTPResponse:
    body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("POST", "/webhooks/codat", body, signed(body))
    answer = connection.getresponse()
    answer.read()
    return answer
