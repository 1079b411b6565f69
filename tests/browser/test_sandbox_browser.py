"""The sandbox's pages in a real browser, as a customer and a developer use them."""

import pytest

from support.sandboxes import running

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def call():
    with running() as (_, call):
        yield call


@pytest.fixture
def page(browser_page):
    """A page that fails the test when anything on it fails to load or to run."""
    faults = []
    browser_page.on("pageerror", lambda error: faults.append(str(error)))
    browser_page.on(
        "response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None
    )
    browser_page.on(
        "console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None
    )
    yield browser_page
    assert faults == []


def company(call):
    return call("POST", "/companies", json={"name": "Acme"}).json()


def shown(call, company):
    return call("GET", f"/companies/{company['id']}").json()["dataConnections"]


def test_a_customer_finds_a_platform_agrees_and_is_linked(page, call):
    made = company(call)
    page.goto(made["redirect"])
    page.get_by_label("Find your platform").fill("xero")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Xero").click()
    page.get_by_text("What is shared").click()
    assert page.get_by_text("chartOfAccounts").is_visible()
    page.get_by_role("button", name="Authorise").click()
    assert page.get_by_role("heading", name="You are linked").is_visible()
    [connection] = shown(call, made)
    assert (connection["platformName"], connection["status"]) == ("Xero", "Linked")
    assert call("GET", f"/companies/{made['id']}/data/info").json()["registrationNumber"]


@pytest.mark.parametrize(
    ("choice", "heading", "errors"),
    [
        ("Refuse", "Nothing was shared", ["User cancelled"]),
        ("Let it fail", "It did not work", ["The platform could not be reached."]),
    ],
)
def test_a_customer_may_say_no_and_a_platform_may_fail(page, call, choice, heading, errors):
    made = company(call)
    page.goto(made["redirect"])
    page.get_by_role("button", name="FreeAgent").click()
    page.get_by_role("button", name=choice).click()
    assert page.get_by_role("heading", name=heading).is_visible()
    [connection] = shown(call, made)
    assert connection["status"] == "PendingAuth"
    assert [e["errorMessage"] for e in connection["dataConnectionErrors"]] == errors


def test_a_customer_who_closes_the_window_leaves_no_trace(page, call):
    made = company(call)
    page.goto(made["redirect"])
    page.get_by_role("button", name="FreeAgent").click()
    page.get_by_role("link", name="Close the window").click()
    assert page.get_by_role("heading", name="The window was closed").is_visible()
    [connection] = shown(call, made)
    assert (connection["status"], connection.get("dataConnectionErrors")) == ("PendingAuth", None)


def test_a_link_works_once(page, call):
    made = company(call)
    page.goto(made["redirect"])
    page.get_by_role("button", name="FreeAgent").click()
    used = page.url
    page.get_by_role("button", name="Refuse").click()
    page.goto(used)
    assert page.get_by_role("heading", name="This link no longer works").is_visible()
    page.get_by_role("link", name="Get a fresh link").click()
    assert page.get_by_role("button", name="Continue").is_visible()


def test_an_on_premise_connector_wants_the_companys_key(page, call):
    made = company(call)
    page.goto(made["redirect"])
    page.get_by_role("button", name="Sage 50 (UK)").click()
    assert page.locator("code.key").inner_text() == made["id"]
    page.get_by_label("Licence key").fill("something else")
    page.get_by_role("button", name="Authorise").click()
    assert page.get_by_text("That is not this company's key").is_visible()
    page.get_by_label("Licence key").fill(made["id"])
    page.get_by_label("The computer is switched off just now").check()
    page.get_by_role("button", name="Authorise").click()
    assert page.get_by_role("heading", name="You are linked").is_visible()
    history = call("GET", f"/companies/{made['id']}/data/history").json()["results"]
    assert {pull["status"] for pull in history} == {"Queued"}


def test_the_customer_returns_with_codats_parameters(page, call):
    template = f"{call.url}/sandbox/?c={{companyId}}&s={{statusCode}}&mine={{mine}}"
    call("PUT", "/profile", json={"name": "Firm", "redirectUrl": template})
    made = company(call)
    call("POST", f"/companies/{made['id']}/connections", json={"platformKey": "gbol"})
    page.goto(shown(call, made)[0]["linkUrl"] + "&mine=42")
    page.get_by_role("button", name="Authorise").click()
    page.wait_for_url("**/sandbox/**")
    assert page.url.endswith(f"?c={made['id']}&s=200&mine=42")


def test_the_controls_play_the_customer_and_a_scenario(page, call):
    page.goto(f"{call.url}/sandbox/")
    page.get_by_label("Name").fill("Pressed")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("button", name="Authorise").click()
    assert page.get_by_text("Codat Sandbox: Linked").is_visible()
    page.get_by_role("button", name="Deauthorise").click()
    assert page.get_by_text("Codat Sandbox: Deauthorized").is_visible()
    page.get_by_label("Scenario").select_option("unlink")
    page.get_by_role("button", name="Play").click()
    assert page.get_by_text("Zoho Books: Unlinked").is_visible()
    page.get_by_label("Let time pass").select_option("86400")
    page.get_by_role("button", name="Let it pass").click()
    assert call("GET", "/sandbox/state").json()["now"] > "2026"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_is_wider_than_its_screen(page, call, size):
    page.set_viewport_size(size)
    made = company(call)
    call.linked("hbql")
    path = f"/companies/{made['id']}/connections"
    link = call("POST", path, json={"platformKey": "hbql"}).json()["linkUrl"]
    link = link.replace("?", "/connector?")
    for url in (f"{call.url}/sandbox/", made["redirect"], link):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
