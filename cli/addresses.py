"""Where things are found from this machine."""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import click
import requests

from relay.settings import Settings
from relay.texts import trimmed

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (looked for, not listened on)


class HttpAddress(click.ParamType[str]):
    """An address that can be asked: another is refused, as none that does not answer."""

    name = "text"

    def __init__(self, *, bare: bool) -> None:
        """Take one without a query where paths are put behind it (`bare`)."""
        self._bare = bare

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address as it is, without spaces around it."""
        text = trimmed(str(value))
        try:
            parts = urlsplit(text)
            fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits or re.search(r"[\s?#]" if self._bare else r"\s", text):
            self.fail("must be an http:// or https:// address.", param, ctx)
        return text


SERVICE = HttpAddress(bare=True)
ANY = HttpAddress(bare=False)


def local(settings: Settings) -> str:
    """Return the web process's address as seen from here, without a slash at the end."""
    host = ANYWHERE.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{settings.port}"


def session_for(url: str) -> requests.Session:
    """Return an HTTP session for `url`; no proxy of the environment stands before this machine."""
    session = requests.Session()
    session.trust_env = not is_here(url)
    return session


def is_here(url: str) -> bool:
    """Whether an address names this machine's loopback interface."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
