"""Names of intents: the kind, then what it is about, such as `sync:<company>:<data type>:<period>`.

They are built and read here; of the Lua scripts, those of waiting syncs spell them too.
"""


def intent_name(kind: str, *about: str) -> str:
    """Return the name of an intent; with `*` in a place it is a pattern for many."""
    return ":".join((kind, *about))


def kind_of(name: str) -> str:
    """Return the kind of an intent, such as `reread`."""
    return name.partition(":")[0]


def about(name: str) -> str:
    """Return what an intent is about: its name without the kind."""
    return name.partition(":")[2]


def sync_parts(name: str) -> tuple[str, str, str]:
    """Return company, data type and period of a `sync` intent."""
    _, company_id, data_type, period = name.split(":", 3)
    return company_id, data_type, period


ALL_PLATFORMS = intent_name("platforms", "all")
