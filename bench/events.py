"""The webhooks of a run: about 530 bytes each, over a thousand companies, each one signed."""

import time
from collections.abc import Iterator
from uuid import UUID

import orjson

from codat.signature import Verifier
from relay.times import Micros, iso_from_micros

# Of this bench alone: nothing else knows it, and nothing outside the loopback sees it.
SECRET = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g="
PATH = "/webhooks/codat"
COMPANIES = 1000
TURNS_PER_LINK = 4  # of a company's webhooks, one in four is about its connection
START = 1_767_600_000_000_000  # microseconds since the epoch
STEP = 1_000  # microseconds from one event to the next
DATA_TYPES = ("invoices", "bills", "customers", "bankTransactions")


def company_id(number: int) -> str:
    """The id of the company that webhook `number` is about."""
    return str(UUID(int=0xC0DA7 << 64 | number % COMPANIES))


def message_id(number: int) -> str:
    return f"msg_{number:027d}"


def status_after(turn: int) -> str:
    """The status of a company's connection once its webhook of this turn is applied."""
    return "Deauthorized" if turn // TURNS_PER_LINK % 2 else "Linked"


def event(number: int) -> dict[str, object]:
    """Webhook `number` as Codat words it; every one changes its company and leaves a log entry."""
    turn = number // COMPANIES
    about = _connection if turn % TURNS_PER_LINK == 0 else _read
    kind, payload = about(number, turn)
    return {
        "id": str(UUID(int=0xE0E0 << 64 | number)),
        "eventType": kind,
        "generatedDate": iso_from_micros(Micros(START + number * STEP)),
        "payload": {"referenceCompany": _company(number)} | payload,
    }


def body(number: int) -> bytes:
    return orjson.dumps(event(number))


def requests(numbers: range, port: int) -> Iterator[bytes]:
    """Whole HTTP requests, signed now: a signature holds for five minutes."""
    verifier, stamp = Verifier(SECRET), int(time.time())
    for number in numbers:
        content, message = body(number), message_id(number)
        yield (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"webhook-id: {message}\r\nwebhook-timestamp: {stamp}\r\n"
            f"webhook-signature: {verifier.sign(message, stamp, content)}\r\n\r\n"
        ).encode() + content


def _company(number: int) -> dict[str, object]:
    company = company_id(number)
    return {
        "id": company,
        "name": f"Company {number % COMPANIES}",
        "links": {"portal": f"https://app.codat.io/companies/{company}/summary"},
    }


def _connection_id(number: int) -> str:
    return str(UUID(int=0xC022 << 64 | number % COMPANIES))


def _connection(number: int, turn: int) -> tuple[str, dict[str, object]]:
    status = status_after(turn)
    linked = "connection.reconnected" if turn else "connection.connected"
    kind = linked if status == "Linked" else "connection.disconnected"
    connection = {
        "id": _connection_id(number),
        "integrationId": str(UUID(int=1)),
        "integrationKey": "gbol",
        "sourceId": str(UUID(int=2)),
        "platformName": "Xero",
        "status": status,
        "created": iso_from_micros(Micros(START)),
        "sourceType": "Accounting",
    }
    return kind, {"connection": connection}


def _read(number: int, turn: int) -> tuple[str, dict[str, object]]:
    read = {
        "connectionId": _connection_id(number),
        "dataType": DATA_TYPES[turn % len(DATA_TYPES)],
        "recordsModified": True,
        "status": "Complete",
        "issues": [],
    }
    return "read.completed", {"modifiedFromDate": "2020-01-01T00:00:00.000Z", "dataTypes": [read]}
