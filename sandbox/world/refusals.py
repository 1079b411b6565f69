"""What the sandbox answers when it says no, in the words Codat publishes."""

from typing import Any
from uuid import uuid4


class Refusal(Exception):
    """An answer that is not a success (Codat: using-the-api/errors)."""

    def __init__(
        self, status: int, error: str, service: str = "PublicApi", retry_after: int | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.service = service
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """Return the error body of every 4xx and 5xx."""
        return {
            "statusCode": self.status,
            "service": self.service,
            "error": self.error,
            "correlationId": uuid4().hex,
            "canBeRetried": "Unknown",
            "detailedErrorCode": 0,
        }


def bad_request(error: str = "Error processing request - not valid.") -> Refusal:
    """Return a refusal: the request cannot be understood."""
    return Refusal(400, error)


def unauthorized() -> Refusal:
    """Return a refusal: the API key is not ours."""
    return Refusal(401, "Unauthorized")


def no_company(company_id: str) -> Refusal:
    """Return a refusal: there is no such company."""
    return Refusal(404, f"No company was found with ID {company_id}", "ClientsApi")


def no_connection(connection_id: str) -> Refusal:
    """Return a refusal: there is no such connection."""
    return Refusal(404, f"Data connection {connection_id} not found")


def not_found(what: str) -> Refusal:
    """Return a refusal: there is no such thing."""
    return Refusal(404, f"{what} not found")


def not_requested() -> Refusal:
    """Return a refusal: the data set has not been read yet."""
    return Refusal(409, "The data set has not been requested.")


def in_progress(data_type: str, company_id: str, pull_id: str) -> Refusal:
    """Return a refusal: the data type is being read (Codat: using-the-api/queueing-data-syncs)."""
    return Refusal(
        400,
        f"DatasetAlreadyInProgressException: Cannot queue {data_type} sync for {company_id} "
        f"as previous sync {pull_id} is still in progress",
        "PullApi",
    )


def not_linked(company_id: str) -> Refusal:
    """Return a refusal: nothing can be read."""
    return bad_request(f"Cannot queue sync for {company_id} as it has no linked connection")


def free_plan_is_full() -> Refusal:
    """Return a refusal: a free plan ends at 50 companies, in Codat's words."""
    return Refusal(
        402,
        "You have exceeded the 50-company limit that applies to a Free plan. We recommend that "
        "you delete any companies you no longer need and retry the request.",
    )


def schedule_not_allowed() -> Refusal:
    """Return a refusal: the plan has no hourly syncs (Codat: core-concepts/data-type-settings)."""
    return Refusal(402, "SyncSettingsValidationException: Sync schedule not allowed", "PullApi")


def not_supported(data_type: str, platforms: str) -> Refusal:
    """Return a refusal: no platform of the company has this data type."""
    return Refusal(404, f"Datatype {data_type} not supported by platform(s) {platforms}")


def too_many(retry_after: int) -> Refusal:
    """Return a refusal: a quota is used up (Codat: using-the-api/rate-limits); in seconds."""
    return Refusal(
        429,
        "You have made too many requests in a given amount of time; please retry later.",
        retry_after=retry_after,
    )


FAULTS = {
    400: "Error processing request - not valid.",
    401: "Unauthorized",
    403: "You are using an outdated API key or a key not associated with that resource.",
    404: "No data available",
    402: "You have exceeded the 50-company limit that applies to a Free plan.",
    409: "The data set has not been requested.",
    451: "Platform is not currently available for compliance purposes.",
    429: "You have made too many requests in a given amount of time; please retry later.",
    500: "There is a problem with our server. Please try again later.",
    503: "The Codat API is temporarily offline for maintenance. Please try again later.",
}


def fault(status: int, retry_after: int | None = None) -> Refusal:
    """Return Codat's published answer for a status code."""
    return Refusal(status, FAULTS.get(status, "Fault"), retry_after=retry_after)
