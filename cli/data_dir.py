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
class DataDir:
    """The data directory: the files that `up` makes and other commands read."""

    path: Path

    @property
    def token_file(self) -> Path:
        """The file of the operator token that was made at first start."""
        return self.file_of(OPERATOR)

    def file_of(self, name: str) -> Path:
        """Return where the token of this name lies, if it was made here."""
        return self.path / f"{name}-token"

    def token(self, name: str = OPERATOR) -> str | None:
        """Return the token of this name, if it was made here; raises CannotStart."""
        return _read(self.file_of(name))

    def webhook_secret(self) -> str | None:
        """Return the sandbox's signing secret, if one was made here."""
        return _read(self.path / SECRET_FILE)

    def make_webhook_secret(self) -> str:
        """Return the sandbox's signing secret, making it the first time."""
        if kept := self.webhook_secret():
            return kept
        secret = new_secret()
        embedded.write_private(self.path / SECRET_FILE, secret)
        return secret


def local_settings() -> Settings:
    """Read the settings, and fill from the data directory what a running `up` has made.

    Raises BadSettings.
    """
    settings = Settings.from_env()
    data_dir = DataDir(settings.relay_data_dir)
    made: dict[str, object] = {}
    if settings.redis_url is None:
        made["redis_url"] = embedded.address_of(settings.relay_data_dir)
    if settings.uses_sandbox and not settings.codat_webhook_secrets:
        secret = data_dir.webhook_secret()
        made["codat_webhook_secrets"] = (SecretStr(secret),) if secret else ()
    return settings.model_copy(update=made)


def begin_process() -> Settings:
    """Return `local_settings`, after setting up the log and warning of names that are not read."""
    settings = local_settings()
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
    """Raise CannotStart when no webhook could be proved to be Codat's."""
    if not settings.codat_webhook_secrets and not settings.codat_legacy_authorization:
        raise CannotStart(UNPROVABLE)


def check_brand(settings: Settings) -> list[str]:
    """Return what is missing on the customers' pages, though they work.

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
