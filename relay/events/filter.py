"""Which events a reader wants: of which companies, of which types (a closing * takes more)."""

from collections.abc import Callable, Collection
from typing import Protocol


class Typed(Protocol):
    """What a selection looks at."""

    @property
    def type(self) -> str:
        """The event's type."""

    @property
    def subject(self) -> str:
        """The company it is about, or ''."""


def selection(companies: Collection[str], types: Collection[str]) -> Callable[[Typed], bool] | None:
    """Return the filter, None to take all; no companies or no types means any."""
    if not companies and not types:
        return None
    exact = {name for name in types if not name.endswith("*")}
    beginnings = tuple(name[:-1] for name in types if name.endswith("*"))
    subjects = {company.lower() for company in companies}

    def fits(event: Typed) -> bool:
        if subjects and event.subject not in subjects:
            return False
        return not types or event.type in exact or event.type.startswith(beginnings)

    return fits
