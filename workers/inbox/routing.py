"""Which handler takes which event: each module of `workers/inbox/handlers/` says so itself."""

import fnmatch
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from relay.companies.company import Company
from workers.inbox.outcome import Outcome

# Events are codat.webhook.Event or relay.inbox.message.Action; a handler names the one it takes.
Handler = Callable[[Company, Any], Outcome]


class Router:
    """Collects handlers by event type; a type may hold `*`."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}

    def on(self, *types: str) -> Callable[[Handler], Handler]:
        """Route events of these types to the decorated function."""

        def register(handler: Handler) -> Handler:
            for event_type in types:
                if event_type in self.handlers:
                    raise ValueError(f"{event_type} has two handlers")
                self.handlers[event_type] = handler
            return handler

        return register


@cache
def table() -> dict[str, Handler]:
    """Return all handlers of `workers/inbox/handlers/` by type."""
    package = importlib.import_module("workers.inbox.handlers")
    joined = Router()
    for module in pkgutil.iter_modules(package.__path__):
        router: Router = importlib.import_module(f"workers.inbox.handlers.{module.name}").router
        for event_type, handler in router.handlers.items():
            joined.on(event_type)(handler)
    return joined.handlers


@lru_cache(maxsize=1024)  # senders choose the types, so there may be any number
def handler_for(event_type: str) -> Handler | None:
    """Return the handler of a type: the exact one, else the one whose pattern fits, else None."""
    handlers = table()
    if event_type in handlers:
        return handlers[event_type]
    return next(
        (
            handler
            for pattern, handler in handlers.items()
            if "*" in pattern and fnmatch.fnmatchcase(event_type, pattern)
        ),
        None,
    )
