"""Custom data types and supplemental data: kept and shown, but no record is ever made up."""

from typing import Any

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.services import body, reply, texts, world
from sandbox.world import platforms, refusals, views
from sandbox.world.model import Company, Connection, Pull

routes = Blueprint("custom", __name__)
SUPPLEMENTAL = "/integrations/<platform_key>/dataTypes/<data_type>/supplementalDataConfig"
CONFIGURATION = "/integrations/<platform_key>/dataTypes/custom/<custom_data_identifier>"
CONNECTION = "/companies/<company_id>/connections/<connection_id>"
FORBIDDEN = frozenset({"qudb"})  # Codat's example of 451: not available for compliance purposes


@routes.put(SUPPLEMENTAL)
def configure_supplemental_data(platform_key: str, data_type: str) -> Response:
    """Keep what to read besides the standard fields."""
    _find(platform_key, data_type)
    data = body()
    if not _is_supplemental(data.get("supplementalDataConfig", {})):
        raise refusals.bad_request()
    _keep(data)
    return Response(status=200)


@routes.get(SUPPLEMENTAL)
def get_supplemental_data_configuration(platform_key: str, data_type: str) -> Response:
    """Show what is read besides the standard fields."""
    _find(platform_key, data_type)
    return reply(world().configurations.get(request.path, {"supplementalDataConfig": {}}))


@routes.put(CONFIGURATION)
def configure_custom_data_type(platform_key: str, custom_data_identifier: str) -> Response:
    """Keep how a custom data type is read from a platform."""
    _find(platform_key)
    data = body()
    if not _is_configuration(data):
        raise refusals.bad_request()
    _keep(data)
    return reply(data)


@routes.get(CONFIGURATION)
def get_custom_data_type_configuration(platform_key: str, custom_data_identifier: str) -> Response:
    """Show how a custom data type is read from a platform."""
    _find(platform_key)
    return reply(_configuration(request.path, custom_data_identifier))


@routes.post(f"{CONNECTION}/data/queue/custom/<custom_data_identifier>")
def refresh_custom_data_type(
    company_id: str, connection_id: str, custom_data_identifier: str
) -> Response:
    """Read a custom data type; done at once, with nothing found."""
    with world().lock:
        company, connection = _configured(company_id, connection_id, custom_data_identifier)
        now = world().clock()
        pull = Pull(
            company.ids.uuid(), company.id, connection.id, custom_data_identifier, now, now, now
        )
        pull.final, pull.completed = "Complete", now
        company.history.append(pull)
        return reply(views.pull(pull, now))


@routes.get(f"{CONNECTION}/data/custom/<custom_data_identifier>")
def list_custom_data_type_records(
    company_id: str, connection_id: str, custom_data_identifier: str
) -> Response:
    """List the records of a custom data type: there are none."""
    with world().lock:
        _configured(company_id, connection_id, custom_data_identifier)
    return reply(page([], dict, request.path, request.args))


def _configured(company_id: str, connection_id: str, name: str) -> tuple[Company, Connection]:
    company = world().company(company_id)
    connection = world().connection(connection_id, company.id)
    key = connection.platform.key
    if key in FORBIDDEN:
        error = f"Platform '{key}' is not currently available for compliance purposes."
        raise refusals.Refusal(451, error, "StdznCustomData")
    _configuration(f"/integrations/{key}/dataTypes/custom/{name}", name)
    return company, connection


def _configuration(path: str, name: str) -> dict[str, Any]:
    found = world().configurations.get(path)
    if found is None:
        raise refusals.not_found(f"Custom data type {name}")
    return found


def _find(platform_key: str, data_type: str | None = None) -> None:
    platform = platforms.find(platform_key)
    if platform is None:
        raise refusals.not_found(f"Integration {platform_key}")
    if data_type is not None and data_type not in platform.data_types:
        raise refusals.not_supported(data_type, platform.name)


def _keep(data: dict[str, Any]) -> None:
    with world().lock:
        world().configurations[request.path] = data


def _is_supplemental(config: Any) -> bool:
    return isinstance(config, dict) and all(
        isinstance(one, dict)
        and isinstance(one.get("dataSource", ""), str)
        and all(_is_map(one.get(name, {})) for name in ("pullData", "pushData"))
        for one in config.values()
    )


def _is_configuration(data: dict[str, Any]) -> bool:
    texts(data.get("keyBy"))
    texts(data.get("sourceModifiedDate"))
    return (
        data.get("keyBy", []) is not None
        and isinstance(data.get("dataSource", ""), str)
        and _is_map(data.get("requiredData", {}))
    )


def _is_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
