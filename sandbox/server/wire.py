"""A small HTTP/1.1 server for a WSGI application that can also cut, hang or halve an answer.

A usual server hides the connection from its application; the sandbox must be able to play a bad
network.
"""

import socket
import threading
from typing import TYPE_CHECKING, Any

from sandbox.server.handler import ApplicationServer, Handler, cut

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


POLL_SECONDS = 0.2  # seconds between looks whether to stop, while no place is free


class Server(ApplicationServer):
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
        while not self._places.acquire(timeout=POLL_SECONDS):
            if self.stopping.is_set():
                self.shutdown_request(request)
                return
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
        """Log nothing when a client goes away."""

    def stop(self) -> None:
        """Stop taking requests and cut the connections that are open."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                cut(connection)
