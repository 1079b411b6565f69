"""Where things are found from this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import requests

from relay.settings import Settings

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (looked for, not listened on)


def local(settings: Settings) -> str:
    """Give the web process's address as seen from here, without a slash at the end."""
    host = ANYWHERE.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{settings.port}"


def session_for(url: str) -> requests.Session:
    """Give an HTTP session for `url`; no proxy of the environment stands before this machine."""
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
