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


@pytest.fixture
def project(tmp_path) -> ProjectCopy:
    return copy_project(tmp_path / "project")


def test_an_api_resource_is_one_new_folder(project):
    for path, text in WIDGETS.items():
        project.add(path, text)
    assert project.run(ASK_FOR_WIDGETS) == "answered, guarded, described\n"


def test_a_recipe_changes_no_file_that_is_there(project):
    with pytest.raises(FileExistsError):
        project.add("portal/app.py", "")
