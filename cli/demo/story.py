"""The story of the demo's companies, read from the event log alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LEFT_OUT = {"data.changed", "sync.skipped"}


@dataclass
class Character:
    """One company of the demo, as the events show it so far."""

    id: str
    dummy_name: str
    status: str = "Blank"
    real_name: str | None = None
    synced: int = 0  # data types
    requested: set[str] = field(default_factory=set)  # periods of its schedule
    completed: set[str] = field(default_factory=set)
    last_event: str = "created"

    def sees(self, event: dict[str, Any]) -> None:
        """Take in one of its events."""
        data = event["data"]
        self.last_event = event["type"]
        match event["type"]:
            case "company.status_changed":
                self.status = data["current"]
            case "company.renamed":
                self.real_name = data["current"]
            case "sync.requested":
                self.requested.add(data["period"])
            case "sync.completed":
                self.synced += 1
                self.completed.add(data.get("period", ""))

    def has_arrived(self) -> bool:
        """Whether it is linked, has its real name and its first data."""
        return self.status == "Linked" and self.real_name is not None and self.synced > 0

    def has_synced_on_schedule(self) -> bool:
        """Whether a sync that its schedule requested is completed."""
        return bool(self.requested & self.completed)


def line(event: dict[str, Any], names: dict[str, str]) -> str:
    """Return one event as a line; `names` are the dummy names by company id."""
    data = event["data"]
    subject = event.get("subject", "-")
    who = names.get(subject, subject)
    match event["type"]:
        case "company.status_changed":
            what = f"{data['previous']} -> {data['current']}"
        case "connection.status_changed":
            platform = data.get("platform_name") or data.get("platform_key")
            what = f"{platform}: {data['previous'] or 'new'} -> {data['current']}"
        case "company.renamed":
            what = f"{data['previous']!r} -> {data['current']!r}"
        case "sync.completed" | "sync.failed" | "sync.requested":
            what = str(data.get("data_type", ""))
        case _:
            what = ""
    return (
        f"{event['id']:>6}  {event['time'][11:19]}  {who:<24} {event['type']:<28} {what}".rstrip()
    )


def lines(events: Iterable[dict[str, Any]], names: dict[str, str]) -> list[str]:
    """Return these companies' events in order; data types synced one after another share a line."""
    story: list[str] = []
    run: list[dict[str, Any]] = []
    for event in [*events, None]:
        if event is not None and (event.get("subject") not in names or event["type"] in LEFT_OUT):
            continue
        if run and not (event and _belongs(event, run[-1])):
            others = len({one["data"].get("data_type") for one in run}) - 1
            more = f" and {others} more data types" if others else ""
            story.append(line(run[0], names) + more + _period(run[0]))
            run = []
        if event is not None and event["type"] == "sync.completed":
            run.append(event)
        elif event is not None:
            story.append(line(event, names) + _period(event))
    return story


def _period(event: dict[str, Any]) -> str:
    period = event["data"].get("period")
    return f", period {period}" if period else ""


def _belongs(event: dict[str, Any], before: dict[str, Any]) -> bool:
    return (event["type"], event.get("subject")) == (before["type"], before.get("subject"))


def gaps(events: Iterable[dict[str, Any]], after: int) -> list[int]:
    """Return the numbers missing from the log between `after` and its end."""
    numbers = {int(event["id"]) for event in events}
    return [n for n in range(after + 1, max(numbers, default=after) + 1) if n not in numbers]
