"""What CONTRIBUTING says it takes to add a thing, done in a copy of the tree: new files alone."""

import pytest

from support.recipes import ProjectCopy, copy_project

WIDGETS = {
    "portal/api/widgets/__init__.py": '"""The API resource `widgets`."""\n',
    "portal/api/widgets/routes.py": '''"""Widgets, listed."""

from flask_openapi.models.tag import Tag
from pydantic import BaseModel

from portal.http.groups import Reply, group
from portal.services import services

api = group("widgets", __name__, Tag(name="Widgets", description="All widgets there are."))


class WidgetList(BaseModel):
    """All widgets."""

    items: list[str]


@api.get("/widgets", responses={200: WidgetList})
def list_widgets() -> Reply:
    """List widgets."""
    return WidgetList(items=[services().settings.public_url]).model_dump()
''',
}
EVERY_FILE_HAS_ITS_TEST = [
    f"tests/unit/test_layout.py::test_every_{what}_has_a_test_file_of_its_own"
    for what in ("handler_file", "kind_of_intent")
]
ASK_FOR_WIDGETS = """
from support.portal_bench import Portal, kind
portal = Portal()
answer = portal.get("/v1/widgets")
assert answer.status_code == 200, answer.text
assert answer.get_json() == {"items": [portal.settings.public_url]}
assert kind(portal.get("/v1/widgets", token=None)) == "unauthorized"
assert kind(portal.post("/v1/widgets")) == "method-not-allowed"
described = portal.get("/openapi.json").get_json()
widgets = described["paths"]["/v1/widgets"]["get"]
assert (widgets["operationId"], widgets["tags"]) == ("list_widgets", ["Widgets"])
assert widgets["security"] == [{"token": []}]
assert {"200", "401", "503"} <= set(widgets["responses"])
assert {"name": "Widgets", "description": "All widgets there are."} in described["tags"]
print("answered, guarded, described")
"""

GREET = '''"""Print a greeting."""

import click


@click.command()
@click.argument("name")
def curtsy(name: str) -> None:
    """Print a greeting for NAME."""
    click.echo(f"Hello, {name}.")
'''
TEST_OF_GREET = '''"""The command `curtsy`."""

from click.testing import CliRunner

from cli.app import main


def test_greet_prints_a_greeting():
    assert CliRunner().invoke(main, ["curtsy", "Ada"]).output == "Hello, Ada.\\n"
'''
FIND_GREET = """
import sys
from click.testing import CliRunner
from cli.app import main
shown = CliRunner().invoke(main, ["--help"]).output
assert shown.splitlines()[-1].split() == ["curtsy", "Print", "a", "greeting."], shown
assert "cli.commands.curtsy" not in sys.modules and "flask" not in sys.modules
from docs.generate import pages
assert "codat-relay curtsy NAME" in pages()["commands.md"].replace(" [options]", "")
print("listed, not loaded, documented")
"""
SETTING = '''
    relay_greeting: str = "Hello"
    """How visitors are greeted."""
'''
READ_SETTING = """
import os
os.environ["RELAY_GREETING"] = "Good morning"
from click.testing import CliRunner
from cli.app import main
from docs.generate import pages
from relay.settings import Settings
assert Settings.from_env(env_file=None).relay_greeting == "Good morning"
shown = CliRunner().invoke(main, ["config"]).output
assert "RELAY_GREETING\\tGood morning\\tenvironment" in shown, shown
assert "| `RELAY_GREETING` | How visitors are greeted. | `Hello` |" in pages()["settings.md"]
print("read, shown, documented")
"""


HANDLER = {
    "workers/inbox/handlers/curtsies.py": '''"""Things that Codat may one day report."""

from codat.webhook import Event
from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Happened(EventData):
    """A thing that happened."""

    thing: str | None


EVENT_TYPES = (
    EventType("curtsy.reported", "Codat reports that a thing happened.", Happened, {"thing": "t"}),
)


@router.on("curtsy.happened")
def happened(company: Company, event: Event) -> Outcome:
    """Log which thing it was."""
    return Outcome(company).log("curtsy.reported", thing=event.text("thing"))
''',
    "tests/payloads/curtsy.happened.json": """{
  "id": "e0000000-0000-4000-8000-000000000099",
  "eventType": "curtsy.happened",
  "generatedDate": "2026-03-02T08:14:01.001Z",
  "payload": {"referenceCompany": {"id": "5b1d9c1e-7a3f-4f4e-9a54-0d6f2c8e1a01"}, "thing": "t-1"}
}
""",
    "tests/unit/handlers/test_curtsies.py": '''"""A thing that happened is logged."""

from support.folding import apply, logged, payload, webhook


def test_a_thing_is_logged_by_its_id():
    folded = apply(None, webhook(payload("curtsy.happened")))
    assert logged(folded)[-1] == ("curtsy.reported", {"thing": "t-1"})
''',
}
LOOK_AT_THE_HANDLER = """
from relay.events.catalogue import check, event_types
from workers.inbox.routing import handler_for
from support.portal_bench import VIEWER, Portal
assert handler_for("curtsy.happened").__module__ == "workers.inbox.handlers.curtsies"
assert handler_for("connection.connected") is not None
check("curtsy.reported", {"thing": None})
portal = Portal()
listed = portal.get("/v1/event-types", token=VIEWER).json["event_types"]
assert [one["type"] for one in listed] == list(event_types())
assert "curtsy.reported" in event_types()
assert "curtsy.reported" in portal.get("/openapi.json", token=None).json["webhooks"]
assert "curtsy.reported" in portal.get("/asyncapi.json", token=None).json["components"]["messages"]
print("handled, catalogued, published")
"""

INTENT_KIND = {
    "workers/intents/kinds/curtsy.py": '''"""Greet a company."""

from relay.store.intents.queue import Intent
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

IN_BACKGROUND = True


def run(context: Context, intent: Intent) -> AttemptResult:
    """Greet it by its id."""
    action = NewAction("relay.greeted", {"company": intent.company_id})
    return AttemptResult(ResultKind.DONE, action=action)
''',
    "tests/unit/intent_kinds/test_curtsy.py": '''"""A company is greeted."""

from relay.store.intents.queue import Intent, Priority
from workers.intents.kinds import curtsy


def test_a_company_is_greeted_by_its_id():
    intent = Intent("curtsy:c-1", 1, "c-1", 1, 0, {}, "m", Priority.NOW)
    assert curtsy.run(None, intent).action.payload == {"company": "c-1"}
''',
}
LOOK_AT_THE_KIND = """
from relay.store.intents.kinds import kinds as names
from workers.intents.kind import kinds
from support.portal_bench import Portal
assert "curtsy" in names() and set(names()) == set(kinds())
assert kinds()["curtsy"].in_background and not kinds()["curtsy"].is_local
assert kinds()["curtsy"].run.__module__ == "workers.intents.kinds.curtsy"
assert Portal().get("/v1/intents?kind=curtsy").status_code == 200
assert Portal().get("/v1/intents?kind=great").status_code == 422
print("performed, known to the API")
"""


@pytest.fixture
def project(tmp_path) -> ProjectCopy:
    return copy_project(tmp_path / "project")


def test_an_api_resource_is_one_new_folder(project):
    for path, text in WIDGETS.items():
        project.add(path, text)
    assert project.run(ASK_FOR_WIDGETS) == "answered, guarded, described\n"


def test_an_event_handler_is_one_new_file_with_its_types(project):
    for path, text in HANDLER.items():
        project.add(path, text)
    assert project.run(LOOK_AT_THE_HANDLER) == "handled, catalogued, published\n"
    assert "passed" in project.test(
        "tests/unit/handlers/test_curtsies.py", *EVERY_FILE_HAS_ITS_TEST
    )


def test_an_intent_kind_is_one_new_file(project):
    for path, text in INTENT_KIND.items():
        project.add(path, text)
    assert project.run(LOOK_AT_THE_KIND) == "performed, known to the API\n"
    tested = project.test("tests/unit/intent_kinds/test_curtsy.py", *EVERY_FILE_HAS_ITS_TEST)
    assert "passed" in tested


def test_a_command_is_one_new_file(project):
    project.add("cli/commands/curtsy.py", GREET)
    project.add("tests/unit/cli/test_curtsy.py", TEST_OF_GREET)
    assert project.run(FIND_GREET) == "listed, not loaded, documented\n"
    project.test("tests/unit/cli/test_curtsy.py")


def test_a_setting_is_one_new_field(project):
    project.insert("relay/settings.py", SETTING, before="    # -- Codat\n")
    assert project.run(READ_SETTING) == "read, shown, documented\n"


def test_a_recipe_changes_no_file_that_is_there(project):
    with pytest.raises(FileExistsError):
        project.add("portal/app.py", "")


QUOTA_PAGE = {
    "portal/ops/pages/quota.py": '''"""The quota page: how many calls a minute Codat gets."""

from portal.http.groups import Reply
from portal.ops.base import add_page
from portal.services import services

page = add_page("quota", "Quota", "how many calls a minute Codat gets")


@page.get()
def show() -> Reply:
    """Show the limit."""
    return page.render(limit=services().settings.relay_calls_per_minute)
''',
    "portal/ops/templates/ops/quota.html": """{% extends "ops/layout.html" %}
{% block title %}Quota{% endblock %}
{% block main %}<h1>Quota</h1><p>{{ limit }} calls a minute</p>{% endblock %}
""",
}
LOOK_AT_QUOTA = """
from support.ops_pages import get, sign_in
from support.portal_bench import Portal
portal = Portal(relay_calls_per_minute=7)
assert get(portal, "/ops/quota").headers["Location"] == "/ops/"
sign_in(portal)
shown = get(portal, "/ops/quota")
assert (shown.status_code, "7 calls a minute" in shown.text) == (200, True), shown.text
assert shown.headers["Cache-Control"] == "no-store"
assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
link = '<a href="/ops/quota">Quota</a>'
assert link in get(portal, "/ops/load").text
assert link + ": how many calls a minute Codat gets" in get(portal, "/ops/").text
print("guarded, shown, listed")
"""


def test_an_operators_page_is_one_file_and_its_template(project):
    for path, text in QUOTA_PAGE.items():
        project.add(path, text)
    assert project.run(LOOK_AT_QUOTA) == "guarded, shown, listed\n"
