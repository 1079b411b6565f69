"""The API: read from its own OpenAPI description."""

from collections.abc import Iterator

from docs.generated.markdown import Json, anchor, default_of, fields, note, table, type_of


def page(document: Json) -> Iterator[str]:
    """Yield the page's lines, from the OpenAPI description."""
    yield "# API"
    yield note("the API's description")
    yield """
The running service serves this description at `/openapi.json`, and a page to try it at `/docs`.

Every address under `/v1` needs `Authorization: Bearer <token>`. `GET` requests need the role
`view`, all others `operate`. Bodies are JSON, sent as `application/json`. Times are RFC 3339 in
UTC.

A refusal is a problem document (RFC 9457): `type` leads to its explanation at `/problems`, `detail`
says what is wrong, `errors` names each wrong field. 503 comes with `Retry-After`.
"""
    schemas = document["components"]["schemas"]
    operations: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations.setdefault(operation["tags"][0], []).append(
                (method.upper(), path, operation)
            )
    yield from table(
        ("Part", "About"),
        [
            (f"[{tag['name']}](#{anchor(tag['name'])})", tag["description"])
            for tag in document["tags"]
        ],
    )
    for tag in document["tags"]:
        yield f"## {tag['name']}\n\n{tag['description']}\n"
        for method, path, operation in operations[tag["name"]]:
            yield from _operation(method, path, operation)
    yield "## Objects\n"
    for name, schema in sorted(schemas.items()):
        yield f"### {name} object\n\n{schema.get('description', '')}\n"
        yield from fields(schema, linked=True)
        if "enum" in schema:
            yield f"One of {type_of(schema)}.\n"


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"### {method} {path}\n\n{operation.get('summary', '')}\n"
    yield operation.get("description", "") + "\n"
    parameters = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    if parameters:
        rows = [
            (
                f"`{one['name']}`" + (" (header)" if one["in"] == "header" else ""),
                type_of(one["schema"]) + default_of(one["schema"]),
                one.get("description") or one["schema"].get("description", ""),
            )
            for one in parameters
        ]
        yield from table(("Parameter", "Type", "Meaning"), rows)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"Body: {type_of(content['schema'])}.\n"
    good, refused = [], []
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            kinds = [type_of(one.get("schema", {})) for one in answer.get("content", {}).values()]
            good.append(f"{status} {' or '.join(kinds)}".strip())
        else:
            refused.append(status)
    yield f"Answers: {', '.join(good)}. Refusals: {', '.join(refused)}.\n"
