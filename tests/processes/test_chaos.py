"""Processes killed with SIGKILL in the middle of a storm: nothing lost, nothing doubled.

`RELAY_CHAOS_ROUNDS` makes it longer than the one round of the test suite (`make chaos`).
"""

import http.client
import os
import random
import threading
import time
from collections.abc import Iterator

import pytest

from support.fleet import Fleet, running_fleet
from support.parts import signed
from support.storm import check_store, make_storm

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

ROUNDS = int(os.environ.get("RELAY_CHAOS_ROUNDS", "1"))
PATIENCE = 90.0  # seconds until the backlog must be gone


@pytest.fixture
def fleet(tmp_path) -> Iterator[Fleet]:
    with running_fleet(tmp_path, "web", "drain-1", "drain-2", "scheduler") as fleet:
        yield fleet


def post_until_taken(port: int, deliveries: list[tuple[str, bytes]], refused: list[int]) -> None:
    """Send each delivery again until it is answered 204, as Codat does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    for message_id, body in deliveries:
        while True:
            try:
                connection.request(
                    "POST", "/webhooks/codat", body, signed(body, message_id=message_id)
                )
                answer = connection.getresponse()
                answer.read()
                if answer.status == 204:
                    break
                refused.append(answer.status)
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_kills_in_the_middle_of_a_storm_lose_and_double_nothing(fleet, seed):
    storm = make_storm(seed, events=2000, companies=50)
    refused: list[int] = []
    senders = [
        threading.Thread(
            target=post_until_taken, args=(fleet.port, storm.deliveries[n::4], refused)
        )
        for n in range(4)
    ]
    fleet.wait_until_ready()
    for sender in senders:
        sender.start()
    victims = ["web", "drain-1", "server", "drain-2", "scheduler"] * 2
    random.Random(seed).shuffle(victims)
    for victim in victims:
        time.sleep(0.25)
        fleet.kill(victim)
        fleet.revive()
    assert any(sender.is_alive() for sender in senders), "the storm was over before the kills"
    while any(sender.is_alive() for sender in senders):
        fleet.revive()
        time.sleep(0.1)
    wait_until_applied(fleet)
    with fleet.store() as store:
        check_store(store, storm)
    # An internal fault is 503 and nothing else, or a broken connection (invariant 7).
    assert set(refused) <= {503}
    assert set(fleet.killed) == {"web", "drain-1", "drain-2", "server", "scheduler"}


def wait_until_applied(fleet: Fleet) -> None:
    deadline = time.monotonic() + PATIENCE
    with fleet.store() as store:
        while time.monotonic() < deadline:
            fleet.revive()
            if store.inbox.depths()["lanes_waiting"] == 0:
                return
            time.sleep(0.1)
        raise AssertionError(f"lanes were left waiting: {store.inbox.depths()}")
