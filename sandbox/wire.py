"""A small HTTP/1.1 server for a WSGI application that can also cut, hang or halve an answer.

A real server hides the connection from the application; the sandbox needs it to play a bad network.
"""

import io
import socket
import threading
from collections.abc import Iterable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

IDLE_SECONDS = 20  # an idle connection gives its thread back
LARGEST_BODY = 10_000_000
PLAN = "sandbox.wire"  # where the application leaves its `Plan`
SECONDS = "sandbox.seconds"  # how long a hang lasts


class Plan(StrEnum):
    """What happens to the answer on the wire."""

    SEND = "send"
    DROP = "drop"
    HALF = "half"
    HANG = "hang"


class Server(ThreadingHTTPServer):
    """Serves one application with at most `threads` connections at a time."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host: str, port: int, app: "WSGIApplication", threads: int) -> None:
        super().__init__((host, port), Handler)
        self.app = app
        self.stopping = threading.Event()
        self._places = threading.BoundedSemaphore(threads)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a free place, then serve the connection in its own thread."""
        self._places.acquire()
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client goes away."""

    def stop(self) -> None:
        """Stop taking requests and cut the connections that are open."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                cut(connection)


class Handler(BaseHTTPRequestHandler):
    """One connection: request after request until either side is done."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    timeout = IDLE_SECONDS
    server: Server

    def version_string(self) -> str:
        """Name the server."""
        return "codat-sandbox"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet; the journal has it all."""

    def answer(self) -> None:
        """Run the application for one request and send what it gives, or what it plans."""
        body = self._body()
        if body is None:
            self.send_error(413)
            self.close_connection = True
            return
        environ = self._environ(body)
        taken = _Taken()
        result = self.server.app(environ, taken.start)
        try:
            content = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        self._send(taken, content, environ)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return None
        if self.headers.get("Transfer-Encoding"):
            return None
        return self.rfile.read(int(length))

    def _send(self, taken: "_Taken", content: bytes, environ: "WSGIEnvironment") -> None:
        plan = environ.get(PLAN, Plan.SEND)
        if plan is Plan.HANG:
            self.server.stopping.wait(environ.get(SECONDS, 60.0))
        if plan in (Plan.HANG, Plan.DROP):
            self.close_connection = True
            cut(self.connection)
            return
        self.send_response(taken.status, taken.reason)
        for name, value in taken.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if plan is Plan.SEND else content[: len(content) // 2])
        self.wfile.flush()
        if plan is Plan.HALF:
            self.close_connection = True
            cut(self.connection)

    def _environ(self, body: bytes) -> "WSGIEnvironment":
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": _Quiet(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                environ[f"HTTP_{key}"] = value
        return environ


class _Taken:
    """What an application says through `start_response`."""

    status = 500
    reason = ""
    headers: list[tuple[str, str]]

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None" = None,
    ) -> Any:
        """Keep status and headers."""
        code, _, self.reason = status.partition(" ")
        self.status, self.headers = int(code), headers
        return lambda data: None


class _Quiet(io.StringIO):
    """Takes what an application complains about, and forgets it."""


def cut(connection: socket.socket) -> None:
    """Close a connection at once, whatever is still on its way."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
