"""All that read the log, each asked for all of it: what any event must survive."""

import json
from itertools import islice
from typing import Any

from click.testing import Result

from portal.api.stream.follow import Follow
from portal.http.tail import Tail
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import Secret, Subscription
from relay.events.catalogue import check
from relay.times import now_ms
from support.commands import commands
from support.log import read_log
from support.portal_bench import Portal
from support.subscribers import LOOPBACK, subscriber
from workers.delivery import Deliverer

WAIT = 30.0  # seconds; only a failing test waits so long
SECRET = "whsec_" + "cmVhZGVyLXJlYWRlci1yZWFkZXItcmVhZGVy"


def read_by_all(
    portal: Portal, deliverer: Deliverer, *, shell: bool = True
) -> list[dict[str, Any]]:
    """Read the whole log by every way there is, and find that all tell the same, without a gap."""
    paged = by_pages(portal)
    last = portal.store.events.last()
    assert [event["sequence"] for event in paged] == [str(n) for n in range(1, last + 1)]
    assert [e.cloud_event for e in read_log(portal.store, 0, last)] == paged
    assert by_stream(portal, last) == paged
    assert by_subscription(portal, deliverer) == paged
    for subject in {event["subject"] for event in paged if event.get("subject")}:
        assert by_timeline(portal, subject) == [e for e in paged if e.get("subject") == subject]
    if shell:
        with commands(portal) as run:
            shown = succeeded(run("events", "--json", "--limit", "1000000"))
            assert [one["id"] for one in json.loads(shown)["events"]] == [e["id"] for e in paged]
            assert len(succeeded(run("events", "--limit", "1000000")).splitlines()) == last + 1
    for event in paged:
        check(event["type"], event["data"])
    return paged


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def by_pages(portal: Portal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = "0"
    while True:
        answer = portal.get(f"/v1/events?after={cursor}&limit=500")
        assert answer.status_code == 200, answer.text
        page = json.loads(answer.data)
        if not page["events"]:
            return found
        found += page["events"]
        cursor = page["cursor"]


def by_stream(portal: Portal, last: int) -> list[dict[str, Any]]:
    """Follow from the beginning until the newest event has come; `relay.dropped` is a failure."""
    events, tail = portal.store.events, Tail(portal.store.events, 0.05)
    pieces = Follow(tail, events, 0, events.head().epoch, None).pieces()
    found: list[dict[str, Any]] = []
    for piece in islice(pieces, 10_000):
        for block in piece.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "data" in lines:
                found.append(json.loads(lines["data"]))
                assert found[-1]["type"] == lines["event"]
        if len(found) == last:
            pieces.close()
            return found
    raise AssertionError(f"{len(found)} of {last} events came")


def by_subscription(portal: Portal, deliverer: Deliverer) -> list[dict[str, Any]]:
    store = portal.store
    with subscriber() as one:
        made = Subscription("sub_all", one.url, (Secret(SECRET),), now_ms(), batch=100)
        held = store.subscriptions.get(made.id)
        over = held.subscription if held else None
        assert store.subscriptions.put(made, over=over, cursor=0, state="active")[0]
        while (store.subscriptions.get(made.id)).cursor < store.events.last():
            assert deliverer.wake() > 0
            assert deliverer.wait(WAIT)
        store.subscriptions.remove(made)
        return one.events(SECRET)


def by_timeline(portal: Portal, subject: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"/v1/companies/{subject}/timeline?limit=500"
    before = ""
    while True:
        answer = portal.get(path + before)
        assert answer.status_code == 200, answer.text
        page = json.loads(answer.data)
        found += page["events"]
        if page["older"] is None:
            return found[::-1]
        before = f"&before={page['older']}"


def make_deliverer(context: Any) -> Deliverer:
    """One that may deliver to this machine."""
    return Deliverer(context, lambda url: WebhookSender(url, LOOPBACK, seconds=5.0))
