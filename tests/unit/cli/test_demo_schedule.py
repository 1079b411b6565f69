"""The demo's schedule: it falls due within seconds, whatever the company's place in the spread."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.demo.schedule import LEAST, SOON, soonest
from relay.syncs.cadence import next_run
from relay.syncs.definition import Definition

CANDIDATES = 61  # when each was previewed


class Previews:
    """Answers previews of schedules as the service does, saving nothing."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def put(self, path: str, body: dict[str, Any], preview: str) -> dict[str, Any]:
        assert preview == "true"
        self.asked.append(body)
        _, company, data_type = path.rsplit("/", 2)
        schedule = Definition(**body).schedule(company, data_type)
        now = int(datetime.now(UTC).timestamp())
        due = next_run(schedule, now).due
        return {"next_runs": [datetime.fromtimestamp(due, UTC).isoformat()]}


@pytest.mark.parametrize("number", range(20))
def test_the_demos_schedule_falls_due_soon(number: int) -> None:
    api, before = Previews(), datetime.now(UTC)
    body, due = soonest(api, f"company-{number}")  # type: ignore[arg-type]
    assert body in api.asked
    assert LEAST <= due - before <= timedelta(minutes=1, seconds=5)
    assert due - before <= SOON + timedelta(seconds=1) or len(api.asked) == CANDIDATES
