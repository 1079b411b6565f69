"""Events of Codat's solutions are told on as they are, without the company's own record."""

import pytest

from support.folding import apply, logged, payload, webhook
from support.paths import PAYLOADS
from workers.inbox.handlers.solutions import MAX_ENTRIES

BEGINNINGS = ("bankFeeds.", "expenses.", "report", "legacy-Account", "legacy-Sync")
SAMPLES = sorted(p.stem for p in PAYLOADS.glob("*.json") if p.stem.startswith(BEGINNINGS))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_solutions_event_is_logged(name):
    sample = payload(name)
    folded = apply(None, webhook(sample))
    kind, data = logged(folded)[-1]
    assert kind == "solution.reported"
    assert data["reported"] == name.removeprefix("legacy-")
    assert "referenceCompany" not in data["details"]
    told = {
        key for key in sample.get("payload", sample.get("Data", {})) if key != "referenceCompany"
    }
    assert {key.lower() for key in data["details"]} == {key.lower() for key in told}


def test_a_long_list_is_logged_in_part():
    sample = payload("expenses.sync.successful")
    sample["payload"]["transactions"] = [{"id": str(n)} for n in range(MAX_ENTRIES * 3)]
    details = logged(apply(None, webhook(sample)))[-1][1]["details"]
    assert details["transactions"] == sample["payload"]["transactions"][:MAX_ENTRIES]
