"""Call a WSGI app for a request that came by ASGI."""

import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as NotTaken
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Scope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

NO_BODY = frozenset({204, 304})
VERSIONS = {"1": "HTTP/1.0", "1.0": "HTTP/1.0", "1.1": "HTTP/1.1"}
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Answered:
    """What an app made of a request: `content`, or `pieces` that are still to come."""

    status: int
    headers: Headers
    content: bytes = b""
    pieces: Iterable[bytes] | None = None


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return a request's head as PEP 3333 has it; `wsgi.input` is still to be set.

    Names with an underscore are left out: they could pass for those with a hyphen.
    """
    server, client, version = scope["server"], scope["client"], scope["http_version"]
    path = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": VERSIONS.get(version, f"HTTP/{version}"),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for raw_name, raw_value in scope["headers"]:
        name = _variable(raw_name)
        if name is not None:
            value = raw_value.decode("latin-1")
            if name in environ:
                value = environ[name] + (";" if name == "HTTP_COOKIE" else ",") + value
            environ[name] = value
    if not environ.get("HTTP_HOST", True):  # none was sent, and the server made up an empty one
        del environ["HTTP_HOST"]
    return environ


def respond(app: "WSGIApplication", environ: dict[str, Any]) -> Answered:
    """Have a WSGI app answer one request; in a thread."""
    heard: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        heard[:] = [(status, headers)]

    pieces = app(environ, start_response)
    is_stream = False
    try:
        [(line, given)] = heard
        headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in given]
        answered = Answered(int(line[:3]), headers)
        if environ["REQUEST_METHOD"] == "HEAD" or answered.status in NO_BODY:
            return answered
        if any(name == b"content-length" for name, _ in headers):
            answered.content = b"".join(pieces)
            return answered
        is_stream = True
    finally:
        if not is_stream:
            _close(pieces)
    answered.pieces = pieces
    return answered


def stream(pieces: Iterable[bytes], put: Callable[[bytes], None], gone: threading.Event) -> None:
    """Hand pieces on as they come until they end, the reader is gone or takes nothing; closes."""
    try:
        for piece in pieces:
            if gone.is_set():
                break
            if piece:
                put(piece)
    except NotTaken:
        pass
    except Exception:
        log.exception("web.stream_failed")
    finally:
        _close(pieces)


@lru_cache(maxsize=512)
def _variable(name: bytes) -> str | None:
    if b"_" in name:
        return None
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"


def _close(pieces: Iterable[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
