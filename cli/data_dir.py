"""The settings of this machine: the environment's, and what `up` has made where they are unset."""

from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import SecretStr

from cli.faults import CannotStart
from cli.runner import embedded
from codat.signature import new_secret
from portal.link import words as journeys_words
from relay.environment import not_a_setting
from relay.files import BadFile, read_text
from relay.logging import set_up
from relay.settings import Settings
from relay.texts import trimmed

SECRET_FILE = "webhook-secret"  # noqa: S105 (a file's name)
OPERATOR = "operator"
UNPROVABLE = (
    "No webhook could be proved genuine: set CODAT_WEBHOOK_SECRETS (or start everything with"
    " `codat-relay up`, which makes one for the sandbox)."
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Here:
    """The files in the data directory through which `up` and other commands meet."""

    data_dir: Path

    @property
    def token_file(self) -> Path:
        """Where the operator token lies that was made at first start."""
        return self.file_of(OPERATOR)

    def file_of(self, name: str) -> Path:
        """Return where the token of this name lies, if it was made here."""
        return self.data_dir / f"{name}-token"

    def token(self, name: str = OPERATOR) -> str | None:
        """Return the token of this name, if it was made here; raises CannotStart."""
        return _read(self.file_of(name))

    def webhook_secret(self) -> str | None:
        """Give the sandbox's signing secret, if one was made here."""
        return _read(self.data_dir / SECRET_FILE)

    def make_webhook_secret(self) -> str:
        """Give the sandbox's signing secret, making it the first time."""
        if kept := self.webhook_secret():
            return kept
        secret = new_secret()
        embedded.write_private(self.data_dir / SECRET_FILE, secret)
        return secret


def settings_here() -> Settings:
    """Read the settings, and fill from the data directory what a running `up` has made.

    Raises BadSettings.
    """
    settings = Settings.from_env()
    here = Here(settings.relay_data_dir)
    made: dict[str, object] = {}
    if settings.redis_url is None:
        made["redis_url"] = embedded.address_of(settings.relay_data_dir)
    if settings.uses_sandbox and not settings.codat_webhook_secrets:
        secret = here.webhook_secret()
        made["codat_webhook_secrets"] = (SecretStr(secret),) if secret else ()
    return settings.model_copy(update=made)


def begin_process() -> Settings:
    """Read the settings as `settings_here` does, set up the log, and warn of names nobody reads."""
    settings = settings_here()
    set_up(settings.relay_log_level)
    for name, why in unread_names().items():
        log.warning("settings.not_read", name=name, why=why)
    return settings


def unread_names() -> dict[str, str]:
    """Return names in the environment that look like settings and are none, each with a sentence.

    Platforms may set names that begin like ours, so they are not refused.
    """
    return {name: not_a_setting(name, meant) for name, meant in Settings.unread().items()}


def refuse_unprovable(settings: Settings) -> None:
    """Raise CannotStart when there is nothing by which to tell Codat's webhooks from others."""
    if not settings.codat_webhook_secrets and not settings.codat_legacy_authorization:
        raise CannotStart(UNPROVABLE)


def check_brand(settings: Settings) -> list[str]:
    """Give what customers would stumble over on their pages, though they work.

    Raises CannotStart when the firm's brand file cannot be used, with every fault it has.
    """
    path = settings.relay_brand_file
    try:
        brand, words = journeys_words.load(path)
    except journeys_words.BadBrand as error:
        raise CannotStart(str(error)) from error
    return journeys_words.lacks(path, brand, words, is_real=not settings.uses_sandbox)


def _read(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return trimmed(read_text(path, may_be_empty=True)) or None
    except BadFile as error:
        raise CannotStart(f"{error}.") from None
