"""Dates and numbers that nobody can mean, in every parameter and field that the API takes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from parts import company_id
from portal_bench import Portal

DATES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00-23:59",
    "1601-01-01T00:00:00Z",
    "1900-01-01T00:00:00+05:30",
    "1969-12-31T23:59:59Z",
    "1969-12-31T23:59:59.999999-00:00",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00.000001Z",
    "2016-12-31T23:59:60Z",
    "2026-02-29T00:00:00Z",
    "2026-01-05T09:00:00+23:59",
    "2026-01-05T09:00:00-23:59",
    "2099-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59+23:59",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "-62135600400",
    "-1",
    "253402300800",
    "99999999999999999999",
]
NUMBERS = [
    -1, 0, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1, 1e308, 1e-320, -0.0, 0.5,
]  # fmt: skip
WORDS = ["nan", "inf", "-inf", "1e400", "1_000", "٣", "0x10", " 1", "+1", "1.0", "", "true"]
PLACES = [
    "0", "-1", "0:0-0", "5:0-0", "5:0-1", "0:18446744073709551615-18446744073709551615", "5:1-0",
    "5:9999999999999999999-9999999999999999999", "99999999999999999:1-1", "٣:1-1", "a:b-c", "-",
    "+", "$", "(1-0", "1-0", "18446744073709551616-0",
]  # fmt: skip
NAMES_A_PLACE = ("after", "before", "cursor", "epoch", "next")
ASKS_CODAT = ("/v1/integrations",)  # the scripted one knows only how to create companies
SERVED = range(200, 500)


@pytest.fixture
def portal(store) -> Portal:
    portal = Portal(store=store)
    portal.log(*(("company.created", 1),) * 3)
    return portal


def operations(portal: Portal) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Every operation under /v1: method, path with company 1 in it, its description, the rest."""
    described = portal.get("/openapi.json").json
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                yield method.upper(), path, operation, described


def resolved(schema: dict[str, Any], described: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be: the schema, or each that it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(described["components"]["schemas"][name], described)
    inner = schema.get("anyOf") or schema.get("allOf") or schema.get("oneOf")
    if inner:
        return [found for one in inner for found in resolved(one, described)]
    return [schema]


def odd(schema: dict[str, Any], described: dict[str, Any]) -> Iterator[Any]:
    """Odd values for what is a date, a number, or a list or an object of such."""
    for one in resolved(schema, described):
        if one.get("format") == "date-time":
            yield from DATES
        elif one.get("type") in ("integer", "number"):
            yield from NUMBERS
        elif one.get("type") == "array":
            yield from ([value] for value in odd(one.get("items", {}), described))
        elif one.get("type") == "object":
            for name, inner in one.get("properties", {}).items():
                for value in odd(inner, described):
                    yield likely(one, described) | {name: value}


def likely(schema: dict[str, Any], described: dict[str, Any]) -> Any:
    """A value that will do, as far as the description says."""
    [one, *_] = resolved(schema, described)
    if "default" in schema:
        return schema["default"]
    for examples in (schema.get("examples"), one.get("examples"), one.get("enum")):
        if examples:
            return examples[0]
    kind = one.get("type")
    if kind == "object":
        needed = one.get("required", ())
        return {name: likely(one["properties"][name], described) for name in needed}
    if kind == "array":
        return [likely(one["items"], described)] if one.get("minItems") else []
    return {"integer": one.get("minimum", 1), "number": 1.0, "boolean": True}.get(kind, "x")


def test_no_odd_date_or_number_in_a_query_is_taken_for_a_fault_of_ours(portal):
    asked, faults = set(), []
    for method, path, operation, described in operations(portal):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query":
                continue
            values = list(odd(parameter["schema"], described))
            values += WORDS if values else PLACES if parameter["name"] in NAMES_A_PLACE else []
            for value in values:
                if method != "GET" or path in ASKS_CODAT or parameter["name"] == "wait":
                    continue
                shown = value[0] if isinstance(value, list) else value
                where = path.replace("{company_id}", company_id(1))
                query = {parameter["name"]: shown}
                with portal.ask(method, where, query_string=query) as answer:
                    if answer.status_code not in SERVED:
                        faults.append((answer.status_code, where, query))
                asked.add((path, parameter["name"]))
    assert not faults
    names = {name for _, name in asked}
    assert {"since", "until", "after", "before", "limit", "hours"} <= names


def test_no_odd_date_or_number_in_a_body_is_taken_for_a_fault_of_ours(portal):
    asked, faults = 0, []
    for method, path, operation, described in operations(portal):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        where = path.replace("{company_id}", company_id(1))
        for body in odd(content["schema"], described):
            sent = {"data": json.dumps(body), "content_type": "application/json"}
            with portal.ask(method, where, **sent) as answer:
                if answer.status_code not in SERVED:
                    faults.append((answer.status_code, where, body))
            asked += 1
    assert not faults
    assert asked > 100


def test_no_odd_place_is_taken_for_a_fault_of_ours(portal):
    faults = []
    for method, path, operation, _ in operations(portal):
        if method != "GET" or "{" not in path:
            continue
        for value in PLACES:
            where = path
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    where = where.replace("{" + parameter["name"] + "}", value)
            with portal.ask(method, where) as answer:
                if answer.status_code not in SERVED:
                    faults.append((answer.status_code, where))
    assert not faults
