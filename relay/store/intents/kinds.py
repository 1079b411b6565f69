"""Which kinds of intent there are: the files of `workers/intents/kinds/`, found by looking.

Workers are above this package, so their folder is found by its name. Nothing of it is imported
but the folder itself: only the files' names are wanted here.
"""

import importlib
import pkgutil
from functools import cache


@cache
def kinds() -> tuple[str, ...]:
    """Return the names of all kinds: the word before the first colon of an intent's name."""
    package = importlib.import_module("workers.intents.kinds")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))
