"""The naive way's job. A module of its own, as RQ's default worker imports it for every job."""

from typing import Any

from rq import get_current_job


def apply_event(event: dict[str, Any]) -> None:
    """Write what the event says about its company."""
    job = get_current_job()
    assert job is not None
    payload = event["payload"]
    company = payload["referenceCompany"]
    values: dict[Any, Any] = {"name": company["name"], "updated": event["generatedDate"]}
    if "connection" in payload:
        values["status"] = payload["connection"]["status"]
    for read in payload.get("dataTypes", ()):
        values[f"read:{read['dataType']}"] = read["status"]
    job.connection.hset(f"company:{company['id']}", mapping=values)
