"""Dates and numbers that nobody can mean, in every parameter and field that the API takes."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from relay.store import keys
from support.parts import company_id
from support.portal_bench import Portal

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


def test_an_odd_date_or_number_in_a_query_is_never_our_fault(portal):
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


MEANT = 1_767_603_600_000  # ms: 2026-01-05T09:00:00Z
SAME = [
    "2026-01-05T09:00:00Z", "2026-01-05T09:00:00.000000000000Z", "2026-01-05t09:00:00z",
    "2026-01-05 09:00:00Z", "2026-01-05T09:00Z", "2026-01-05T10:00:00%2B01:00",
    "2026-01-05T10:00:00+01:00", "2026-01-05T10:00:00%2B0100", "2026-01-05T04:00:00-05:00",
]  # fmt: skip
NO_MOMENTS = [
    "2026", "20260105", "1767603600", "1767603600000", "1767603600.5", "-1", "0", "1e9", "nan",
    "true", "null", "now", "", "%20", "2026-01-05", "2026-01-05T09:00:00", "20260105T090000Z",
    "2026-W01-1T09:00:00Z", "2026-13-05T09:00:00Z", "2026-02-29T09:00:00Z", "2026-01-05T24:00:00Z",
    "2026-01-05T09:00:60Z", "2026-01-05T09:00:00%2B24:00", "2026-01-05T09:00:00Z%00",
    "%D9%A2026-01-05T09:00:00Z", "2026-01-05T09:00:00." + "1" * 50 + "Z",
]  # fmt: skip


def test_a_moment_is_read_as_rfc_3339_has_it(portal):
    """Also where an address holds a plus that arrives as a space."""
    portal.store.client.zadd(
        keys.TIME_INDEX, {"1": MEANT - 120_000, "2": MEANT, "3": MEANT + 120_000}
    )
    for text in SAME:
        answer = portal.get(f"/v1/events?since={text}").json
        assert [event["id"] for event in answer.get("events", ())] == ["2", "3"], text


def test_what_is_no_moment_is_refused_and_not_taken_for_one_of_1970(portal):
    for text in NO_MOMENTS:
        for path in ("/v1/events?since=", "/v1/messages?since=", "/v1/messages?until="):
            answer = portal.get(path + text)
            assert answer.status_code == 422, path + text
            assert "2026-01-05T08:00:00Z" in answer.text or "is no moment" in answer.text
    for value in (1767603600, True, [], {}, *map(unquote, NO_MOMENTS)):
        assert portal.post("/v1/replays", json={"since": value}).status_code == 422, value


def test_a_place_in_the_log_is_plain_digits(portal):
    timeline = f"/v1/companies/{company_id(1)}/timeline"
    places = ("/v1/events?after=", "/v1/events/stream?after=")
    for path in (*places, f"{timeline}?after=", f"{timeline}?before="):
        for text in ("1_0", "%201", "+1", "%2B1", "1.0", "-0", "0x1", "1e0", "٣", ""):
            with portal.ask("GET", path + text) as answer:
                assert answer.status_code == 422, path + text
    assert portal.get("/v1/events?after=002").json["events"][0]["id"] == "3"


def test_since_beside_a_cursor_is_refused(portal):
    """It would read the same page for ever, as `since` stood above `after`."""
    answer = portal.get("/v1/events?since=2026-01-05T09:00:00Z&after=2")
    assert answer.status_code == 422
    assert "after=<cursor>" in answer.json["detail"]
