"""Codat's events of today: their payloads, and the exact body that is posted."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.world import views
from sandbox.world.model import Company, Connection, Pull, Write
from sandbox.world.moments import iso, iso_micros

MODIFIED_FROM = "2020-01-01T00:00:00.000Z"
READ_MORE = "https://docs.codat.io/using-the-api/get-data-troubleshooting#warning.validation"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `micros` since the epoch, never the same twice in a world.

    `old_status` and `pulls` are only for the older rule webhooks.
    """

    id: str
    type: str
    micros: int
    payload: dict[str, Any]
    company_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False
    old_status: str = ""
    pulls: tuple[Pull, ...] = ()

    def body(self) -> bytes:
        """Write the body as Codat posts it (Codat: using-the-api/webhooks/event-types)."""
        return orjson.dumps(
            {
                "id": self.id,
                "eventType": self.type,
                "generatedDate": iso_micros(self.micros),
                "payload": self.payload,
            }
        )


def about_company(item: Company, base: str) -> dict[str, Any]:
    """Return the payload of company events: the company itself, without connections."""
    return views.bare_company(item, base)


def about_connection(
    item: Company, connection: Connection, base: str, now: float
) -> dict[str, Any]:
    """Return the payload of connection events."""
    return {
        "referenceCompany": views.reference(item),
        "connection": views.connection(connection, base, now),
    }


def about_reads(item: Company, pulls: list[Pull], api: str) -> dict[str, Any]:
    """Return the payload of read events: every data type read, however its read ended."""
    return {
        "referenceCompany": views.reference(item),
        "modifiedFromDate": MODIFIED_FROM,
        "dataTypes": [_read(pull, api) for pull in pulls],
    }


def _read(pull: Pull, api: str) -> dict[str, Any]:
    issues = []
    if pull.message:
        issues.append(
            {
                "type": "warning.validation",
                "message": pull.message,
                "links": {
                    "logs": f"{api}/companies/{pull.company_id}/sync/{pull.id}/validation",
                    "portal": f"{views.PORTAL}/{pull.company_id}/pull-history",
                    "readMore": READ_MORE,
                },
            }
        )
    return {
        "connectionId": pull.connection_id,
        "dataType": pull.data_type,
        "recordsModified": pull.records_modified and pull.final == "Complete",
        "status": pull.final or "Complete",
        "issues": issues,
    }


def about_rate_limit(quota: int, remaining: int, expires: float) -> dict[str, Any]:
    """Return the payload of rate limit events; they name no company and no client."""
    return {"dailyQuota": quota, "quotaRemaining": remaining, "expiryDate": iso(expires)}


def about_product(item: Company, product: str) -> dict[str, Any]:
    """Return the payload of product events."""
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "productId": product,
        "productName": product_name(product),
        "products": list(item.products),
    }


def product_name(product: str) -> str:
    """Return a product's name from its identifier."""
    return product.replace("-", " ").capitalize()


def about_write(item: Company, write: Write) -> dict[str, Any]:
    """Return the payload of write events."""
    return {
        "id": write.id,
        "type": write.kind,
        "referenceCompany": views.reference(item),
        "connectionId": write.connection_id,
        "requestedOnDate": iso(write.requested),
        "completedOnDate": iso(write.completed or write.requested),
        "status": write.status,
        "record": {"id": write.record_id} if write.record_id else None,
        "attachmentId": None,
    }
