"""The stories the sandbox can play, read from the files beside this one.

A scenario does its steps one after another to each of its companies, and states how a relay that
receives them must end. What a step can `do` stands in `play` and in `sandbox.world.acts`.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

ENDING = ".toml"


@dataclass(frozen=True, slots=True)
class End:
    """What a relay holds in the end: each company's status, and the events in its log.

    `status` is the relay's word, or `as at Codat` where the companies end apart. Each
    company has its `events` at least once, and `never` the others; `told` are about no company.
    """

    status: str
    events: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story; `companies` is how many live it."""

    name: str
    title: str
    about: str
    companies: int
    steps: tuple[dict[str, Any], ...]
    end: End

    def shown(self) -> dict[str, Any]:
        """Show what it is about."""
        return {"name": self.name, "title": self.title, "about": self.about}


def names() -> list[str]:
    """List the scenarios there are."""
    found = (item.name for item in files(__name__).iterdir())
    return sorted(name.removesuffix(ENDING) for name in found if name.endswith(ENDING))


def load(name: str) -> Scenario:
    """Read a scenario; raises KeyError for one that is not there."""
    if name not in names():
        raise KeyError(f"No scenario is called {name}; there are {', '.join(names())}")
    text = (files(__name__) / f"{name}{ENDING}").read_text(encoding="utf-8")
    return read(name, text)


def read(name: str, text: str) -> Scenario:
    """Read a scenario from its text; raises ValueError, KeyError or TypeError when unfit."""
    data = tomllib.loads(text)
    end = dict(data["end"])
    return Scenario(
        name=name,
        title=data["title"],
        about=" ".join(data["about"].split()),
        companies=int(data.get("companies", 1)),
        steps=tuple(data["step"]),
        end=End(
            status=str(end.pop("status")), **{name: tuple(kinds) for name, kinds in end.items()}
        ),
    )
