"""Put the portal together: one Flask app over real or fake services."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from threading import BoundedSemaphore

from flask import Flask
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI

from codat.client import Codat
from portal import api
from portal.http import auth, bodies, compression, durability, headers, problems
from portal.http.groups import Schemas
from portal.http.streams import Streams
from portal.http.tail import Tail
from portal.link import actions, asset_routes, device_code, not_now, views, words
from portal.link import stream as link_stream
from portal.link.assets import assets
from portal.link.platforms import PlatformList
from portal.ops import base as ops_pages
from portal.services import NAME, Services, services
from portal.site import pages
from relay.budget import make_client
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store

MAX_BODY_BYTES = 64 * 1024  # bytes
MAX_CODE_HASHES = 2  # at once; each takes a processor and 16 MiB
TAIL_WAIT = 25.0  # seconds; less than the client of `waiting` waits
SHORT_TAIL_WAIT = 1.0  # seconds, on a store whose client does not wait long for an answer
TITLE = "codat-relay"
ABOUT = (
    "Companies linked through Codat, the log of what happened to them, and when their data is"
    " synced. Errors are problem details (RFC 9457); each `type` leads to its explanation."
)
SANDBOX = " **The sandbox stands in for Codat: all companies here are made up.**"


def create_app(
    settings: Settings,
    store: Store,
    hints: Hints,
    codat: Codat | None = None,
    waiting: Store | None = None,
) -> Flask:
    """Return the portal; nothing is sent anywhere until a request asks for it.

    `codat` is made from the settings when not given. `waiting` is the store by which new
    events are watched for; its client must wait longer than 25 seconds for an answer. Raises
    BadBrand when the firm's brand file cannot be used.
    """
    app = make_routes(settings.uses_sandbox)
    provide(app, make_services(settings, store, hints, codat, waiting))
    return app


def make_services(
    settings: Settings,
    store: Store,
    hints: Hints,
    codat: Codat | None = None,
    waiting: Store | None = None,
) -> Services:
    """Return what the views of one app work with; takes the same as `create_app`."""
    brand, texts = words.load(settings.relay_brand_file)
    codat = codat or make_client(settings, store)
    codat_call_limit = BoundedSemaphore(max(1, settings.web_threads // 4))
    return Services(
        settings=settings,
        store=store,
        hints=hints,
        codat=codat,
        tokens=auth.Tokens(settings.relay_tokens, store),
        long_poll_limit=BoundedSemaphore(max(1, settings.web_threads // 2)),
        codat_call_limit=codat_call_limit,
        code_hash_limit=BoundedSemaphore(MAX_CODE_HASHES),
        tail=Tail((waiting or store).events, TAIL_WAIT if waiting else SHORT_TAIL_WAIT),
        streams=Streams(settings.relay_streams, settings.streams_per_token),
        link_streams=Streams(settings.relay_link_streams, link_stream.MAX_PER_JOURNEY),
        platforms=PlatformList(store, codat, codat_call_limit),
        brand=brand,
        assets=assets(brand),
        words=texts,
    )


def provide(app: Flask, given: Services) -> None:
    """Let the routes of this app work with these services."""
    app.extensions[NAME] = given
    app.extensions[problems.BASE_URL] = given.settings.public_url


def make_routes(uses_sandbox: bool) -> OpenAPI:
    """Return an app with all its routes, which works once `provide` gives it services."""
    app = OpenAPI(
        __name__,
        info=Info(title=TITLE, version=_version(), description=ABOUT + SANDBOX * uses_sandbox),
        security_schemes={"token": SecurityScheme(type="http", scheme="bearer")},
        validation_error_model=problems.Problem,
        validation_error_callback=problems.invalid,
        doc_ui=False,
        static_folder="static",
        static_url_path="/static",
    )
    app.components_schemas = Schemas()
    # flask-openapi would say 3.2.0, which few tools read yet; nothing here needs it.
    app.openapi_version = "3.1.0"
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json = bodies.OrjsonProvider(app)
    problems.register(app)
    headers.register(app)
    compression.register(app)
    auth.guard(app, lambda: services().tokens)
    durability.register(app, lambda: services().store.guard)
    bodies.read_bodies(app)
    for resource in resources():
        app.register_api(resource)
    app.register_blueprint(pages.pages)
    app.register_blueprint(ops_pages.with_all_pages())
    app.register_blueprint(actions.link)
    app.register_blueprint(asset_routes.link)
    app.register_blueprint(not_now.link)
    app.register_blueprint(link_stream.link)
    app.register_blueprint(device_code.pc)
    app.register_blueprint(views.link)
    return app


def resources() -> Iterator[APIBlueprint]:
    """Yield the routes of each API resource: `api` in the `routes.py` of each folder of api/."""
    for resource in pkgutil.iter_modules(api.__path__):
        package = importlib.import_module(f"portal.api.{resource.name}")
        for module in pkgutil.iter_modules(package.__path__):  # its other modules may add routes
            importlib.import_module(f"portal.api.{resource.name}.{module.name}")
        routes: APIBlueprint = importlib.import_module(f"portal.api.{resource.name}.routes").api
        yield routes


def _version() -> str:
    try:
        return version("codat-relay")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
