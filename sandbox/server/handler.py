"""One HTTP connection: runs the WSGI application and sends, halves, holds or cuts its answer."""

import io
import socket
import sys
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

IDLE_SECONDS = 20  # an idle connection gives its thread back
LARGEST_BODY = 10_000_000
PLAN = "sandbox.server.wire"  # where the application puts its `Plan`
SECONDS = "sandbox.seconds"  # how long a hang lasts


class Plan(StrEnum):
    """What happens to the answer on the wire."""

    SEND = "send"
    DROP = "drop"
    HALF = "half"
    HANG = "hang"


class ApplicationServer(ThreadingHTTPServer):
    """What a connection needs from its server: the application, and whether it is stopping."""

    app: "WSGIApplication"
    stopping: threading.Event


class Handler(BaseHTTPRequestHandler):
    """One connection: request after request until either side is done."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    timeout = IDLE_SECONDS
    server: ApplicationServer

    def version_string(self) -> str:
        """Name the server."""
        return "codat-sandbox"

    def log_message(self, format: str, *args: Any) -> None:
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

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

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
            "wsgi.errors": sys.stderr,
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
        exc_info: Any = None,
    ) -> Any:
        """Keep status and headers."""
        code, _, self.reason = status.partition(" ")
        self.status, self.headers = int(code), headers
        return lambda data: None


def cut(connection: socket.socket) -> None:
    """Close a connection at once, without waiting for what is on its way."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
