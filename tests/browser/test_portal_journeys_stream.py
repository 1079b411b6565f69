"""An open page is told at once that something changed, and asks by itself where it is not."""

import errno
import json
from datetime import UTC, datetime

import pytest
import requests

from portal.http import stalled
from portal.link import stream
from relay.journeys import rules
from relay.times import now_ms
from support.browsing import agree, authorise, heading, watched
from support.journeys import AtCodat, agreed, invite, waited
from support.link_bench import firm
from support.parts import make_event, signed
from support.portal_bench import Portal, kind
from support.stored import stored_intent


@pytest.fixture
def portal(store):
    portal = Portal(store=store, codat=AtCodat(), relay_link_streams=4, relay_streams=1)
    yield portal
    portal.app.extensions["codat-relay"].tail.close()


def opened(portal, at, stamp):
    return portal.web.get(f"{at}/stream?stamp={stamp}", buffered=False)


def stamp(portal, at):
    return portal.web.get(f"{at}/state").json["stamp"]


def told(answer):
    """The names of the events up to the end, or up to the second sign of life."""
    names = []
    for piece in answer.response:
        names += [line[7:] for line in piece.decode().splitlines() if line.startswith("event: ")]
        if names.count("still") == 2:
            break
    answer.close()
    return names


def test_a_page_receives_the_change_and_its_stream_ends(portal):
    _, at = invite(portal)
    answer = opened(portal, at, stamp(portal, at))
    assert answer.mimetype == "text/event-stream"
    pieces = iter(answer.response)
    assert [next(pieces), next(pieces)] == [b"retry: 1000\n\n", stream.UNCHANGED]
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    portal.log(("journey.platform_chosen", 1))
    assert stream.CHANGED in pieces
    assert list(pieces) == []
    answer.close()


def test_a_page_connects_again_when_the_process_stops(portal):
    _, at = invite(portal)
    answer = opened(portal, at, stamp(portal, at))
    pieces = iter(answer.response)
    assert [next(pieces), next(pieces)] == [b"retry: 1000\n\n", stream.UNCHANGED]
    portal.app.extensions["codat-relay"].tail.end()
    assert list(pieces) == []
    answer.close()


def test_a_page_already_behind_gets_the_change_at_once(portal):
    _, at = invite(portal)
    assert told(opened(portal, at, "pick-0-0")) == ["changed"]


def test_a_stream_ignores_other_journeys_and_sees_unlogged_changes(portal, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    made, at = invite(portal)
    answer = opened(portal, at, stamp(portal, at))
    portal.log(("journey.opened", 2))
    assert told(answer) == ["still", "still"]
    answer = opened(portal, at, stamp(portal, at))
    now = now_ms()
    portal.store.journeys.change(made["id"], lambda held: rules.revoke(held, "olga", now))
    assert told(answer) == ["changed"]
    assert portal.web.get(f"{at}/stream").status_code == 404


def test_a_page_that_waits_has_codat_looked_at_while_it_listens(portal, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    made, at = invite(portal, platforms=["gbol"])
    agreed(portal, at)
    waited(portal, made, 11)
    journey = portal.store.journeys.get(made["id"])
    shown = f"waiting-{journey.attempt}-0-0"
    assert told(opened(portal, at, shown)) == ["still", "still"]
    assert stored_intent(portal.store, f"reread:{made['company_id']}") is not None


def test_link_streams_are_limited_per_customer_and_apart_from_the_log(portal):
    _, at = invite(portal)
    _, other = invite(portal)
    open_ones = [opened(portal, at, stamp(portal, at)) for _ in range(3)]
    assert opened(portal, at, "").status_code == 503
    open_ones.append(opened(portal, other, stamp(portal, other)))
    assert opened(portal, other, "").status_code == 503
    log = portal.get("/v1/events/stream", buffered=False)
    assert log.status_code == 200
    assert kind(portal.get("/v1/events/stream")) == "busy"
    assert portal.web.get(at).status_code == 200
    for one in (*open_ones, log):
        one.close()
    last = opened(portal, at, "")
    assert last.status_code == 200
    last.close()


def test_progress_is_put_into_the_page_and_leaves_open_what_is_open(store, make_settings, browser):
    context = browser.new_context()
    page = watched(context)
    with firm(store, make_settings) as running:
        made = running.invite(reference="S-2", platforms=["gbol"])
        running.slow_reads(600)
        page.goto(made["link"])
        agree(page)
        authorise(page)
        heading(page, "Connected. Now we read")
        page.locator("summary").first.click()
        told = {"connectionId": running.journey(made)["connection_id"], "dataType": "invoices"}
        told |= {"status": "Complete", "recordsModified": True}
        event = make_event("read.completed", company=None, dataTypes=[told])
        event["payload"]["referenceCompany"] = {"id": made["company_id"], "name": "x"}
        event["generatedDate"] = datetime.now(UTC).isoformat()
        body = json.dumps(event).encode()
        assert requests.post(running.hooks, body, headers=signed(body), timeout=10).ok
        page.get_by_text("1 of 28 kinds of data read").wait_for()
        assert page.locator(".states .read").count() == 1
        assert page.locator(".states").is_visible()  # still open
        assert page.locator("progress").evaluate("one => one.value") == 1
    context.close()
    assert page.faults == []


@pytest.mark.parametrize("streams", ["8", "0"], ids=["told", "asking"])
def test_the_page_goes_on_by_itself_with_a_stream_and_without(
    store, make_settings, browser, streams
):
    context = browser.new_context()
    page = watched(context)
    asked = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[0][-6:]))
    with firm(store, make_settings, relay_link_streams=streams) as running:
        made = running.invite(reference="S-1", platforms=["gbol"])
        page.goto(made["link"])
        agree(page)
        heading(page, "Share .* data")
        page.goto(made["link"])
        heading(page, "Waiting for word")
        page.wait_for_timeout(300)
        running.control(made["company_id"], "authorise", platformKey="gbol")
        heading(page, "Is this your company")
        assert "stream" in asked
        assert ("/state" in asked) == (streams == "0")
        page.goto("about:blank")
    context.close()
    assert page.faults == []


@pytest.mark.parametrize("path", ["/v1/events/stream", "link"])
@pytest.mark.parametrize("fault", ["no descriptor left", "no port"])
def test_what_keeps_stalled_readers_from_being_ended_keeps_no_place(
    portal, monkeypatch, path, fault
):
    if path == "link":
        path = invite(portal)[1] + "/stream"
    environ = {"SERVER_PORT": ""} if fault == "no port" else {}

    def none_left(folder):
        raise OSError(errno.EMFILE, "Too many open files")

    if not environ:
        monkeypatch.setattr(stalled.os, "listdir", none_left)
    p = portal.app.extensions["codat-relay"]
    for _ in range(5):
        answer = portal.get(path, buffered=False, environ_overrides=environ)
        assert answer.status_code == 200
        answer.close()
    assert (p.streams.count(), p.link_streams.count()) == (0, 0)
