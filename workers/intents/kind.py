"""What others must know of a kind of intent; each file of `kinds/` says it itself."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from relay.store.intents.queue import Intent
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction


def no_action(intent: Intent, result: AttemptResult) -> NewAction | None:
    """Return None: most kinds log nothing special about a result."""
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of intent. `run` makes an attempt; the rest is optional in the kind's file.

    `is_local`: it hardly ever calls Codat, so it waits for no limit of calls. `in_background`:
    nobody waits for it, so it spends no calls that are reserved for links. `action_for` returns
    what the log must say of a result for which `run` gave no action.
    """

    run: Callable[[Context, Intent], AttemptResult]
    is_local: bool = False
    in_background: bool = False
    action_for: Callable[[Intent, AttemptResult], NewAction | None] = no_action


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind of intent by its name, which is that of its file."""
    package = importlib.import_module("workers.intents.kinds")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        kind = importlib.import_module(f"workers.intents.kinds.{module.name}")
        found[module.name] = Kind(
            run=kind.run,
            is_local=getattr(kind, "IS_LOCAL", False),
            in_background=getattr(kind, "IN_BACKGROUND", False),
            action_for=getattr(kind, "action_for", no_action),
        )
    return found
