"""Company info is fetched once it is there; until then the wait is a normal one."""

import pytest

from codat.errors import CodatBroken
from relay.store.intents.queue import Intent, Priority
from relay.times import now_micros, now_ms
from support.parts import company_id, make_event
from workers.intents.kinds import info
from workers.intents.kinds.info import LONGEST_WAIT, SHORTEST_WAIT, URGENT_FOR
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
INFO = {"companyName": "Bakery Ltd", "baseCurrency": "GBP"}


def do(bench, *, age_seconds=0):
    created = now_ms() - int(age_seconds * 1000)
    intent = Intent(f"info:{COMPANY}", 1, COMPANY, 1, created, {}, "msg_1", Priority.LINK)
    return info.run(bench.context, intent)


def test_info_is_dated_when_it_was_requested(bench):
    bench.codat.infos[COMPANY] = INFO | {"supplementalData": {"a": 1}, "sourceUrls": {"b": "c"}}
    before = now_micros()
    ended = do(bench)
    assert ended.kind is ResultKind.DONE
    assert (ended.action.type, ended.action.payload) == (
        "relay.info_fetched",
        {"info": INFO, "after": 0},
    )
    assert before <= ended.at <= now_micros()


def test_info_says_how_many_reads_it_was_asked_after(bench):
    """So that a journey can tell it from what the books said before they were linked again."""
    bench.codat.infos[COMPANY] = INFO
    reads = [{"dataType": "company", "status": "Complete"}]
    for number in (1, 2):
        bench.deliver(make_event("read.completed", at=number, dataTypes=reads))
        bench.drain()
    assert do(bench).action.payload["after"] == 2
    bench.settle()
    held = bench.store.companies.get(COMPANY)
    assert (held.info_reads, held.info_after) == (2, 2)


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, SHORTEST_WAIT), (20, SHORTEST_WAIT), (200, 100.0), (10**6, LONGEST_WAIT)],
)
def test_info_that_is_not_there_yet_is_asked_for_more_and_more_seldom(bench, age, wait):
    ended = do(bench, age_seconds=age)
    assert (ended.kind, ended.action) == (ResultKind.LATER, None)
    assert ended.expected  # so that it never counts as a failure
    assert ended.wait == pytest.approx(wait, abs=5)
    assert bench.codat.asked == [("get_company_info", COMPANY)]


def test_one_that_has_waited_for_long_uses_no_calls_kept_for_links(bench):
    """Until word of the first read makes it urgent again."""
    assert do(bench, age_seconds=URGENT_FOR - 60).priority is None
    assert do(bench, age_seconds=URGENT_FOR + 60).priority is Priority.NOW


def test_any_other_trouble_is_judged_elsewhere(bench):
    bench.codat.failing = lambda operation, company: CodatBroken("503", status=503)
    with pytest.raises(CodatBroken):
        do(bench)
