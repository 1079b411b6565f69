"""Forgetting and trimming leave a line in the log, and no company."""

from dataclasses import replace

from support.folding import action, apply, logged


def test_a_forgotten_company_leaves_one_line_and_no_state():
    facts = {"by": "olga", "events": 2, "messages": 3}
    folded = apply(None, action("relay.company_forgotten", **facts))
    assert (folded.company, logged(folded)) == (None, [("company.forgotten", facts)])


def test_events_dropped_unread_are_logged():
    facts = {"up_to": "7", "passed": ["sub_1"]}
    message = replace(action("relay.log_trimmed", **facts), company_id=None)
    assert logged(apply(None, message)) == [("log.trimmed", facts)]


def test_a_reader_about_to_lose_events_is_logged():
    facts = {"reader": "sub_1", "cursor": "2", "days": 9}
    message = replace(action("relay.log_limit_neared", **facts), company_id=None)
    assert logged(apply(None, message)) == [("log.limit_neared", facts)]
