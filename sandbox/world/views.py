"""The world's things as Codat's API shows them."""

from typing import Any

from codat.statuses import ConnectionStatus
from sandbox.world.model import PROGRESS, Company, Connection, Consumer, Pull, Write
from sandbox.world.moments import iso
from sandbox.world.platforms import Platform

WAITING = "Waiting for the connector to come online"
PUSH_CODES = {"Pending": 202, "Success": 200, "Failed": 400, "TimedOut": 408}
PUSH_CHANGES = {
    "Create": "Created",
    "Update": "Modified",
    "Delete": "Deleted",
    "UploadAttachment": "AttachmentUploaded",
}
PORTAL = "https://app.codat.io/companies"
# Best first: what the older API showed as the company's own status.
CLASSIC_ORDER = (
    (ConnectionStatus.LINKED, "Linked"),
    (ConnectionStatus.DEAUTHORIZED, "Deauthorised"),
    (ConnectionStatus.PENDING_AUTH, "PendingAuth"),
    (ConnectionStatus.UNLINKED, "Unlinked"),
)


def integration(platform: Platform, base: str) -> dict[str, Any]:
    """Show a platform."""
    features = [
        {"datatype": name, "supportedFeatures": [{"featureType": "Get", "featureState": "Release"}]}
        for name in platform.data_types
    ]
    return {
        "key": platform.key,
        "logoUrl": f"{base}/logos/{platform.key}.svg",
        "name": platform.name,
        "enabled": platform.is_enabled,
        "sourceId": platform.source_id,
        "sourceType": platform.source_type,
        "integrationId": platform.integration_id,
        "isOfflineConnector": platform.is_offline,
        "isBeta": platform.is_beta,
        "dataProvidedBy": "",
        "datatypeFeatures": features,
    }


def connection(item: Connection, base: str, now: float) -> dict[str, Any]:
    """Show a connection; its link carries a one-time password."""
    shown: dict[str, Any] = {
        "id": item.id,
        "integrationId": item.platform.integration_id,
        "integrationKey": item.platform.key,
        "sourceId": item.platform.source_id,
        "platformName": item.platform.name,
        "linkUrl": f"{base}/link/{item.id}?otp={item.fresh_otp(now)}",
        "status": str(item.status),
        "created": item.created,
        "sourceType": item.platform.source_type,
    }
    if item.last_sync:
        shown["lastSync"] = item.last_sync
    if item.errors:
        shown["dataConnectionErrors"] = [dict(error) for error in item.errors]
    return shown


def bare_company(item: Company, base: str) -> dict[str, Any]:
    """Show a company without its connections, as company events do."""
    shown: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "redirect": f"{base}/link/company/{item.id}",
        "created": item.created,
        "createdByUserName": "Sandbox",
        "products": list(item.products),
        "referenceSubsidiaryCompanies": [],
    }
    if item.tags:
        shown["tags"] = dict(item.tags)
    if item.last_sync:
        shown["lastSync"] = item.last_sync
    return shown


def company(item: Company, base: str, now: float) -> dict[str, Any]:
    """Show a company; one made the older way also has the company-level status."""
    shown = bare_company(item, base)
    shown["platform"] = ""
    shown["dataConnections"] = [connection(c, base, now) for c in item.connections.values()]
    if item.is_classic:
        first = next(iter(item.connections.values()), None)
        shown["platform"] = first.platform.name if first else ""
        shown["status"] = classic_status(item)
    return shown


def classic_status(item: Company) -> str:
    """Return the older company-level status: the best of its connections, Blank without any."""
    held = {c.status for c in item.connections.values()}
    return next((name for status, name in CLASSIC_ORDER if status in held), "Blank")


def reference(item: Company) -> dict[str, Any]:
    """Show a company as events refer to it."""
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "links": {"portal": f"{PORTAL}/{item.id}/summary"},
        "tags": dict(item.tags),
    }


def pull(item: Pull, now: float) -> dict[str, Any]:
    """Show a pull operation as it stands at `now`."""
    status = item.status(now)
    shown: dict[str, Any] = {
        "id": item.id,
        "companyId": item.company_id,
        "connectionId": item.connection_id,
        "dataType": item.data_type,
        "status": status,
        "requested": iso(item.requested),
        "progress": PROGRESS.get(status, 100),
        "isCompleted": status == "Complete",
        "isErrored": status.endswith("Error"),
    }
    if item.completed is not None:
        shown["completed"] = iso(item.completed)
    if item.message:
        shown["errorMessage"] = item.message
    if item.started is None and item.final is None:
        shown["statusDescription"] = WAITING
    return shown


def write(item: Write) -> dict[str, Any]:
    """Show a push operation."""
    shown: dict[str, Any] = {
        "changes": [],
        "dataType": item.data_type,
        "companyId": item.company_id,
        "pushOperationKey": item.id,
        "dataConnectionKey": item.connection_id,
        "requestedOnUtc": iso(item.requested),
        "timeoutInMinutes": None,
        "status": item.status,
        "validation": {"errors": [], "warnings": []},
        "statusCode": PUSH_CODES[item.status],
    }
    if item.completed is not None:
        shown["completedOnUtc"] = iso(item.completed)
    if item.message:
        shown["errorMessage"] = item.message
    if item.record_id:
        record = {"id": item.record_id, "dataType": item.data_type}
        shown["changes"] = [{"type": PUSH_CHANGES[item.kind], "recordRef": record}]
    return shown


def data_status(item: Company, now: float) -> dict[str, Any]:
    """Show where each data type stands; one never read has its name alone (Codat: status)."""
    shown: dict[str, Any] = {
        name: {"dataType": name} for c in item.linked() for name in c.platform.data_types
    }
    for name, latest in item.latest.items():
        shown[name] = {
            "dataType": name,
            "currentStatus": latest.status(now),
            "latestSyncId": latest.id,
        }
        if (good := item.succeeded.get(name)) and good.completed is not None:
            shown[name]["lastSuccessfulSync"] = iso(good.completed)
            shown[name]["latestSuccessfulSyncId"] = good.id
    return shown


def consumer(item: Consumer) -> dict[str, Any]:
    """Show a webhook consumer; its secret never shows (Codat keeps it in the Portal)."""
    shown: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "disabled": item.disabled,
        "eventTypes": list(item.event_types or []),
    }
    if item.company_tags:
        shown["companyTags"] = list(item.company_tags)
    return shown


def rule(item: Consumer) -> dict[str, Any]:
    """Show a rule, the older service's consumer."""
    shown: dict[str, Any] = {
        "id": item.id,
        "type": item.rule_type,
        "notifiers": {"emails": list(item.emails)},
    }
    if item.url:
        shown["notifiers"]["webhook"] = item.url
    if item.company_id:
        shown["companyId"] = item.company_id
    return shown
