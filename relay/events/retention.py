"""How long events are kept: by their type, behind their readers, and at most."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

TYPE = re.compile(r"[A-Za-z0-9_.-]+\*?|\*")
MAX_DAYS = 4000  # days


@dataclass(frozen=True, slots=True)
class Rule:
    """Events of a type, or of all that begin so (a closing *), are kept for so many days."""

    type: str
    days: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept for how long; the first rule that fits decides, else `days`.

    An event goes after its days once every reader is past it, and after `hard_days` in any case.
    """

    days: int
    hard_days: int
    rules: tuple[Rule, ...] = ()

    @property
    def longest(self) -> int:
        """The days after which no event is kept."""
        return max(self.days, *(rule.days for rule in self.rules), 0)

    @property
    def shorter(self) -> list[int]:
        """The days after which some events go while others stay."""
        return sorted({self.days, *(rule.days for rule in self.rules)} - {self.longest})

    def choice(self, days: int) -> list[tuple[str, bool]]:
        """Return types, as rules have them, and whether they go after `days`; the first decides."""
        chosen = [(rule.type, rule.days == days) for rule in self.rules]
        return [*chosen, ("*", self.days == days)]

    def at_least(self, days: int) -> "Retention":
        """Keep everything for so many days."""
        return Retention(
            max(days, self.days),
            max(days, self.hard_days),
            tuple(Rule(rule.type, max(days, rule.days)) for rule in self.rules),
        )


def read_rules(texts: Iterable[str]) -> tuple[Rule, ...]:
    """Read rules written as `type=days`; ValueError says what is wrong."""
    rules = []
    for text in texts:
        name, _, days = text.partition("=")
        if not TYPE.fullmatch(name) or not days.isdecimal() or not 1 <= int(days) <= MAX_DAYS:
            raise ValueError(f"{text} does not read type=days, such as webhook.*=7")
        rules.append(Rule(name, int(days)))
    return tuple(rules)
