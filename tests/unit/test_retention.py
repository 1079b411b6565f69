"""How long events are kept: by the first rule that fits, never shorter than messages."""

import pytest

from relay.events.retention import Retention, Rule, read_rules

KEPT = Retention(30, 90, read_rules(["webhook.stale=7", "webhook.*=14", "company.*=365"]))


def test_rules_are_read_in_their_order():
    assert KEPT.rules == (Rule("webhook.stale", 7), Rule("webhook.*", 14), Rule("company.*", 365))


@pytest.mark.parametrize("text", ["a", "a=", "=3", "a=0", "a=4001", "a=1.5", "*a=3", "a b=3"])
def test_a_rule_that_cannot_be_read_is_named(text):
    with pytest.raises(ValueError, match="does not read type=days"):
        read_rules(["x.y=1", text])


def test_the_longest_bounds_the_log_and_what_is_shorter_goes_before():
    assert (KEPT.longest, KEPT.shorter) == (365, [7, 14, 30])
    assert (Retention(30, 90).longest, Retention(30, 90).shorter) == (30, [])


def test_each_age_has_its_types_and_the_first_rule_that_fits_decides():
    assert KEPT.choice(14) == [
        ("webhook.stale", False), ("webhook.*", True), ("company.*", False), ("*", False),
    ]  # fmt: skip
    assert KEPT.choice(30)[-1] == ("*", True)


def test_nothing_is_kept_shorter_than_the_messages():
    kept = KEPT.at_least(10)
    assert [rule.days for rule in kept.rules] == [10, 14, 365]
    assert (kept.at_least(100).days, kept.at_least(100).hard_days) == (100, 100)
