"""What we did or learned reaches its company's lane once, with one hint for an idle lane."""

from relay.inbox.message import Action
from relay.services.enqueue_action import enqueue_action
from support.parts import SentHints, company_id

COMPANY = company_id(1)


def test_an_action_enqueued_twice_is_in_its_lane_and_hinted_once(store):
    hints = SentHints()
    for _ in range(2):
        enqueue_action(store, hints, Action("created:1", "relay.company_created", COMPANY, 1, {}))
    lane = store.inbox.lane_of(COMPANY)
    lease = store.inbox.claim(lane, 1000)
    [message] = store.inbox.read(lease, lease.cursor, 10)
    assert (message.type, message.company_id) == ("relay.company_created", COMPANY)
    assert store.inbox.depths()["duplicates"] == 0
    assert hints.drained == [lane]


def test_an_action_without_a_company_goes_to_the_common_lane(store):
    hints = SentHints()
    enqueue_action(store, hints, Action("clock:1", "relay.clock_jumped", "", 1, {}))
    assert hints.drained == [store.inbox.lane_of(None)]
