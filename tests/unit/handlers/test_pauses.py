"""Pauses are told in the log, of no company."""

from dataclasses import replace

import pytest

from support.folding import action, apply, logged

FACTS = {"pause": "p1", "scope": "everything", "value": "", "owner": "olga", "reason": "why"}


@pytest.mark.parametrize("word", ["started", "set", "ended"])
def test_a_pause_is_logged_and_makes_no_company(word):
    message = replace(action(f"relay.pause_{word}", **FACTS), company_id=None)
    folded = apply(None, message)
    assert logged(folded) == [(f"pause.{word}", FACTS)]
    assert (folded.company, folded.events[0].subject) == (None, "")
