"""A storm of webhooks by seed, and a plain model of what it must come to."""

import json
import random
from dataclasses import dataclass
from typing import Any

from support.log import read_log
from support.parts import company_id, connection_id, make_event

STATUS_OF = {
    "connection.created": "PendingAuth",
    "connection.connected": "Linked",
    "connection.reconnected": "Linked",
    "connection.deleted": "deleted",
}
ORDER = ["Linked", "Deauthorized", "Unlinked", "PendingAuth"]
WORDS = {"Deauthorized": "Deauthorised"}


@dataclass(frozen=True)
class Storm:
    """Deliveries in sending order, each as message id and body; and the distinct events in them."""

    deliveries: list[tuple[str, bytes]]
    events: list[dict[str, Any]]


def make_storm(seed: int, events: int, companies: int, duplicated: float = 1 / 3) -> Storm:
    """Make `events` different events, some sent again, all shuffled."""
    rng = random.Random(seed)
    made = [_event(rng, number, companies) for number in range(events)]
    deliveries = [(f"msg_{e['id']}", json.dumps(e).encode()) for e in made]
    deliveries += rng.sample(deliveries, int(events * duplicated))
    rng.shuffle(deliveries)
    return Storm(deliveries, made)


def _event(rng: random.Random, number: int, companies: int) -> dict[str, Any]:
    company = rng.randrange(companies)
    kind = rng.choice([*STATUS_OF, "connection.disconnected", "read.completed"])
    # Few distinct times, so that ties are broken by the event's id now and then.
    at = rng.randrange(events_per_second := 400) / events_per_second * 1000
    more: dict[str, Any] = {"name": f"Name {rng.randrange(4)}"}
    if kind == "read.completed":
        read = {
            "connectionId": connection_id(company * 10),
            "dataType": rng.choice(["invoices", "company"]),
            "recordsModified": False,
            "status": rng.choice(["Complete", "FetchError"]),
        }
        more["dataTypes"] = [read]
    else:
        status = STATUS_OF.get(kind) or rng.choice(["Unlinked", "Deauthorized"])
        shown = "Linked" if status == "deleted" else status  # as Codat writes it
        more["connection"] = (company * 10 + rng.randrange(2), shown)
    return make_event(kind, company=company, at=at, id=f"evt-{number:08d}", **more)


def model(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Fold the events in the order Codat made them: what every company must end as."""
    companies: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda e: (e["generatedDate"], e["id"])):
        payload = event["payload"]
        named = payload["referenceCompany"]
        company = companies.setdefault(named["id"], {"name": "", "connections": {}, "reads": {}})
        company["name"] = named["name"]
        if "connection" in payload:
            connection = payload["connection"]
            status = (
                "deleted" if event["eventType"] == "connection.deleted" else connection["status"]
            )
            company["connections"][connection["id"]] = status
        for read in payload.get("dataTypes", []):
            company["reads"][f"{read['connectionId']}|{read['dataType']}"] = read["status"]
    for company in companies.values():
        present = set(company["connections"].values())
        first = next((word for word in ORDER if word in present), "Blank")
        company["status"] = WORDS.get(first, first)
    return companies


def held(store: Any) -> dict[str, dict[str, Any]]:
    """What the store holds, in the model's form."""
    return {
        company.id: {
            "name": company.name,
            "connections": {key: c.status for key, c in company.connections.items()},
            "reads": {key: state.status for key, state in company.data_types.items()},
            "status": str(company.status),
        }
        for company in store.companies.all()
    }


def check_store(store: Any, storm: Storm) -> None:
    """Assert that the store ended as the model, and that the log has no gap and tells the end."""
    assert held(store) == model(storm.events)
    log = read_log(store, 0, 10_000_000)
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert len(log) == store.events.last()
    told: dict[str, str] = {}
    for event in log:
        if event.type == "company.status_changed":
            assert told.get(event.subject, "Blank") == event.data["previous"]
            told[event.subject] = event.data["current"]
    for company in store.companies.all():
        assert told.get(company.id, "Blank") == str(company.status)
    # Each accepted message is told as handled or as stale, and nothing was handled twice.
    assert store.inbox.depths()["accepted"] == len(storm.events)
    assert store.inbox.depths()["dead_letters"] == 0
    created = [event.subject for event in log if event.type == "company.created"]
    assert len(created) == len(set(created)) == store.companies.count()
    assert company_id(0) in created
