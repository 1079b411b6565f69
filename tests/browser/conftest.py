"""What the tests in a browser share."""

import pytest

from support.link_bench import firm


@pytest.fixture
def running(store, make_settings):
    with firm(store, make_settings) as started:
        yield started
