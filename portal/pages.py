"""The few pages for people: what this is, the API's documentation, and what each problem means."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

from flask import Blueprint, current_app, jsonify, render_template, send_from_directory
from flask_openapi.openapi import OpenAPI

from portal.groups import Reply
from portal.parts import parts
from portal.problems import KINDS
from relay.catalogue import documents

pages = Blueprint("pages", __name__)


@pages.get("/")
def start() -> Reply:
    """Say what this is and where to go."""
    return render_template("start.html", uses_sandbox=parts().settings.uses_sandbox)


@pages.get("/problems")
def problems() -> Reply:
    """Explain each kind of problem; a problem's `type` leads here."""
    return render_template("problems.html", kinds=KINDS)


@pages.get("/openapi.json")
def openapi() -> Reply:
    """Describe the API, and what is posted to subscribers."""
    return jsonify({**cast(OpenAPI, current_app).api_doc, "webhooks": documents.webhooks()})


@pages.get("/asyncapi.json")
def asyncapi() -> Reply:
    """Describe the event log, its three ways to be read, and every type of event."""
    info = cast(OpenAPI, current_app).api_doc["info"]
    url = parts().settings.public_url
    return jsonify(documents.asyncapi(info["title"], info["version"], url))


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
