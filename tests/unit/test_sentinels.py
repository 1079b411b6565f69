"""Which replicas a write may do without, by what sentinels say of them."""

from types import SimpleNamespace

import pytest

from relay.store.server import sentinels
from relay.store.server.sentinels import Sentinels, View, objection

NAME = "10.0.0.1:6379"
PRIMARY = {"ip": "10.0.0.1", "port": 6379, "flags": "master", "num-other-sentinels": 2}
IN_STEP = {
    "ip": "10.0.0.2",
    "port": 6379,
    "flags": "slave",
    "role-reported": "slave",
    "master-link-status": "ok",
    "slave-priority": 100,
}
OTHER = {**IN_STEP, "ip": "10.0.0.3"}
DOWN = {**OTHER, "flags": "s_down,slave,disconnected"}
FORMER = {**OTHER, "role-reported": "master", "master-link-status": "err"}
CONFIRMED = frozenset({"10.0.0.2:6379"})
MISSING = "Sentinel may make 10.0.0.3:6379 the primary, which has not confirmed"


def found(*others, primary=PRIMARY, confirmed=CONFIRMED):
    """What is found when the sentinels see the second replica so, one after another."""
    views = [View(primary, [IN_STEP, other]) for other in others]
    return objection(views, 3, NAME, confirmed)


def test_a_replica_that_is_up_must_have_confirmed():
    assert found(OTHER, OTHER, OTHER) == MISSING
    assert not found(OTHER, OTHER, OTHER, confirmed=CONFIRMED | {"10.0.0.3:6379"})


@pytest.mark.parametrize(
    "other",
    [DOWN, {**OTHER, "slave-priority": 0}, {**OTHER, "master-link-status": "err"}],
    ids=["down", "never made the primary", "being filled"],
)
def test_one_that_no_sentinel_makes_the_primary_is_not_waited_for(other):
    assert not found(other, other, other)
    assert not found(other, other)  # a majority


@pytest.mark.parametrize(
    "other",
    [{**OTHER, "flags": "slave,disconnected"}, {**OTHER, "flags": "slave,s_downright"}],
    ids=["not yet known as down", "flags unknown to us"],
)
def test_one_that_may_be_the_primary_is(other):
    assert found(other, DOWN, DOWN) == MISSING
    assert found(DOWN, DOWN, other) == MISSING


def test_a_former_primary_is_known_only_if_every_sentinel_is_heard():
    assert not found(FORMER, FORMER, FORMER)
    assert found(FORMER, FORMER) == MISSING


def test_a_majority_of_the_sentinels_must_be_heard():
    assert found() == "only 0 of 3 sentinels say where the other replicas are"
    assert found(DOWN) == "only 1 of 3 sentinels say where the other replicas are"
    more = {**PRIMARY, "num-other-sentinels": 4}  # than the address names
    assert "only 2 of 5" in found(DOWN, DOWN, primary=more)
    assert not found(DOWN, DOWN, DOWN, primary=more)


@pytest.mark.parametrize(
    ("primary", "why"),
    [
        ({**PRIMARY, "ip": "10.0.0.3"}, "names another primary"),
        ({**PRIMARY, "port": 6380}, "names another primary"),
        ({**PRIMARY, "flags": "s_down,master"}, "sees the primary as down"),
        ({**PRIMARY, "flags": "s_down,o_down,master,failover_in_progress"}, "down"),
        ({**PRIMARY, "flags": "master,failover_in_progress"}, "makes another server the primary"),
    ],
)
def test_a_primary_that_is_being_replaced_counts_as_weak(primary, why):
    views = [View(PRIMARY, [IN_STEP, DOWN]), View(primary, [IN_STEP, DOWN])]
    assert why in objection(views, 3, NAME, CONFIRMED)


def test_hosts_may_stand_by_name_here_and_by_number_there(monkeypatch):
    """As where `resolve-hostnames` is set and `announce-hostnames` is not."""
    numbers = {"one": "10.0.0.1", "two": "10.0.0.2"}

    def look_up(host, *_, **__):
        return [(None, None, None, "", (numbers.get(host, host), 0))]

    class One:
        def sentinel_master(self, _):
            return PRIMARY

        def sentinel_slaves(self, _):
            return [IN_STEP]

    monkeypatch.setattr(sentinels.socket, "getaddrinfo", look_up)
    pool = SimpleNamespace(
        service_name="s", sentinel_manager=SimpleNamespace(sentinels=[One(), One(), One()])
    )
    asked = Sentinels(SimpleNamespace(connection_pool=pool))
    assert not asked.objection("one:6379", {"two:6379"})
    assert "names another primary" in asked.objection("two:6379", {"two:6379"})
    assert "may make 10.0.0.2:6379" in asked.objection("one:6379", {"three:6379"})
