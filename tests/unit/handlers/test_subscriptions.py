"""That a subscription was paused or goes on stands in the log, about no company."""

from dataclasses import replace

from support.folding import action, apply, logged

FACTS = {"subscription_id": "sub_1", "url": "https://x.test/", "cursor": "7"}


def about_none(kind, **facts):
    return replace(action(kind, **facts), company_id=None)


def test_a_pause_is_logged_with_its_reason():
    folded = apply(None, about_none("relay.subscription_paused", **FACTS, reason="gone"))
    assert logged(folded) == [("subscription.paused", {**FACTS, "reason": "gone"})]
    assert (folded.company, folded.events[0].subject) == (None, "")


def test_a_resumption_is_logged():
    folded = apply(None, about_none("relay.subscription_resumed", **FACTS))
    assert logged(folded) == [("subscription.resumed", FACTS)]
