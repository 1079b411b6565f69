"""The few pages for people: what this is, the API's documentation, and what each problem means."""

import threading
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import orjson
from flask import Blueprint, Response, current_app, render_template, send_from_directory
from flask_openapi.openapi import OpenAPI

from portal.http.description import completed
from portal.http.groups import Reply
from portal.http.problems import KINDS
from portal.services import services
from relay.events import documents

WRITTEN = "written documents"

pages = Blueprint("pages", __name__, template_folder="templates")
writing = threading.Lock()


@pages.get("/")
def start() -> Reply:
    """Say what this is and where to go."""
    return render_template("start.html", uses_sandbox=services().settings.uses_sandbox)


@pages.get("/problems")
def problems() -> Reply:
    """Explain each kind of problem; a problem's `type` leads here."""
    return render_template("problems.html", kinds=KINDS)


@pages.get("/openapi.json")
def openapi() -> Reply:
    """Describe the API, and what is posted to subscribers."""
    url = services().settings.public_url
    return _once("openapi", lambda: completed(_api_doc(), url) | {"webhooks": documents.webhooks()})


@pages.get("/asyncapi.json")
def asyncapi() -> Reply:
    """Describe the event log, its three ways to be read, and every type of event."""
    info, url = _api_doc()["info"], services().settings.public_url
    return _once("asyncapi", lambda: documents.asyncapi(info["title"], info["version"], url))


def _api_doc() -> dict[str, Any]:
    return cast(OpenAPI, current_app).api_doc


def _once(name: str, make: Callable[[], dict[str, Any]]) -> Reply:
    """Return a document that is made once in a process, as anyone may ask and it takes long."""
    written: dict[str, bytes] = current_app.extensions.setdefault(WRITTEN, {})
    with writing:
        if name not in written:
            written[name] = orjson.dumps(make())
    return Response(written[name], mimetype="application/json")


@pages.get("/docs")
def docs() -> Reply:
    """Show the API's description as a page from which it can be tried."""
    return render_template("docs.html")


@pages.get("/docs/<name>")
def docs_file(name: str) -> Reply:
    """Serve the documentation page's own script and style, so that it needs no other host."""
    folder = "css" if name.endswith(".css") else "js"
    return send_from_directory(_swagger() / folder, name, max_age=86_400)


@cache
def _swagger() -> Path:
    return Path(str(resources.files("flask_openapi_swagger") / "templates" / "swagger"))
