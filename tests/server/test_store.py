"""A store holds to what it was begun with, and says what to do when it cannot."""

import pytest

from relay.store import keys
from relay.store.store import SCHEMA, WrongStore, fix_lanes


def test_the_number_of_lanes_is_fixed_at_first_start(client):
    assert fix_lanes(client, 8) == 8
    assert fix_lanes(client, 8) == 8
    with pytest.raises(WrongStore, match="Set RELAY_LANES=8"):
        fix_lanes(client, 16)


def test_a_store_written_by_another_version_is_not_touched(client):
    fix_lanes(client, 8)
    client.hset(keys.META, "schema", SCHEMA - 1)
    with pytest.raises(WrongStore, match="start over"):
        fix_lanes(client, 8)
