"""A moved clock is told, of no company."""

from dataclasses import replace

from support.folding import action, apply, logged


def test_a_moved_clock_is_logged():
    folded = apply(None, replace(action("relay.clock_jumped", seconds=-3600.0), company_id=None))
    assert logged(folded) == [("clock.jumped", {"seconds": -3600.0})]
    assert folded.company is None


def test_a_clock_apart_from_the_servers_is_logged():
    folded = apply(None, replace(action("relay.clock_differed", seconds=40.0), company_id=None))
    assert logged(folded) == [("clock.differed", {"seconds": 40.0})]
