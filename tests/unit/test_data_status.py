"""Reads that Codat tells of when it is asked, and that no webhook told of, are taken in once."""

import json
from dataclasses import replace

import pytest

from codat.records import Company as CodatCompany
from codat.records import DataStatus, PullOperation
from relay.companies.company import Company, Connection, DataTypeState
from relay.journeys.stage import progress
from relay.syncs.data_status import Read, is_known, may_miss_reads, missing_reads, needs_history
from relay.syncs.schedule import ALL
from relay.syncs.tracking import FIRST, open_syncs
from relay.times import iso_from_micros
from support.folding import action, apply
from support.journeys import CONSENT, T0, sent
from support.parts import company_id, connection_id, make_connection
from support.published import load, needs_published

COMPANY = company_id(1)
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AT = 1_767_603_600_000_000
NOW = AT + 2 * HOUR


def status(word, success=None, latest="a", good="a"):
    given = {"dataType": "invoices", "currentStatus": word, "latestSyncId": latest * 8}
    if success is not None:
        given |= {
            "lastSuccessfulSync": iso_from_micros(success),
            "latestSuccessfulSyncId": good * 8,
        }
    return {"invoices": DataStatus.from_json(given)}


def linked(*numbers, **data_types):
    connections = {f"c{n}": Connection(f"c{n}", "Linked", (AT - HOUR, "e")) for n in numbers}
    states = {key.replace("_", "|"): state for key, state in data_types.items()}
    return Company(COMPANY, name="Acme", connections=connections, data_types=states)


def held(word, at, success=None):
    return DataTypeState(word, (at, "e"), success)


def facts(reads):
    return [(one.connection_id, one.status, one.at) for one in reads]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (status("Complete", AT), [("c1", "Complete", AT)]),
        (status("success", AT), [("c1", "success", AT)]),  # as the older API says it
        (
            status("FetchError", AT, latest="b"),
            [("c1", "Complete", AT), ("c1", "FetchError", AT + 1)],
        ),
        (status("FetchError"), [("c1", "FetchError", 1)]),
        (status("NotSupported"), [("c1", "NotSupported", AT - HOUR + 1)]),  # since it was linked
        (status("Fetching", AT), [("c1", "Complete", AT)]),
        (status("Queued"), []),
        (status(None), []),  # never read
        (status("Complete", AT + 2 * HOUR), [("c1", "Complete", 1)]),  # a date ahead is none
        (status("Complete"), [("c1", "Complete", 1)]),
        (status("Fetching", AT + 2 * HOUR), []),
    ],
)
def test_what_the_status_says_is_read_as_far_as_it_goes(given, read):
    assert facts(missing_reads(linked(1), given, (), AT)) == read


@needs_published
@pytest.mark.parametrize(
    ("sample", "read"),
    [
        ("sync-was-successful", [("suppliers", "Complete")]),
        ("first-sync-for-the-data-type-failed", [("suppliers", "FetchError")]),
        (
            "last-sync-failed-although-a-previous-sync-was-successful",
            [("suppliers", "Complete"), ("suppliers", "FetchError")],
        ),
        ("data-type-that-has-never-been-synced", []),
    ],
)
def test_codats_own_samples_are_read(sample, read):
    body = load(f"api-current/get-company-data-status.docs.{sample}.json")
    statuses = {name: DataStatus.from_json(one) for name, one in body.items()}
    assert [
        (one.data_type, one.status) for one in missing_reads(linked(1), statuses, (), AT)
    ] == read


@pytest.mark.parametrize(
    "known",
    [
        held("Complete", AT + MINUTE, AT + MINUTE),  # the webhook comes after the read
        held("Complete", AT - 1_000_000, AT - 1_000_000),  # or its clock is a little behind
        held("FetchError", AT + HOUR, AT + MINUTE),  # a later one failed
    ],
)
def test_a_read_that_a_webhook_reported_is_no_news(known):
    assert missing_reads(linked(1, c1_invoices=known), status("Complete", AT), (), AT) == []


def test_a_failure_known_by_webhook_is_no_news_unless_after_a_success():
    failing = status("FetchError", AT - HOUR, latest="b")
    told = linked(1, c1_invoices=held("MapError", AT, AT - HOUR))
    assert missing_reads(told, failing, (), AT) == []
    again = linked(1, c1_invoices=held("Complete", AT, AT))
    assert facts(missing_reads(again, failing, (), AT)) == [("c1", "FetchError", AT + 1)]
    by_id = linked(1, c1_invoices=DataTypeState("FetchError", (AT, "b" * 8), AT))
    assert missing_reads(by_id, failing, (), AT) == []


def pull(connection, word, at):
    return PullOperation(
        f"{connection}-{at}", connection_id=connection, data_type="invoices", status=word,
        completed=iso_from_micros(at),
    )  # fmt: skip


def taken(company, reads):
    """The company once it holds these reads."""
    for read in reads:
        version = (read.at, read.id)
        company = company.with_read(read.key, read.status, version, success=read.is_success)
    return company


@pytest.mark.parametrize(
    ("given", "history", "dated"),
    [
        (status("Complete"), [], (AT - DAY, "Complete")),
        (status("Complete", AT + DAY), [("Complete", AT)], (AT, "Complete")),
        (status("FetchError", AT - DAY, latest="b"), [("FetchError", AT)], (AT, "FetchError")),
        (status("AuthError"), [("AuthError", AT - MINUTE)], (AT - MINUTE, "AuthError")),
        (status("NotSupported"), [], (AT - HOUR, "NotSupported")),
    ],
)
def test_a_read_without_a_date_is_dated_by_the_history(given, history, dated):
    """After a relink what failed, or was not offered, counts anew; what was told is no news."""
    held_before = held(dated[1], AT - DAY)  # of the link before, an hour ago it was linked anew
    company = replace(linked(1, c1_invoices=held_before), first_seen=(AT - 9 * DAY) // 1000)
    assert needs_history(company, given, AT)
    operations = [pull("c1", word, at) for word, at in history]
    after = taken(company, missing_reads(company, given, operations, AT))
    state = after.data_types["c1|invoices"]
    assert state.status == dated[1]
    assert state.version[0] in (dated[0], dated[0] + 1)
    assert missing_reads(after, given, operations, AT) == []


def test_what_has_dates_needs_no_history():
    for given in (status("Complete", AT), status("Queued"), status(None)):
        assert not needs_history(linked(1), given, AT)
    told = linked(1, c1_invoices=held("NotSupported", AT))
    assert not needs_history(told, status("NotSupported"), AT)


def test_a_failure_after_a_failure_and_a_success_is_news():
    """Else the data type would be held as read well, though its last read failed."""
    company = linked(1, c1_invoices=held("FetchError", AT - HOUR))
    found = missing_reads(company, status("FetchError", AT - MINUTE, latest="b"), (), AT)
    assert [one.status for one in found] == ["Complete", "FetchError"]
    assert taken(company, found).data_types["c1|invoices"].status == "FetchError"


def test_reads_of_connections_that_are_gone_are_no_news():
    company = linked(1, 2)
    gone = replace(company.connections["c2"], status="deleted")
    company = replace(company, connections={**company.connections, "c2": gone})
    history = [pull("c2", "Complete", AT), pull("c3", "Complete", AT)]
    assert missing_reads(company, {}, history, AT) == []


def test_of_several_connections_the_history_says_which_was_read():
    company = linked(1, 2)
    assert facts(missing_reads(company, status("Complete", AT), (), AT)) == [("", "Complete", AT)]
    history = [
        pull("c1", "Complete", AT),
        pull("c2", "Fetching", AT),
        pull("c2", "Complete", AT - HOUR),
        pull("c2", "MapError", AT - 2 * HOUR),
    ]
    found = missing_reads(company, status("Complete", AT), history, AT)
    assert facts(found) == [("c1", "Complete", AT), ("c2", "Complete", AT - HOUR)]
    reader = linked(1, 2, c2_invoices=held("FetchError", AT - HOUR))
    assert facts(missing_reads(reader, status("Complete", AT), (), AT)) == [("c2", "Complete", AT)]


def test_codats_record_shows_that_reads_are_missing():
    def shown(last_sync):
        raw = {"id": COMPANY, "name": "Acme", "lastSync": None}
        connections = [make_connection(1, "Linked") | {"lastSync": iso_from_micros(last_sync)}]
        return CodatCompany.from_json({**raw, "dataConnections": connections})

    company = linked(1, c1_invoices=held("Complete", AT, AT))
    assert may_miss_reads(company, shown(AT + HOUR), NOW)
    assert not may_miss_reads(company, shown(AT + MINUTE // 2), NOW)
    assert may_miss_reads(linked(1), shown(AT), NOW)
    begun = linked(1, c1_invoices=held("Fetching", AT - 1))
    assert may_miss_reads(begun, shown(AT), NOW)  # that it began says nothing of how it ended
    assert not may_miss_reads(None, shown(AT), NOW)
    assert not may_miss_reads(replace(company, deleted=True), shown(AT + HOUR), NOW)
    never = CodatCompany.from_json({"id": COMPANY, "lastSync": "soon"})
    assert not may_miss_reads(company, never, NOW)
    for ahead in (DAY, 400 * DAY, 70 * 365 * DAY):  # asked for each night otherwise
        assert not may_miss_reads(company, shown(AT + ahead), NOW)


def test_a_missed_read_is_logged_and_starts_what_its_webhook_would():
    before = replace(linked(1), stale=("invoices",), info_reads=1)
    reads = [
        {"connection_id": "c1", "data_type": name, "status": word, "at": AT, "id": "x"}
        for name, word in (("company", "Complete"), ("bills", "NotSupported"))
    ]
    folded = apply(before, action("relay.data_status_read", reads=reads))
    told = {json.loads(one.data)["data_type"]: one.type for one in folded.events}
    assert told == {"company": "sync.completed", "bills": "sync.skipped"}
    assert {need.name.partition(":")[0] for need in folded.needs} == {"info", "fresh"}
    assert folded.company.info_reads == 2
    again = apply(folded.company, action("relay.data_status_read", reads=reads))
    assert (again.events, again.company) == ([], folded.company)


def test_info_requested_after_the_read_is_not_requested_again():
    before = replace(linked(1), info={"companyName": "Acme"}, info_version=(AT + 1, "i"))
    read = {"connection_id": "c1", "data_type": "company", "status": "Complete", "at": AT}
    folded = apply(before, action("relay.data_status_read", reads=[{**read, "id": "x"}]))
    assert (folded.needs, folded.company.info_reads) == ([], 0)


def test_is_heard_looks_at_every_connection_where_none_is_named():
    company = linked(1, 2, c2_invoices=held("Complete", AT, AT))
    assert is_known(company, Read("", "invoices", "Complete", AT, "x"))
    assert not is_known(company, Read("c1", "invoices", "Complete", AT, "x"))


def test_the_customers_bar_shows_a_read_of_no_named_connection():
    read = DataTypeState("Complete", (T0 * 1000, "x"), T0 * 1000)
    company = Company("c-1", data_types={"|invoices": read})
    assert progress(sent(), company)["invoices"] == "read"
    assert set(progress(sent(), company)) == set(CONSENT.data_types)


def test_a_link_whose_webhook_was_lost_has_its_first_sync_followed():
    before = Company(
        COMPANY, name="Acme", connections={connection_id(1): Connection(
            connection_id(1), "PendingAuth", (AT - HOUR, "e"))},
    )  # fmt: skip
    shown = {"id": COMPANY, "name": "Acme", "dataConnections": [make_connection(1, "Linked")]}
    folded = apply(before, action("relay.company_read", company=shown))
    sync = open_syncs(folded.company)[ALL]
    assert (sync.period, sync.requested) == (FIRST, AT - HOUR)
    assert "track" in {need.name.partition(":")[0] for need in folded.needs}
    assert open_syncs(apply(None, action("relay.company_read", company=shown)).company) == {}
