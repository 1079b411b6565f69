"""A sandbox that runs for a test, somebody to call it, and somebody to take its webhooks.

Every answer and every webhook is held against Codat's published files where those are at hand.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from codat.signature import new_secret
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from support.contract import answer_faults, webhook_faults

SECRET = new_secret()
PATIENCE = 10.0  # seconds that a test waits before it fails
BASIC = "Basic c2FuZGJveA=="  # base64 of the bare key `sandbox`


class Caller:
    """Calls one sandbox with the key; paths are Codat's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = BASIC

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call, and see that the answer is one that Codat publishes."""
        answer = self.session.request(
            method, self.url + path, timeout=PATIENCE, allow_redirects=False, **more
        )
        faults = answer_faults(answer)
        assert not faults, faults
        return answer

    def company(self, name: str = "Acme", **more: Any) -> str:
        """Create a company and give its id."""
        return str(self("POST", "/companies", json={"name": name, **more}).json()["id"])

    def linked(self, key: str = "gbol") -> str:
        """Create a company and link it."""
        company_id = self.company()
        answer = self.control(f"companies/{company_id}/authorise", platformKey=key)
        assert answer.status_code == 200, answer.text
        return company_id

    def control(self, what: str, /, **data: Any) -> requests.Response:
        """Post to the sandbox's own controls."""
        return self("POST", f"/sandbox/{what}", json=data)

    def journal(self, **wanted: Any) -> list[dict[str, Any]]:
        """List the journal's entries that have these values."""
        entries = self("GET", "/sandbox/journal").json()["entries"]
        return [e for e in entries if all(e.get(k) == v for k, v in wanted.items())]


@contextmanager
def running(**wanted: Any) -> Iterator[tuple[RunningSandbox, Caller]]:
    """Run a sandbox on a free port."""
    wanted = {"sync_seconds": 0.0, "port": 0, "webhook_secret": SECRET, **wanted}
    with start(SandboxConfig(**wanted)) as sandbox:
        yield sandbox, Caller(sandbox.url)


class Mailbox:
    """Takes webhooks; `answers` says with which status, in turn, then 204."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.faults: list[str] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep one webhook and say the status to answer."""
        faults = webhook_faults(json.loads(body))
        with self._changed:
            self.faults += faults
            self.taken.append((headers, body))
            self._changed.notify_all()
            return self.answers.pop(0) if self.answers else 204

    def wait(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until the bodies are enough, and give them."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.bodies()), PATIENCE), self.bodies()
            return self.bodies()

    def bodies(self) -> list[dict[str, Any]]:
        """Give the bodies taken so far."""
        return [json.loads(body) for _, body in self.taken]

    def types(self) -> list[str]:
        """Give the event types taken so far."""
        return [body.get("eventType") or body["RuleType"] for body in self.bodies()]

    def close(self) -> None:
        """Stop taking."""
        self._server.shutdown()
        self._server.server_close()


def _handler(mailbox: Mailbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(mailbox.take(dict(self.headers), body))
            for name, value in mailbox.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Take webhooks for the time of a test."""
    box = Mailbox()
    try:
        yield box
    finally:
        box.close()
    assert not box.faults, box.faults


def settings(*each, **owner):
    return {**owner, "settings": each, "overridesDefaults": True}
