"""Show every setting and where it comes from."""

from typing import Any

import click
from pydantic import SecretStr

from cli.data_dir import unread_names
from cli.output import Columns, as_json, print_json, show_rows
from relay.masking import without_secrets
from relay.settings import BadSettings, Settings

ORDER = 190
MASK = "[set, hidden]"
COLUMNS: Columns = {
    "setting": lambda row: row["name"],
    "value": lambda row: row["value"],
    "from": lambda row: row["from"],
}


@click.command()
@as_json
def config(*, as_json: bool) -> None:
    """Show every setting, its value and where it comes from; secrets are never shown.

    The environment wins over .env. Each secret may also be given as NAME_FILE, the file's path.
    """
    settings = Settings.from_env()
    try:
        in_environment = Settings.from_env(env_file=None).model_fields_set
        elsewhere = ".env"
    except BadSettings:  # the environment is complete with .env only
        in_environment, elsewhere = set(), "environment or .env"
    rows = []
    for name in Settings.model_fields:
        if name in in_environment:
            source = "environment"
        else:
            source = elsewhere if name in settings.model_fields_set else "default"
        rows.append({"name": name.upper(), "value": shown(getattr(settings, name)), "from": source})
    rows += [_derived("codat_api_url", settings.api_url, settings)]
    rows += [_derived("relay_public_url", settings.public_url, settings)]
    rows = [row for row in rows if row]
    rows += [{"name": name, "value": None, "from": why} for name, why in unread_names().items()]
    if as_json:
        print_json({"settings": rows})
    else:
        show_rows(rows, COLUMNS)


def shown(value: Any) -> Any:
    """Return a value as it may be shown: never a secret, never a password in an address."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, tuple):
        return [shown(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_secrets(_text(value))


def _text(value: object) -> str:
    """Return a value as text that can be written out: a path may have bytes that are none."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _derived(name: str, value: str, settings: Settings) -> dict[str, Any]:
    """Return what stands in for a setting that is not set."""
    if name in settings.model_fields_set:
        return {}
    return {"name": name.upper(), "value": without_secrets(value), "from": "in effect"}
