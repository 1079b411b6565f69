"""Every status Codat has ever listed is read for what it means."""

import pytest

from codat.statuses import DATA_TYPES, SOURCE_TYPES, ConnectionStatus, PullOutcome, pull_outcome
from support.published import needs_published, openapi

COMPLETE = ["Complete", "Success"]
NEUTRAL = ["NotSupported", "Cancelled"]
IN_PROGRESS = [
    "Initial",
    "Queued",
    "Fetching",
    "MapQueued",
    "Mapping",
    "ProcessingQueued",
    "Processing",
    "ValidationQueued",
    "Validating",
    "Routing",
    "Unknown",
    "Pending",
]
FAILED = [
    "FetchError",
    "MapError",
    "InternalError",
    "ProcessingError",
    "ValidationError",
    "RateLimitError",
    "PermissionsError",
    "PrerequisiteNotMet",
    "RoutingError",
    "Failure",
    "TimeOut",
]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("PendingAuth", ConnectionStatus.PENDING_AUTH),
        ("linked", ConnectionStatus.LINKED),
        ("UNLINKED", ConnectionStatus.UNLINKED),
        ("Deauthorized", ConnectionStatus.DEAUTHORIZED),
        ("Deauthorised", ConnectionStatus.DEAUTHORIZED),
        ("deauthorised", ConnectionStatus.DEAUTHORIZED),
        (" Linked ", ConnectionStatus.LINKED),
        ("Blank", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_connection_status_is_read_in_any_spelling(text, status):
    assert ConnectionStatus.parse(text) is status


@pytest.mark.parametrize("status", IN_PROGRESS)
def test_a_pull_on_its_way_is_in_progress(status):
    assert pull_outcome(status) is PullOutcome.IN_PROGRESS


@pytest.mark.parametrize("status", FAILED)
def test_a_pull_that_broke_is_failed(status):
    assert pull_outcome(status) is PullOutcome.FAILED


@pytest.mark.parametrize("status", [*COMPLETE, "complete", "success"])
def test_a_pull_that_is_done_is_complete_in_every_generation(status):
    assert pull_outcome(status) is PullOutcome.COMPLETE


@pytest.mark.parametrize("status", NEUTRAL)
def test_a_pull_that_never_was_is_neither_good_nor_bad(status):
    assert pull_outcome(status) is PullOutcome.NEUTRAL


def test_a_pull_refused_by_the_source_needs_the_customer():
    assert pull_outcome("AuthError") is PullOutcome.NEEDS_CUSTOMER


@pytest.mark.parametrize("status", ["", "Teleporting", "완료"])
def test_a_status_that_is_not_known_yet_is_in_progress(status):
    assert pull_outcome(status) is PullOutcome.IN_PROGRESS


def test_there_are_43_data_types():
    assert len(DATA_TYPES) == 43
    assert {"company", "banking-accounts", "commerce-orders"} <= DATA_TYPES


@needs_published
def test_the_names_are_those_of_the_published_api():
    schemas = openapi("Codat-Platform.json")["components"]["schemas"]
    connection = schemas["Connection"]["definitions"]
    assert set(schemas["DataStatus"]["properties"]["dataType"]["enum"]) == DATA_TYPES
    assert set(connection["dataConnectionSourceType"]["enum"]) == SOURCE_TYPES
    assert set(connection["dataConnectionStatus"]["enum"]) == set(ConnectionStatus)


@needs_published
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Codat-Platform.json", 21),
        ("Codat-Platform.2023-12.json", 23),
        ("Codat-Common.2022-11.json", 6),
    ],
)
def test_every_published_pull_status_is_one_these_tests_name(name, count):
    operation = openapi(name)["components"]["schemas"]["PullOperation"]
    published = operation["properties"]["status"]["enum"]
    named = {*IN_PROGRESS, *FAILED, *COMPLETE, *NEUTRAL, "AuthError"}
    assert len(published) == count
    assert set(published) <= named
