"""What becomes stale is told once, and once more when it is fresh again."""

from support.folding import action, apply, company_after, logged, webhook
from support.parts import make_event

HELD = company_after(webhook(make_event("company.created")))


def judged(*stale):
    return action("relay.freshness_judged", stale=list(stale))


def test_only_what_changed_is_logged():
    first = apply(HELD, judged("bills", "invoices"))
    assert logged(first) == [
        ("data.stale", {"data_type": "bills"}),
        ("data.stale", {"data_type": "invoices"}),
    ]
    assert logged(apply(first.company, judged("bills", "invoices"))) == []
    then = apply(first.company, judged("bills", "company"))
    assert logged(then) == [
        ("data.stale", {"data_type": "company"}),
        ("data.fresh", {"data_type": "invoices"}),
    ]
    assert then.company.stale == ("bills", "company")
