"""Every setting, read from the environment (and `.env`) once per process, all faults at once."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from codat import signature
from codat.client import Generation
from relay.policy import BadPolicy, Policy
from relay.retention import Retention, read_rules
from relay.server_address import read_address
from relay.tokens import read_tokens

CODAT_URL = "https://api.codat.io"
SECRET_FILE_SUFFIX = "_FILE"  # noqa: S105 (a name, not a password)
RISKS = {"no-aof", "fsync", "eviction", "old-server", "unknown-config", "no-min-replicas"}
DAILY_AT = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^never$"


class BadSettings(Exception):
    """One or more settings are missing or wrong; `str()` names them all, a line each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"The settings are not right:\n{lines}")


def _split(value: object) -> object:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Commas = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
SecretCommas = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What can be set. Field names in capitals are the environment's names."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    redis_url: Annotated[str | None, Field(repr=False)] = None  # may hold a password
    relay_data_dir: Path = Path(".relay")
    relay_lanes: Annotated[int, Field(ge=1, le=1024)] = 64
    relay_accept_risks: Commas = ()
    relay_replicas_to_wait: Annotated[str | None, Field(pattern="^(all|[0-9])$")] = None

    codat_api_key: SecretStr | None = None
    codat_api_url: str | None = None
    codat_api_generation: Generation = Generation.CURRENT
    codat_webhook_secrets: SecretCommas = ()
    codat_legacy_authorization: SecretCommas = ()

    relay_tokens: SecretCommas = ()
    relay_public_url: str | None = None
    relay_link_hosts: Commas = ("codat.io", "*.codat.io")
    relay_brand_file: Path | None = None
    relay_placeholder_pattern: str | None = None
    relay_name_order: Commas = ("companyName", "companyLegalName")
    relay_default_cadence: Annotated[str, Field(pattern="^(hourly|daily|weekly|monthly|none)$")] = (
        "daily"
    )
    relay_policy_file: Path | None = None
    relay_dedupe_days: Annotated[int, Field(ge=14, le=400)] = 30
    relay_message_days: Annotated[int, Field(ge=1, le=400)] = 30
    relay_calls_per_minute: Annotated[int, Field(ge=1)] = 900
    relay_link_reserve: Annotated[int, Field(ge=0, le=500)] = 50  # per mille of the day's quota
    # As many as use a minute's calls up though each answer takes two seconds.
    relay_worker_threads: Annotated[int, Field(ge=1, le=256)] = 32
    relay_reconcile_at: Annotated[str, Field(pattern=DAILY_AT)] = "03:30"  # UTC
    relay_reconcile_page_size: Annotated[int, Field(ge=1, le=5000)] = 100  # what Codat advises
    relay_silence_minutes: Annotated[int, Field(ge=1)] = 60
    relay_retry_seconds: Annotated[float, Field(gt=0)] = 5.0
    relay_codat_timeout: Annotated[float, Field(gt=0)] = 15.0
    relay_streams: Annotated[int, Field(ge=0, le=1000)] = 64
    relay_link_streams: Annotated[int, Field(ge=0, le=1000)] = 32
    relay_streams_per_token: Annotated[int | None, Field(ge=1)] = None  # a quarter of all
    relay_log_days: Annotated[int, Field(ge=1, le=4000)] = 30
    relay_log_hard_days: Annotated[int, Field(ge=1, le=4000)] = 90
    relay_log_type_days: Commas = ()
    relay_redact_fields: Commas = ()
    relay_private_networks: Commas = ()
    relay_subscriber_days: Annotated[int, Field(ge=1, le=90)] = 5
    relay_log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    web_processes: Annotated[int, Field(ge=1)] = 1
    web_threads: Annotated[int, Field(ge=2)] = 16
    sandbox_port: Annotated[int | None, Field(ge=0, le=65535)] = None
    sandbox_api_key: SecretStr = SecretStr("sandbox")

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, env_file: str | Path | None = ".env"
    ) -> Self:
        """Read the process's environment over `.env`; `NAME_FILE` gives a secret from a file.

        Raises BadSettings, which names every fault in one message.
        """
        values, faults = _read_env_file(env_file)
        values.update(os.environ if environ is None else environ)
        faults += _read_secret_files(values)
        given = {
            name: values[name.upper()] for name in cls.model_fields if values.get(name.upper())
        }
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            faults += [_sentence(e) for e in error.errors()]
            raise BadSettings(faults + _disagreements(values)) from None
        faults += _disagreements(values)
        if faults:
            raise BadSettings(faults)
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from `from_env` alone, so that tests and production share one door."""
        return (init_settings,)

    @field_validator("redis_url")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            read_address(value)
        return value

    @field_validator("codat_api_url", "relay_public_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _address(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http:// or https:// address")
        return value.rstrip("/")

    @field_validator("relay_placeholder_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from None
        return value

    @field_validator("relay_policy_file")
    @classmethod
    def _holds_a_policy(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                Policy.from_file(value)
            except BadPolicy as error:
                raise ValueError(f"cannot be used: {error}") from None
        return value

    @field_validator("relay_name_order")
    @classmethod
    def _known_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {"companyName", "companyLegalName"}
        if not value or not set(value) <= known:
            raise ValueError("takes companyName and companyLegalName, in the order to be tried")
        return value

    @field_validator("relay_accept_risks")
    @classmethod
    def _known_risks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - RISKS:
            raise ValueError(
                f"does not know {', '.join(sorted(unknown))}; known: {', '.join(sorted(RISKS))}"
            )
        return value

    @field_validator("relay_log_type_days")
    @classmethod
    def _rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        read_rules(value)
        return value

    @field_validator("relay_private_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"{text} is not a network such as 10.1.0.0/16") from None
        return value

    @field_validator("relay_link_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, host in enumerate(value, 1):
            if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", host):
                raise ValueError(
                    f"entry {number} must be a host such as codat.io, or *.codat.io for those below"
                )
        return value

    @field_validator("codat_webhook_secrets")
    @classmethod
    def _usable_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        signature.prepare([secret.get_secret_value() for secret in value])
        return value

    @field_validator("relay_tokens")
    @classmethod
    def _tokens_in_three_parts(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        read_tokens(token.get_secret_value() for token in value)
        return value

    @property
    def uses_sandbox(self) -> bool:
        """Whether the sandbox stands in for Codat: no key is set, nor another address."""
        return self.codat_api_key is None and self.codat_api_url is None

    @property
    def api_key(self) -> str:
        """The bare key for Codat, or the sandbox's."""
        return (self.codat_api_key or self.sandbox_api_key).get_secret_value()

    @property
    def api_url(self) -> str:
        """Codat's base address, or the sandbox's, without a slash at the end."""
        if self.codat_api_url:
            return self.codat_api_url
        return f"http://127.0.0.1:{self.sandbox_at}" if self.uses_sandbox else CODAT_URL

    @property
    def sandbox_at(self) -> int:
        """The sandbox's port: the one set, else the one after ours."""
        return self.port + 1 if self.sandbox_port is None else self.sandbox_port

    @property
    def streams_per_token(self) -> int:
        """How many live streams one token may have open: so that none can shut out all others."""
        return self.relay_streams_per_token or max(1, self.relay_streams // 4)

    @property
    def retention(self) -> Retention:
        """How long events are kept: as long as messages at least.

        A replay sees by the events what a message has caused before.
        """
        rules = read_rules(self.relay_log_type_days)
        kept = Retention(self.relay_log_days, self.relay_log_hard_days, rules)
        return kept.at_least(self.relay_message_days)

    @property
    def public_url(self) -> str:
        """Where customers and Codat find the portal, without a slash at the end."""
        return self.relay_public_url or f"http://127.0.0.1:{self.port}"


def _address(text: str) -> SplitResult:
    """Take an address apart; ValueError without a word of it, as it may hold a password."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address, or its port is not a number up to 65535") from None
    return parts


def _read_env_file(path: str | Path | None) -> tuple[dict[str, str], list[str]]:
    """Give what a `.env` file sets, which need not be there, or why it cannot be read."""
    if path is None:
        return {}, []
    try:
        return {name: value for name, value in dotenv_values(path).items() if value}, []
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path}: cannot be read ({_reason(error)})"]


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "is not text"


def _read_secret_files(values: dict[str, str]) -> list[str]:
    """Fill each setting given as `NAME_FILE` from that file; tell what could not be read."""
    faults = []
    for name in (field.upper() for field in Settings.model_fields):
        path = values.get(name + SECRET_FILE_SUFFIX)
        if not path:
            continue
        if values.get(name):
            faults.append(f"{name}: is set, and {name}_FILE too; keep one of them")
            continue
        try:
            values[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}_FILE: {path} cannot be read ({_reason(error)})")
            continue
        if not values[name]:
            faults.append(f"{name}_FILE: {path} is empty")
    return faults


def _disagreements(values: Mapping[str, str]) -> list[str]:
    proofs = ("CODAT_WEBHOOK_SECRETS", "CODAT_LEGACY_AUTHORIZATION")
    given = any(
        _split(values.get(name, "")) or values.get(name + SECRET_FILE_SUFFIX) for name in proofs
    )
    if values.get("CODAT_API_KEY") and not given:
        return [
            "CODAT_WEBHOOK_SECRETS: is needed with CODAT_API_KEY, or no webhook could be proved"
            " genuine; the Codat Portal shows it per endpoint (whsec_...)"
        ]
    return []


def _sentence(error: Any) -> str:
    """Turn one of pydantic's errors into `NAME: what is wrong`, never showing the value."""
    name = str(error["loc"][0]).upper() if error["loc"] else "settings"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"
