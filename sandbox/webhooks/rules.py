"""The bodies of Codat's older rule webhooks.

Codat: using-the-api/webhooks/legacy/core-rules-types.
"""

import re
from typing import Any
from uuid import UUID, uuid5

import orjson

from sandbox.config import SandboxConfig
from sandbox.world.events import Event
from sandbox.world.model import Pull

STATUS_EVENTS = ("connection.connected", "connection.disconnected", "connection.reconnected")
Rule = tuple[str, str, bytes]  # rule type, alert id, body
# What the older rule types are called as event types of today's service, which sends the same
# bodies (Codat: using-the-api/webhooks/legacy).
TODAYS_NAMES = {
    "DataConnectionStatusChanged": "DataConnectionStatusChanged",
    "New company synchronized": "NewCompanySynchronized",
    "Data sync completed": "DataSyncCompleted",
    "Dataset data changed": "DatasetDataChanged",
    "Data Sync Status Changed To Error": "DataSyncStatusChangedToError",
    "Push Operation Status Changed()": "PushOperationStatusChanged",
    "Push Operation Timed Out": "PushOperationTimedOut",
    "Rate Limit Reached": "ClientRateLimitReached",
    "Rate Limit Reset": "ClientRateLimitReset",
}


def is_about(rule_type: str, kind: str) -> bool:
    """Whether a rule of a type, in any of its spellings, takes webhooks of a kind."""
    return _bare(rule_type) in (_bare(kind), _bare(TODAYS_NAMES[kind]))


def _bare(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower().replace("synchronised", "synchronized"))


def bodies(event: Event, config: SandboxConfig) -> list[Rule]:
    """Return the rule webhooks that one event of today stands for; often one, for reads many."""
    payload = event.payload
    if event.type in STATUS_EVENTS:
        shown = payload["connection"]
        data = {
            "dataConnectionId": shown["id"],
            "newStatus": shown["status"],
            "oldStatus": event.old_status,
            "platformKey": shown["integrationKey"],
        }
        text = (
            f"Data connection for {shown['platformName']} status changed "
            f"from {event.old_status} to {shown['status']}"
        )
        name = "DataConnectionStatusChanged"
        return [_rule(event, config, name, text, data, connection=shown["id"])]
    if event.type == "read.completed.initial":
        return _first_sync(event, config)
    if event.type == "read.completed":
        return [rule for pull in event.pulls for rule in _pull(event, config, pull)]
    if ".write." in event.type:
        return [_write(event, config)]
    if event.type == "client.rateLimit.reached":
        data = {"DailyQuota": payload["dailyQuota"], "ExpiresUtc": payload["expiryDate"]}
        text = (
            f"The current daily rate limit quota of {payload['dailyQuota']} requests "
            f"for {config.client_id} has been reached."
        )
        return [_rule(event, config, "Rate Limit Reached", text, data)]
    if event.type == "client.rateLimit.reset":
        data = {
            "QuotaRemaining": payload["quotaRemaining"],
            "ResetReason": "The quota was reset because it is a new day.",
            "DailyQuota": payload["dailyQuota"],
            "ExpiresUtc": payload["expiryDate"],
        }
        text = (
            f"The current daily rate limit quota for client {config.client_id} "
            f"has been reset to {payload['dailyQuota']} requests."
        )
        return [_rule(event, config, "Rate Limit Reset", text, data)]
    return []


def _first_sync(event: Event, config: SandboxConfig) -> list[Rule]:
    if not any(pull.final == "Complete" for pull in event.pulls):
        return []
    connection = event.pulls[0].connection_id
    text = f"Company {event.company_id} synced for the first time"
    return [_rule(event, config, "New company synchronized", text, {}, connection=connection)]


def _pull(event: Event, config: SandboxConfig, pull: Pull) -> list[Rule]:
    about = {"dataType": pull.data_type, "datasetId": pull.id}
    owner = pull.connection_id
    if pull.final != "Complete":
        data = {**about, "datasetStatus": pull.final}
        text = f"ERROR: syncing {pull.data_type} triggered a {pull.final} notification."
        name = "Data Sync Status Changed To Error"
        return [_rule(event, config, name, text, data, connection=owner, own_id=False)]
    text = f"Data sync of type {pull.data_type} completed for company {pull.company_id}"
    name = "Data sync completed"
    done = _rule(event, config, name, text, about, connection=owner, own_id=False)
    if not pull.records_modified:
        return [done]
    text = f"Data has changed for dataset type {pull.data_type}, company {pull.company_id}"
    name = "Dataset data changed"
    return [done, _rule(event, config, name, text, about, connection=owner, own_id=False)]


def _write(event: Event, config: SandboxConfig) -> Rule:
    data_type, payload = event.type.split(".")[0], event.payload
    about = {"dataType": data_type, "pushOperationKey": payload["id"]}
    owner = payload["connectionId"]
    if payload["status"] == "TimedOut":
        about["pushOperationGuid"] = payload["id"]
        text = f"ERROR: pushing {data_type} never finished in time"
        name = "Push Operation Timed Out"
        return _rule(event, config, name, text, about, connection=owner)
    about["status"] = payload["status"]
    text = f"{data_type} triggered notification for PushOperationStatusChanged"
    name = "Push Operation Status Changed()"
    return _rule(event, config, name, text, about, connection=owner)


def _rule(
    event: Event,
    config: SandboxConfig,
    name: str,
    message: str,
    data: dict[str, Any],
    *,
    connection: str | None = None,
    own_id: bool = True,
) -> Rule:
    alert = event.id
    if not own_id:
        alert = str(uuid5(UUID(event.id), f"{name}/{data['datasetId']}"))
    body: dict[str, Any] = {"ClientId": config.client_id, "ClientName": config.client_name}
    if event.company_id:
        body["CompanyId"] = event.company_id
    if connection:
        body["DataConnectionId"] = connection
    body |= {"RuleType": name, "AlertId": alert, "Message": message, "Data": data}
    return name, alert, orjson.dumps(body)
