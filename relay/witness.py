"""What was known of the store, in a file outside it: so one that lost data is noticed.

An append-only file that was cut short or emptied, or an older backup, starts as if nothing had
been: only an outsider can know that it held more. So the scheduler writes down how far the log
and the count of accepted messages have come, and every start compares.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from relay.server_address import ServerAddress, read_address
from relay.store import Store
from relay.times import Millis

FILE = "witness.json"
OURS = "codat-relay-"  # how folders begin that are made for a socket whose path would be too long

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """How far a store has come: its log, in which epoch, and how many messages it accepted."""

    epoch: str
    last: int
    accepted: int

    @classmethod
    def of(cls, store: Store) -> "Known":
        """Read it; raises redis.RedisError."""
        return cls(*store.progress())

    def holds_less_than(self, other: "Known") -> bool:
        """Report whether something of the other is missing here."""
        return self.last < other.last or self.accepted < other.accepted


@dataclass(frozen=True, slots=True)
class Loss:
    """A store that held less when it was met (ms) than was known of it."""

    at: Millis
    known: Known
    held: Known

    def __str__(self) -> str:
        """Say what is missing, and what to do."""
        return (
            f"the server lost data: it holds {self.held.last} events and {self.held.accepted}"
            f" accepted webhooks, but {self.known.last} and {self.known.accepted} were known."
            " Stop, and put back its files or a backup; or go on: companies are compared with"
            " Codat's record, what else was kept is gone"
        )


class Witness:
    """One file, in the data directory, of the server at `url`; another's is not compared with.

    Where none can be written there is none.
    """

    def __init__(self, data_dir: Path, url: str) -> None:
        self._path = data_dir / FILE
        self._server = _name(read_address(url), data_dir.absolute())
        self._compared = False
        self._written: Known | None = None

    def look(self, store: Store) -> Loss | None:
        """Compare the first time, then write down how far the store has come.

        Returns what is missing, which is then logged, unless another process did. Raises
        redis.RedisError.
        """
        known = None if self._compared else self._read()
        held = Known.of(store)
        loss = None
        if known is not None and held.holds_less_than(known):
            loss = Loss(store.now_ms(), known, held)
            if store.events.lose(known.epoch):
                log.error("log.lost", known=asdict(known), held=asdict(held))
                store.note_loss(loss.at, str(loss))
            held = Known.of(store)
        elif not held.epoch:
            store.events.head()  # begins the first epoch, which a later loss names
            held = Known.of(store)
        self._compared = True
        if held != self._written:
            self._write(held)
        return loss

    def _write(self, known: Known) -> None:
        fresh = self._path.with_name(f"{FILE}.new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"server": self._server, **asdict(known)}, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            log.debug("witness.not_written", error=str(error)[:200])
        else:
            self._written = known

    def _read(self) -> Known | None:
        try:
            of, held = _parsed(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("witness.unreadable", file=str(self._path), error=str(error)[:200])
            return None
        return held if of == self._server else None


def _parsed(text: str) -> tuple[str, Known]:
    """Return which server a file is about, and what it says; raises what JSON may raise."""
    fields: dict[str, Any] = json.loads(text)
    of, held = fields.pop("server"), Known(**fields)
    whole = isinstance(held.last, int) and isinstance(held.accepted, int)
    if not (whole and isinstance(held.epoch, str)):
        raise TypeError("its fields are of other types")
    return of, held


def _name(address: ServerAddress, data_dir: Path) -> str:
    """Name the server at an address, without its secrets; our own has one name wherever it is."""
    if address.path is not None:
        path = Path(address.path)
        ours = path.parent == data_dir or path.parent.name.startswith(OURS)
        return f"unix {path.name if ours else path}"
    hosts = " ".join(f"{host}:{port}" for host, port in sorted(address.hosts))
    return f"{hosts} {address.service or ''} {address.options.get('db', 0)}"
