"""What a customer turned away from is deleted, unless something was linked by it after all."""

import pytest

from relay.companies.company import Company
from relay.store.intents.queue import Intent, Priority
from support.folding import action, apply, company_after, webhook
from support.parts import company_id, connection_id, make_event
from workers.intents.kinds import drop
from workers.intents.retry_policy import ResultKind

COMPANY, CONNECTION = company_id(1), connection_id(1)
INTENT = Intent(
    f"drop:{COMPANY}:{CONNECTION}",
    1,
    COMPANY,
    1,
    0,
    {"connection_id": CONNECTION},
    "journey:j-1",
    Priority.NOW,
)


@pytest.mark.parametrize(
    ("status", "deleted"),
    [("PendingAuth", [CONNECTION]), ("Linked", []), ("Unlinked", []), ("Deauthorized", [])],
)
def test_only_what_still_waits_is_deleted(bench, status, deleted):
    bench.codat.connections[CONNECTION] = status
    assert drop.run(bench.context, INTENT).kind is ResultKind.DONE
    assert bench.codat.deleted == deleted


def test_what_is_gone_already_is_done(bench):
    assert drop.run(bench.context, INTENT).kind is ResultKind.DONE


def test_what_was_ever_linked_is_not_even_asked_about(bench, monkeypatch):
    linked = webhook(make_event("connection.connected", connection=(1, "Linked"), at=2))
    held = apply(company_after(action("relay.company_created", name="x", placeholder=True)), linked)
    assert isinstance(held.company, Company)
    monkeypatch.setattr(bench.context.store.companies, "get", lambda company: held.company)
    drop.run(bench.context, INTENT)
    assert bench.codat.asked == []
