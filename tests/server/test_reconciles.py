"""A reconciliation as it is kept: one over all at a time, ended once, figures counted once."""

import pytest

from relay.store import keys
from relay.store.companies.reconciliations import Phase
from relay.store.intents.queue import Priority

NOW = 1_800_000_000_000


@pytest.fixture(params=["sent once", "sent twice"])
def runs(store, monkeypatch, request):
    """Also with every script sent twice, as redis-py does when an answer is lost."""
    if request.param == "sent twice":
        scripts = store.reconciles._scripts
        for name in ("begin_reconcile", "reconcile_page", "end_reconcile"):
            once = getattr(scripts, name)
            monkeypatch.setattr(scripts, name, lambda k, a, once=once: (once(k, a), once(k, a))[1])
    return store.reconciles


def begin(runs, run, **more):
    return runs.begin(run, cause="asked for", now=NOW, **more)[0]


def test_one_over_all_goes_on_at_a_time_and_chosen_ones_beside_it(runs):
    assert begin(runs, "a") == "a"
    assert begin(runs, "b") == "a"
    assert runs.get("b") is None
    assert begin(runs, "c", chosen=["one"]) == "c"


def test_an_end_lets_another_begin_and_is_noted_once(runs):
    begin(runs, "a")
    assert runs.end(runs.get("a"), Phase.DONE, NOW + 1)
    assert begin(runs, "b") == "b"
    late = runs.get("a")
    assert not runs.end(late, Phase.ABORTED, NOW + 2)
    assert runs.end(late, Phase.DONE, NOW + 3)
    assert (runs.get("a").phase, runs.get("a").finished) == (Phase.DONE, NOW + 1)
    assert begin(runs, "c") == "b"  # the older one's late end freed nobody's place


def test_the_end_of_one_over_chosen_companies_leaves_the_one_over_all(runs):
    begin(runs, "a")
    begin(runs, "b", chosen=["one"])
    assert runs.end(runs.get("b"), Phase.DONE, NOW)
    assert begin(runs, "c") == "a"


def test_one_that_is_not_known_cannot_end(runs):
    begin(runs, "a")
    forgotten = runs.get("a")
    runs._client.delete("{relay}:reconcile:a")
    assert not runs.end(forgotten, Phase.DONE, NOW)
    assert runs.get("a") is None


def test_a_step_is_counted_once(runs):
    begin(runs, "a")
    read = runs.get("a")
    for _ in range(2):
        runs.move_on(read, Phase.PAGES, "2", seen=["one", "two"], more={"calls": 1})
    assert (runs.get("a").position, runs.get("a").compared) == ("2", 2)
    assert runs.get("a").figures["calls"] == 1


def test_companies_found_gone_are_listed_until_they_are_logged(runs):
    begin(runs, "a")
    runs.move_on(runs.get("a"), Phase.UNSEEN, "one", seen=["one"])
    for company in ("two", "three"):
        runs.move_on(
            runs.get("a"), Phase.UNSEEN, company, seen=[company], gone_at=1_800_000_000_000_001
        )
    assert runs.gone("a", 10) == dict.fromkeys(["three", "two"], 1_800_000_000_000_001)
    assert runs.unseen("a", ["one", "two", "four"]) == ["four"]
    runs.move_on(runs.get("a"), Phase.GONE, "two", seen=["three", "two"])
    assert runs.gone("a", 10) == {}
    assert runs.get("a").compared == 3


@pytest.mark.parametrize("end", [Phase.DONE, Phase.ABORTED, Phase.STOPPED])
def test_every_end_is_an_end(runs, end):
    begin(runs, "a")
    assert runs.end(runs.get("a"), end, NOW)
    assert not runs.get("a").goes_on
    assert not runs.end(runs.get("a"), Phase.DONE if end is not Phase.DONE else Phase.ABORTED, NOW)
    assert begin(runs, "b") == "b"


def test_the_miss_rate_is_of_the_webhooks_since_the_last_one_over_all(store):
    runs = store.reconciles

    def told(count):
        store.client.hset(keys.COUNTERS, "webhook:connection.connected", count)

    def missed(run, count):
        runs.note(run, missed=count)
        return runs.get(run).miss_rate

    told(100)
    begin(runs, "a")
    runs.end(runs.get("a"), Phase.DONE, NOW)
    told(104)
    runs.begin("some", cause="asked for", now=NOW + 1, chosen=["one"])
    told(109)
    runs.begin("b", cause="daily", now=NOW + 2)
    assert missed("b", 1) == 0.1
    assert missed("some", 1) is None
    assert missed("a", 0) == 0.0


def test_one_that_was_given_up_does_not_stand_in_the_way(store):
    runs = store.reconciles
    begin(runs, "a")
    [intent] = store.intents.claim(now=NOW, lease_ms=1000, limit=1, priorities=[Priority.NOW])
    store.intents.finish(intent, "dead", now=NOW, lane=0, error="refused")
    assert begin(runs, "b") == "b"
    assert runs.get("a").phase is Phase.ABORTED
