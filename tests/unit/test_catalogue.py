"""The catalogue of event types: whole, true to what is told, and published as documents."""

import ast
import json

import jsonschema
import pytest

from relay.events.catalogue import NotInCatalogue, check, event_types, identity
from relay.events.documents import asyncapi, event_schema, example
from support.paths import ROOT
from support.portal_bench import VIEWER, Portal, kind

REFERENCE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", event_types().values(), ids=lambda entry: entry.type)
def test_every_example_fits_its_model_and_its_published_schema(entry):
    check(entry.type, entry.example)
    schema = event_schema(entry)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(example(entry), schema, cls=jsonschema.Draft202012Validator)
    assert set(entry.identity) <= set(entry.model.model_fields)


@pytest.mark.parametrize("entry", event_types().values(), ids=lambda entry: entry.type)
def test_the_reference_tells_readers_to_expect_further_fields(entry):
    schema = event_schema(entry)
    further = example(entry) | {"extra": 1, "data": {**entry.example, "extra": 1}}
    jsonschema.validate(further, schema, cls=jsonschema.Draft202012Validator)


def test_what_is_not_in_the_catalogue_is_noticed():
    with pytest.raises(NotInCatalogue, match="in no `EVENT_TYPES`"):
        check("thing.told", {})
    with pytest.raises(NotInCatalogue, match="extra"):
        check("company.deleted", {"extra": 1})
    with pytest.raises(NotInCatalogue, match="needs_attention"):
        check("company.status_changed", {"previous": "Blank", "current": "Linked"})


def test_every_type_logged_is_in_the_catalogue_and_the_reference():
    told = set()
    for folder in ("workers", "relay", "scheduler"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    name = ast.unparse(node.func).rpartition(".")[2]
                    first = node.args[0]
                    if name in ("log", "NewEvent") and isinstance(first, ast.Constant):
                        told.add(first.value)
    assert "company.renamed" in told
    assert told <= set(event_types())
    missing = [name for name in event_types() if f"`{name}`" not in REFERENCE]
    assert not missing, f"docs/events.md does not list {missing}"


def test_events_of_one_message_differ_by_their_subject():
    one = {"connection_id": "c", "data_type": "invoices", "status": "Complete"}
    assert identity("sync.completed", one) == identity("sync.completed", {**one, "status": "x"})
    assert identity("sync.completed", one) != identity("sync.completed", {**one, "data_type": "b"})
    assert identity("data.changed", one) != identity("sync.completed", one)


def test_the_api_lists_every_type_with_schema_and_example():
    portal = Portal()
    listed = portal.get("/v1/event-types", token=VIEWER).json["event_types"]
    assert [one["type"] for one in listed] == list(event_types())
    one = portal.get("/v1/event-types/company.renamed").json
    assert one in listed
    assert one["schema"]["properties"]["data"]["properties"]["current"] == {
        "title": "Current",
        "type": "string",
    }
    assert kind(portal.get("/v1/event-types/thing.told")) == "not-found"
    assert portal.get("/v1/event-types", token=None).status_code == 401


def test_the_documents_describe_every_type():
    portal = Portal()
    described = portal.get("/openapi.json", token=None).json
    assert list(described["webhooks"]) == list(event_types())
    document = portal.get("/asyncapi.json", token=None).json
    assert document["asyncapi"] == "3.0.0"
    assert document["servers"]["relay"] == {"host": "127.0.0.1:8000", "protocol": "http"}
    assert list(document["components"]["messages"]) == list(event_types())
    refs = json.dumps(document["channels"]).count("#/components/messages/")
    assert refs == 3 * len(event_types())
    assert document == asyncapi(document["info"]["title"], document["info"]["version"],
                                portal.settings.public_url)  # fmt: skip
