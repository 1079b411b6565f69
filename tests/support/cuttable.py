"""A proxy on 127.0.0.1 whose connections can be cut, and that can put a header into requests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cuttable:
    """Passes bytes to a server and back until it is cut; then new connections work again."""

    def __init__(self, port: int, header: bytes = b"") -> None:
        self._port = port
        self._header = header
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.asked: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection off, in the middle of whatever it is at."""
        with self._lock:
            while self._open:
                _end(self._open.pop())

    def close(self) -> None:
        _end(self._listening)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                beyond = socket.create_connection(("127.0.0.1", self._port))
                with self._lock:
                    self._open += [taken, beyond]
                threading.Thread(target=self._send, args=(taken, beyond), daemon=True).start()
                threading.Thread(target=_pass, args=(beyond, taken), daemon=True).start()

    def _send(self, taken: socket.socket, beyond: socket.socket) -> None:
        with suppress(OSError):
            while asked := taken.recv(65536):
                line, _, rest = asked.partition(b"\r\n")
                self.asked.append(line.decode())
                beyond.sendall(b"%s\r\n%s%s" % (line, self._header, rest))
        _end(beyond)


def _pass(come: socket.socket, go: socket.socket) -> None:
    with suppress(OSError):
        while some := come.recv(65536):
            go.sendall(some)
    _end(go)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def cuttable(port: int, header: bytes = b"") -> Iterator[Cuttable]:
    """A proxy before the server on this port."""
    proxy = Cuttable(port, header)
    try:
        yield proxy
    finally:
        proxy.close()
