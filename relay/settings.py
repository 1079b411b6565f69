"""Every setting, read from the environment (and `.env`) once per process, all faults at once."""

import os
import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from codat import signature
from codat.client import Generation
from relay.environment import FILE, Kind, entries, gather, unread
from relay.events.retention import Retention, read_rules
from relay.nearest import hint_of
from relay.server_address import read_address
from relay.syncs.policy import BadPolicy, Policy
from relay.tokens import read_tokens

CODAT_URL = "https://api.codat.io"
RISKS = {"no-aof", "fsync", "eviction", "old-server", "unknown-config", "no-min-replicas"}
UUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
DAILY_AT = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^never$"
WORD = "^[A-Za-z0-9_-]{1,64}$"
ALL_OR_DIGIT = "^(all|[0-9])$"
SHAPES = {  # what each asks for
    UUID: "must be an id of 32 digits and letters from a to f, in five parts with - between",
    DAILY_AT: "must be a time of day such as 03:30, or never",
    WORD: "must be up to 64 letters, digits, _ and -",
    ALL_OR_DIGIT: "must be a number up to 9, or all",
}


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
        return entries(value)
    return value


Commas = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
SecretCommas = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What can be set. Field names in capitals are the environment's names.

    The text under each field and the headings between them make up the reference of settings.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    # -- Server and data
    redis_url: Annotated[str | None, Field(repr=False)] = None  # may hold a password
    """The server's address: `redis://`, `rediss://`, `unix://` or `redis+sentinel://`.

    Unset: a server of its own, with its data in `RELAY_DATA_DIR`."""
    relay_data_dir: Path = Path(".relay")
    """The folder for that server's data, for tokens and for what must survive a restart."""
    relay_lanes: Annotated[int, Field(ge=1, le=1024)] = 64
    """Number of lanes, the partitions of the inbox. Fixed at the first start."""
    relay_accept_risks: Commas = ()
    """Weaknesses of the server that you accept: `no-aof`, `fsync`, `eviction`, `old-server`,
    `unknown-config`, `no-min-replicas`."""
    relay_replicas_to_wait: Annotated[str | None, Field(pattern=ALL_OR_DIGIT)] = None
    """How many replicas must hold a webhook before it is answered: a number, or `all`, which means
    every replica that may become the primary.

    Unset: `all` behind Sentinel, otherwise 0."""

    # -- Codat
    codat_api_key: SecretStr | None = None
    """The bare API key, without `Basic` before it.

    Unset: the sandbox is started and used instead of Codat."""
    codat_api_url: str | None = None
    """Base address of Codat's API.

    Unset: `https://api.codat.io`, or the sandbox's address."""
    codat_api_generation: Generation = Generation.CURRENT
    """Which of Codat's APIs to call: `current` or `classic`."""
    codat_client_id: Annotated[str | None, Field(pattern=UUID)] = None
    """The id of your Codat client. Webhooks that name another client are refused with 403.

    Unset: the id that Codat reports for the key, read each night; the sandbox refuses none."""
    codat_webhook_secrets: SecretCommas = ()
    """Secrets of your webhook endpoints (`whsec_...`). All are accepted, so you can rotate them.

    Unset: one is made for the sandbox; with a Codat key the service does not start."""
    codat_legacy_authorization: SecretCommas = ()
    """`Authorization` values that prove unsigned rule webhooks of Codat's older service.

    Unset: such webhooks are refused."""
    relay_calls_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 900
    """Calls to Codat per minute, all workers together. Codat allows 1,000 per address."""
    relay_link_reserve: Annotated[int, Field(ge=0, le=500)] = 50  # per mille of the day's quota
    """Share of the day's calls kept for what follows a customer's link, per mille."""
    relay_worker_threads: Annotated[int, Field(ge=1, le=256)] = 32  # Codat may take 2 s an answer
    """Calls that one `codat` worker may have under way at once."""
    relay_retry_seconds: Annotated[float, Field(gt=0, le=900)] = 5.0
    """Seconds to wait after a failed call. The wait doubles with each failure, to 15 minutes."""
    relay_codat_timeout: Annotated[float, Field(gt=0, le=900)] = 15.0
    """Seconds to wait for Codat's answer."""

    # -- Web server
    host: str = "127.0.0.1"
    """Address on which the service listens. `0.0.0.0` is all of them."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The one port for webhooks, API and pages."""
    relay_public_url: str | None = None
    """The address under which customers and Codat reach the service.

    Unset: `http://127.0.0.1:$PORT`."""
    web_processes: Annotated[int, Field(ge=1, le=256)] = 1
    """Number of web processes."""
    web_threads: Annotated[int, Field(ge=2, le=1000)] = 16
    """Threads of each web process for requests. Webhooks have as many again for themselves."""
    relay_request_seconds: Annotated[float, Field(ge=1, le=300)] = 15.0
    """Seconds within which a request's head must arrive, and then its body. A connection that is
    kept open ends after the same time."""
    relay_trusted_proxies: Commas = ()
    """Networks of proxies whose `X-Forwarded-For` is believed, such as `127.0.0.1/32`."""
    relay_streams: Annotated[int, Field(ge=0, le=1000)] = 64
    """Live event streams open at once in a web process. Each holds a thread."""
    relay_streams_per_token: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Live event streams that one token may have open.

    Unset: a quarter of `RELAY_STREAMS`."""
    relay_link_streams: Annotated[int, Field(ge=0, le=1000)] = 32
    """Customers' pages in a web process that are updated at once. Each holds a thread; further
    pages ask every few seconds."""

    # -- Access
    relay_tokens: SecretCommas = ()
    """API tokens as `name:role:token`, with the role `view` or `operate`. No other token is valid
    then.

    Unset: `codat-relay up` makes one operator token in `RELAY_DATA_DIR`."""
    relay_webhook_source: Annotated[str | None, Field(pattern=WORD)] = None
    """A name for your Codat client in the `source` of events, as in `/codat/uk/companies/<id>`.
    Webhooks are then also taken at `/webhooks/codat/uk`.

    Unset: `default`."""

    # -- Customers' pages
    relay_brand_file: Path | None = None
    """A TOML file with your name, colours, contacts and words.

    Unset: plain pages in English."""
    relay_link_hosts: Commas = ("codat.io", "*.codat.io")
    """Hosts to which customers are sent on. Links to other hosts are shown as text."""

    # -- Company names
    relay_placeholder_pattern: str | None = None
    """Regular expression for dummy names of companies that were not made by the relay. The whole
    name must fit.

    Unset: only names given by the relay are replaced."""
    relay_name_order: Commas = ("companyName", "companyLegalName")
    """Which of Codat's names to try first. One in letters that Codat cannot keep is skipped."""

    # -- Schedules
    relay_default_cadence: Literal["hourly", "daily", "weekly", "monthly", "none"] = "daily"
    """Schedule given to a company when it links."""
    relay_policy_file: Path | None = None
    """A TOML file of rules that decide which schedules a company gets.

    Unset: `RELAY_DEFAULT_CADENCE` for all."""

    # -- Comparing with Codat
    relay_reconcile_at: Annotated[str, Field(pattern=DAILY_AT)] = "03:30"  # UTC
    """Time of day, in UTC, at which all companies are compared with Codat's record, or `never`."""
    relay_reconcile_page_size: Annotated[int, Field(ge=1, le=5000)] = 100  # what Codat advises
    """Companies read per call in a comparison."""
    relay_silence_minutes: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Minutes without any webhook after a requested sync before a comparison begins."""

    # -- How long things are kept
    relay_dedupe_days: Annotated[int, Field(ge=14, le=400)] = 30
    """Days for which a repeated webhook is recognised. Codat sends again for up to 14."""
    relay_message_days: Annotated[int, Field(ge=1, le=400)] = 30
    """Days for which handled webhooks, dead letters and abandoned intents are kept."""
    relay_log_days: Annotated[int, Field(ge=1, le=4000)] = 30
    """Days for which events are kept at least. They stay until every subscription and consumer
    group has read them, and never go before messages do."""
    relay_log_type_days: Commas = ()
    """Other times for some event types, the first that fits: `webhook.*=30,company.*=365`."""
    relay_log_hard_days: Annotated[int, Field(ge=1, le=4000)] = 90
    """Days after which events go even if a reader has not read them. `log.limit_neared` warns
    before, `log.trimmed` reports it."""

    # -- Subscribers
    relay_private_networks: Commas = ()
    """Networks besides the public internet to which events may be posted, such as `10.1.0.0/16`."""
    relay_subscriber_days: Annotated[int, Field(ge=1, le=90)] = 5
    """Days of failure after which a subscription is paused."""
    relay_redact_fields: Commas = ()
    """Field names left out of `/v1/messages` and `/v1/dead-letters`. They are still stored, as a
    replay needs them."""

    # -- Logging and sandbox
    relay_log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    sandbox_port: Annotated[int | None, Field(ge=0, le=65535)] = None
    """The sandbox's port.

    Unset: `PORT` + 1."""
    sandbox_api_key: SecretStr = SecretStr("sandbox")
    """The API key that the sandbox accepts.

    Unset: `sandbox`."""

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, env_file: str | Path | None = ".env"
    ) -> Self:
        """Read the process's environment over `.env`; `NAME_FILE` gives a secret from a file.

        Raises BadSettings, which names every fault in one message.
        """
        values, faults = gather(_kinds(), os.environ if environ is None else environ, env_file)
        given = {name: values[name.upper()] for name in cls.model_fields if name.upper() in values}
        faulty = {fault.partition(":")[0].removesuffix(FILE) for fault in faults}
        faults += _disagreements(values, faulty)
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise BadSettings(faults + [_sentence(e) for e in error.errors()]) from None
        if faults:
            raise BadSettings(faults)
        return settings

    @classmethod
    def unread(cls, environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
        """Return names in the environment that look like settings and are none.

        Each with the setting that may have been meant. They are no fault: other programs may set
        names that begin like ours.
        """
        return unread(_kinds(), os.environ if environ is None else environ)

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
        if "@" in parts.netloc:  # it is shown to customers, and asked with a key of its own
            raise ValueError("must be an address without a user and password")
        if parts.port == 0:
            raise ValueError("must be an address whose port is not 0")
        if re.search(r"[\s?#]", value):
            raise ValueError("must be an address without spaces, ? and #")
        return value.rstrip("/")

    @field_validator("codat_api_key", "sandbox_api_key")
    @classmethod
    def _bare_key(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else "key"
        if re.match(r"(basic|bearer|authorization)[\s:]", text, re.IGNORECASE):
            raise ValueError("must be the bare key, without the word before it")
        if not re.fullmatch(r"[ -~]+", text):
            raise ValueError("must be visible ASCII characters")
        return value

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
        try:
            return str(ip_address(bare))
        except ValueError:
            if not re.fullmatch(r"(?!-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", value):
                raise ValueError(
                    "must be an address such as 127.0.0.1 or :: (0.0.0.0 is all of them), or a"
                    " host's name, without a port"
                ) from None
        return value

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

    @field_validator("relay_private_networks", "relay_trusted_proxies")
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
        """Report whether the sandbox replaces Codat: no key is set, nor another address."""
        return self.codat_api_key is None and self.codat_api_url is None

    @property
    def api_key(self) -> str:
        """The bare key for Codat, or the sandbox's."""
        return (self.codat_api_key or self.sandbox_api_key).get_secret_value()

    @property
    def key_mark(self) -> str:
        """Stands for the key and whose it is: what was learnt by one says nothing of another."""
        return sha256(f"{self.api_url}\n{self.api_key}".encode()).hexdigest()[:32]

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
    def threads(self) -> int:
        """How many threads one web process may have that talk to the store."""
        return 2 * self.web_threads + self.relay_streams + self.relay_link_streams

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


def _kinds() -> dict[str, Kind]:
    """Return how the text of each setting is read, by its name in the environment."""
    return {name.upper(): _kind(str(f.annotation)) for name, f in Settings.model_fields.items()}


def _kind(annotation: str) -> Kind:
    if annotation.startswith("tuple"):
        return Kind.LIST
    if "SecretStr" in annotation:
        return Kind.SECRET
    return Kind.PATH if "Path" in annotation else Kind.PLAIN


def _disagreements(values: Mapping[str, str], faulty: Collection[str]) -> list[str]:
    """Return what is missing beside what is given; what is given with a fault is not missing."""
    proofs = ("CODAT_WEBHOOK_SECRETS", "CODAT_LEGACY_AUTHORIZATION")
    given = any(entries(values.get(name, "")) or name in faulty for name in proofs)
    if "CODAT_API_KEY" in values and not given:
        return [
            "CODAT_WEBHOOK_SECRETS: is needed with CODAT_API_KEY, or no webhook could be proved"
            " genuine; the Codat Portal shows it per endpoint (whsec_...)"
        ]
    if "RELAY_TOKENS" in values and not entries(values["RELAY_TOKENS"]):
        return ["RELAY_TOKENS: names no token"]
    return []


def _sentence(error: Any) -> str:
    """Turn one of pydantic's errors into `NAME: what is wrong`, never showing the value."""
    name = str(error["loc"][0]).upper() if error["loc"] else "settings"
    if error["type"] == "string_pattern_mismatch":
        return f"{name}: {SHAPES[error['ctx']['pattern']]}"
    message = str(error["msg"]).removeprefix("Value error, ") + hint_of(error)
    return f"{name}: {message[:1].lower()}{message[1:]}"
