"""The pages for whoever runs the service in a browser: signing in, and the load as it looks."""

import os
import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from codat.records import Integration
from support.parts import company_id
from support.portal_bench import OPERATOR, VIEWER, Portal, make_company

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
COMPANIES = 40
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def url():
    portal = Portal(relay_calls_per_minute=1)
    portal.app.extensions["codat-relay"].platforms._held = [
        Integration("gbol", "Xero", "Accounting", enabled=True)
    ]
    info = {"companyName": "Green Lane Motors", "registrationNumber": "87654321"}
    before = {"companyName": "Harbour Bakery", "registrationNumber": "12345678"}
    flag = {"registrationNumber": {"previous": "12345678", "current": "87654321"}}
    portal.hold(
        make_company(101, "Deauthorized", name="Harbour Bakery"),
        make_company(102, info=info, expected=before, identity_mismatch=flag),
        make_company(103, "Unlinked", name="W" * 90),
    )
    for number in range(1, COMPANIES):
        portal.hold(make_company(number))
        path = f"/v1/schedules/{company_id(number)}"
        spread = {"timezone": "Europe/London", "hour": number % 7, "spread": 3600 * 5}
        portal.put(f"{path}/invoices", json={"cadence": "daily", **spread})
        portal.put(f"{path}/bills", json={"cadence": "daily", "hour": 6, "minute": 30})
        portal.put(f"{path}/items", json={"cadence": "weekly", "weekday": 1, "hour": 7})
        portal.put(f"{path}/all", json={"cadence": "hourly", "every": 8})
    server = make_server("127.0.0.1", 0, portal.app, threaded=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser_page):
    """A page that fails the test when anything on it fails to load, runs, or breaks its policy."""
    faults = []
    browser_page.on("pageerror", lambda error: faults.append(str(error)))
    browser_page.on(
        "console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None
    )
    yield browser_page
    assert [fault for fault in faults if "401" not in fault] == []


@pytest.mark.parametrize("size", ["desktop", "phone", "narrow"])
def test_a_person_signs_in_sees_the_load_and_signs_out(page, url, size):
    page.set_viewport_size({"desktop": DESKTOP, "phone": PHONE, "narrow": NARROW}[size])
    page.goto(f"{url}/ops/load")
    looks_right(page, f"{size}-sign-in")
    page.get_by_label("Token").fill("not one")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text().startswith("This token is not known")
    looks_right(page, f"{size}-refused")
    page.get_by_label("Token").fill(VIEWER)
    page.get_by_role("button", name="Sign in").click()
    looks_right(page, f"{size}-home")
    page.get_by_role("link", name="Load").first.click()
    assert page.get_by_role("heading", name="Load of the coming week").is_visible()
    assert "Not covered." in page.get_by_role("alert").first.inner_text()
    tables = page.get_by_role("table")
    assert [tables.nth(n).get_by_role("rowheader").count() >= 7 for n in (0, 1)] == [True, True]
    looks_right(page, f"{size}-load")
    assert (
        page.evaluate(
            "Math.max(...[...document.querySelectorAll('tr')].map(tr => tr.offsetHeight))"
        )
        < 100
    )
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{url}/ops/load")
    assert page.get_by_label("Token").is_visible()


@pytest.mark.parametrize("size", ["desktop", "phone", "narrow"])
def test_an_operator_sends_a_customer_a_link_to_connect_again(page, url, size):
    page.set_viewport_size({"desktop": DESKTOP, "phone": PHONE, "narrow": NARROW}[size])
    page.goto(f"{url}/ops/")
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Linking").first.click()
    assert page.get_by_role("button", name="Accept").count() == 1
    looks_right(page, f"{size}-linking")
    page.get_by_role("button", name="Invite again Harbour Bakery").click()
    assert "/link/" in page.locator("#link").inner_text()
    looks_right(page, f"{size}-invited")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#link").inner_text()


def looks_right(page, name: str) -> None:
    """No serious finding of axe, and nothing to be scrolled sideways; keeps a picture if asked."""
    if shots := os.environ.get("RELAY_SHOTS"):
        page.screenshot(path=Path(shots) / f"ops-{name}.png", full_page=True)
    found = [
        one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS
    ]
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
