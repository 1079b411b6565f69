"""Codat's published OpenAPI files as judges of answers and webhooks."""

import json
import re
from functools import cache
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from support.published import at_hand, openapi

METHODS = ("get", "post", "put", "patch", "delete")
JSON = ("content", "application/json", "schema")
TODAY = "Codat-Platform.json"
OF_2023 = "Codat-Platform.2023-12.json"
OF_2022 = "Codat-Common.2022-11.json"
INFO = "Codat-Spend-Insights.json"
# Each stands in sandbox/DEVIATIONS.md with its reason.
UNDECLARED = {400, 404, 405, 409, 413, 422}  # refusals that the file does not list everywhere
OLDER = re.compile(r".*/data/queue/all")  # today's file would take `all` for a data type


class Contract:
    """One published file; `seen` holds the operations and statuses it has judged."""

    def __init__(self, file):
        self.spec = plain(openapi(file))
        self.registry = Registry().with_resource("urn:codat", Resource(self.spec, DRAFT202012))
        self.seen = set()
        self._validators = {}
        self.operations = {
            (method, path): operation
            for path, item in self.spec["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }
        self._paths = [(method, path, pattern(path)) for method, path in self.operations]
        self._paths.sort(key=lambda entry: entry[1].count("{"))

    def find(self, method, path):
        """Find the operation that a real path is of; None when the file has none."""
        return next(
            ((m, p) for m, p, regex in self._paths if m == method and regex.fullmatch(path)), None
        )

    def faults(self, data, *names):
        """List what is wrong with data, by the schema that these names lead to."""
        if names not in self._validators:
            schema = {"$ref": "urn:codat#" + "".join(f"/{escaped(name)}" for name in names)}
            self._validators[names] = Draft202012Validator(
                schema, registry=self.registry, format_checker=FormatChecker()
            )
        return [f"{list(e.path)}: {e.message}" for e in self._validators[names].iter_errors(data)]

    def judge(self, method, path, status, body):
        """List what is wrong with an answer."""
        found = self.find(method.lower(), path)
        if found is None or OLDER.fullmatch(path):
            return []
        self.seen.add((*found, status))
        responses = self.operations[found]["responses"]
        if str(status) not in responses:
            if status not in UNDECLARED:
                return [f"{status} is not an answer of {found}"]
            return self.faults(json.loads(body), "components", "schemas", "ErrorMessage")
        response, names = responses[str(status)], ("paths", found[1], found[0], "responses")
        names = (*names, str(status))
        if "$ref" in response:
            if status < 300:  # the file refers 204 of delete-api-key to an error's body
                return []
            names = tuple(response["$ref"].removeprefix("#/").split("/"))
            response = self.spec["components"]["responses"][names[-1]]
        if "content" not in response:
            return [f"{found} answers {status} with a body: {body[:80]!r}"] if body else []
        data = json.loads(body)
        if found[1].endswith("/dataStatus"):
            data = {name: shown for name, shown in data.items() if shown != {"dataType": name}}
        return self.faults(data, *names, *JSON)

    def judge_webhook(self, name, body):
        """List what is wrong with a webhook."""
        if name not in self.spec["webhooks"]:
            return [f"{name} is no webhook of Codat's"]
        return self.faults(body, "webhooks", name, "post", "requestBody", *JSON)


# What the file of 2023 calls the rules whose type is sent as this.
RULES = {
    "DataConnectionStatusChanged": "Company data connection status changed",
    "Data sync completed": "Data sync completed",
    "Dataset data changed": "Dataset data changed",
    "Data Sync Status Changed To Error": "Dataset status has changed to an error state",
    "New company synchronized": "New company synchronized",
    "Push Operation Status Changed()": "Push operation status has changed",
    "Push Operation Timed Out": "Push operation has timed out",
    "Rate Limit Reached": "Client rate limit reached",
    "Rate Limit Reset": "Client rate limit reset",
}


@cache
def contract(file=TODAY):
    """Give the judge by a file; None when Codat's files are not at hand."""
    return Contract(file) if at_hand() else None


def operations():
    """Name each operation of today's file, as `method path`; one to be skipped without it."""
    if not at_hand():
        return ["all"]
    return [
        f"{method} {path}"
        for path, item in openapi(TODAY)["paths"].items()
        for method in METHODS
        if method in item
    ]


def answer_faults(answer):
    """List what is wrong with an answer of the sandbox's API."""
    judge = contract()
    if judge is None:
        return []
    path = urlsplit(answer.url).path
    if path.endswith("/data/info") and answer.request.method == "GET":
        judge = contract(INFO)
    return judge.judge(answer.request.method, path, answer.status_code, answer.content)


def webhook_faults(body):
    """List what is wrong with a webhook that the sandbox sent, of either generation."""
    if contract() is None:
        return []
    if "RuleType" in body:
        return contract(OF_2023).judge_webhook(RULES[body["RuleType"]], body)
    kind = re.sub(r"^\w+\.write\.", "{dataType}.write.", body["eventType"])
    return contract().judge_webhook(kind, body)


def plain(node):
    """Make OpenAPI's `nullable` JSON Schema's."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: plain(item) for name, item in node.items()}
    if made.get("nullable") is not True:
        return made
    if "$ref" in made:
        return {"anyOf": [{"$ref": made["$ref"]}, {"type": "null"}]}
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made


def pattern(path):
    return re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))


def escaped(name):
    """Write a name as a part of a JSON pointer in a URI fragment."""
    return name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
