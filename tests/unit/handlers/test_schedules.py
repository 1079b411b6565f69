"""What became of schedules is told, and which periods passed meanwhile."""

from support.folding import action, apply, company_after, logged, webhook
from support.parts import make_event

HELD = company_after(webhook(make_event("company.created")))
FACTS = {"data_type": "all", "cadence": "daily", "origin": "policy", "reason": None}


def told(**more):
    return FACTS | {"was": None, "missed": []} | more


def test_each_change_is_logged_by_its_kind():
    changed = [told(change="given"), told(change="suspended", reason="the company is Unlinked")]
    folded = apply(HELD, action("relay.schedules_changed", schedules=changed))
    assert logged(folded) == [
        ("schedule.given", FACTS),
        ("schedule.suspended", FACTS | {"reason": "the company is Unlinked"}),
    ]


def test_periods_of_a_suspension_are_logged_as_missed():
    changed = [told(change="resumed", was="the company is Unlinked", missed=["2026-03-02"])]
    folded = apply(HELD, action("relay.schedules_changed", schedules=changed))
    assert logged(folded)[1] == (
        "sync.missed",
        {"data_type": "all", "period": "2026-03-02", "reason": "the company is Unlinked"},
    )
