"""Shuffled and doubled webhooks end in the state that a plain model says they must."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.parts import Bench, signed
from support.storm import check_store, make_storm


def send(bench: Bench, deliveries: list[tuple[str, bytes]]) -> None:
    for message_id, body in deliveries:
        assert bench.take(signed(body, message_id=message_id), body).status == 204


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_thousand_webhooks_in_any_order_end_as_the_model_says(bench, seed):
    storm = make_storm(seed, events=2000, companies=50)
    parts = [storm.deliveries[n::4] for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send, bench, part) for part in parts]
        while not all(future.done() for future in sending):
            # Several workers at once, as in production, while messages still come in.
            draining = [pool.submit(bench.drain) for _ in range(3)]
            for future in draining:
                future.result()
        for future in sending:
            future.result()
    while bench.drain():
        pass
    check_store(bench.store, storm)
    assert bench.store.inbox.depths()["duplicates"] == 2000 // 3


def test_the_model_would_notice_a_lost_webhook(bench):
    """The proof can fail: one message left out shows."""
    storm = make_storm(4, events=200, companies=5, duplicated=0)
    send(bench, storm.deliveries[:-1])
    while bench.drain():
        pass
    with pytest.raises(AssertionError):
        check_store(bench.store, storm)
