"""Write the pages of docs/ that are made from the code: settings, commands, API and events."""

import sys
from pathlib import Path

import redis

from docs.generated import api, commands, events, settings
from docs.generated.markdown import text
from portal.app import create_app
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.server.checks import Server

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file's name."""
    never_asked = redis.Redis()
    store = Store(never_asked, Server("none", False, 0))
    client = create_app(Settings(), store, Hints(never_asked)).test_client()
    openapi, asyncapi = (
        client.get(path).get_json() for path in ("/openapi.json", "/asyncapi.json")
    )
    return {
        "settings.md": text(settings.page()),
        "commands.md": text(commands.page()),
        "api.md": text(api.page(openapi)),
        "events.md": text(events.page(asyncapi["components"]["messages"])),
    }


def write() -> None:
    """Write every generated page that changed."""
    for name, page in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")
            sys.stdout.write(f"docs/{name} was written\n")


if __name__ == "__main__":
    write()
