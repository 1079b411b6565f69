"""What is told of pauses: what is held back, by whom and why, and that it is not any more."""

from relay.catalogue.entry import Entry, Told


class PauseTold(Told):
    """One pause."""

    pause: str
    """Its id."""
    scope: str
    """`everything`, `platform`, `tag`, `company` or `data_type`."""
    value: str
    """Which of them; empty for everything."""
    owner: str
    reason: str
    ends: int | None = None
    """In epoch seconds; null without an end."""


EXAMPLE = {
    "pause": "p-1",
    "scope": "platform",
    "value": "Xero",
    "owner": "operator",
    "reason": "migration",
    "ends": 1767690000,
}

ENTRIES = (
    Entry("pause.set", "A pause was set that begins with its next window.", PauseTold, EXAMPLE),
    Entry("pause.started", "Syncs are held back from now on.", PauseTold, EXAMPLE),
    Entry("pause.ended", "A pause is off: what it held back falls due again.", PauseTold, EXAMPLE),
)
