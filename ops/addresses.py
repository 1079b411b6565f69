"""Where things are found from this machine."""

from relay.settings import Settings

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (looked for, not listened on)


def local(settings: Settings) -> str:
    """Give the web process's address as seen from here, without a slash at the end."""
    host = ANYWHERE.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{settings.port}"
