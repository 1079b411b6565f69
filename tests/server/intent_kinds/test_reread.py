"""A company is read from Codat with its connections, and without what must not be kept."""

import json

import pytest

from codat.errors import CodatBroken
from relay.store.intents.queue import Intent, Priority
from relay.times import now_micros
from support.parts import company_id, connection_id, make_connection
from workers.intents.kinds import reread
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
INTENT = Intent(f"reread:{COMPANY}", 1, COMPANY, 1, 0, {}, "msg_1", Priority.LINK)


def test_a_company_is_recorded_as_codat_shows_it(bench):
    connection = make_connection(1, "Unlinked")
    connection["linkUrl"] += "?otp=canary"
    bench.codat.companies[COMPANY] = {
        "id": COMPANY,
        "name": "Bakery",
        "redirect": "https://link.codat.io/company/1?otp=canary",
        "createdByUserName": "Eve",
        "dataConnections": [connection, "odd"],
    }
    before = now_micros()
    ended = reread.run(bench.context, INTENT)
    assert (ended.kind, ended.action.type) == (ResultKind.DONE, "relay.company_read")
    shown = ended.action.payload["company"]
    assert (shown["id"], shown["name"]) == (COMPANY, "Bakery")
    assert shown["dataConnections"][0]["id"] == connection_id(1)
    assert "canary" not in json.dumps(shown)
    assert set(shown) == {"id", "name", "created", "lastSync", "tags", "dataConnections"}
    assert before <= ended.at <= now_micros()


def test_an_answer_without_connections_is_recorded_as_one(bench):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": "Bakery"}
    ended = reread.run(bench.context, INTENT)
    assert ended.action.payload["company"]["dataConnections"] is None


def test_a_company_that_codat_does_not_know_is_gone(bench):
    ended = reread.run(bench.context, INTENT)
    assert (ended.kind, ended.action.type) == (ResultKind.GONE, "relay.company_gone")


def test_any_other_trouble_is_judged_elsewhere(bench):
    bench.codat.failing = lambda operation, company: CodatBroken("503", status=503)
    with pytest.raises(CodatBroken):
        reread.run(bench.context, INTENT)
