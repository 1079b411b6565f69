"""A customer walks the link journey in a real browser, against the service and the sandbox."""

import re
import time

import pytest
import requests
from playwright.sync_api import expect

from portal.link.stream import POLL_SECONDS
from support.browsing import (
    DESKTOP,
    PHONE,
    TIMEOUT_MS,
    agree,
    authorise,
    choose,
    heading,
    press,
    watched,
)
from support.link_bench import firm


@pytest.fixture(params=["desktop", "phone", "desktop without JavaScript", "phone without"])
def customer(request, browser):
    """A page in each kind of browser; it fails on any dialog, script error or foreign request."""
    size = PHONE if request.param.startswith("phone") else DESKTOP
    context = browser.new_context(**size, java_script_enabled="without" not in request.param)
    page = watched(context)
    yield page
    context.close()
    assert page.faults == []


def test_from_choosing_a_platform_to_the_confirmed_real_name(running, customer):
    made = running.invite(reference="LOAN-1042", return_url="https://firm.example/done?x=1")
    company = made["company_id"]
    customer.goto(made["link"])
    choose(customer, "Xero")
    heading(customer, "will see in Xero")
    agree(customer)
    authorise(customer)
    heading(customer, "Is this your company")
    info = running.store.companies.get(company).info
    shown = customer.locator("main").inner_text()
    for known in ("companyName", "companyLegalName", "registrationNumber"):
        if info[known]:
            assert info[known] in shown
    press(customer, "Yes, this is us")
    heading(customer, "Thank you")
    back = customer.get_by_role("link", name="Back to").get_attribute("href")
    assert back == f"https://firm.example/done?x=1&journey={made['id']}&status=confirmed"
    running.until(lambda: "company.renamed" in running.types(company), "the real name")
    held = running.store.companies.get(company)
    assert (held.placeholder, held.name_source) == ("Pending LOAN-1042", "codat")
    story = [t for t in running.types(company) if t.startswith(("journey.", "company.renamed"))]
    assert [t for t in story if t != "company.renamed"] == [
        "journey.started",
        "journey.opened",
        "journey.platform_chosen",
        "journey.consented",
        "journey.authorising",
        "journey.linked",
        "journey.confirmed",
    ]
    detail = running.journey(made)
    assert (detail["stage"], detail["step"]) == ("done", "confirmed")
    [consent] = detail["consents"]
    assert consent["text_version"] in str(running.data(company, "journey.consented"))
    assert "invoices" in consent["data_types"]
    assert set(detail["progress"].values()) == {"read"}


def test_the_older_generation_of_codats_api_leads_the_same_way(store, make_settings, browser_page):
    with firm(store, make_settings, codat_api_generation="classic") as running:
        made = running.invite(reference="LOAN-7")
        company = made["company_id"]
        browser_page.goto(made["link"])
        choose(browser_page, "Xero")
        agree(browser_page)
        authorise(browser_page)
        heading(browser_page, "Is this your company")
        press(browser_page, "Yes, this is us")
        heading(browser_page, "Thank you")
        running.until(lambda: "company.renamed" in running.types(company), "the real name")
        asked = requests.get(f"{running.sandbox.url}/sandbox/journal?limit=1000", timeout=10).json()
        sent = {(e["method"], e["path"]) for e in asked["entries"] if e["kind"] == "api"}
        assert ("PUT", "/companies") in sent  # what only that generation does


@pytest.fixture(params=["desktop", "phone without JavaScript"])
def visitor(request, browser):
    """A page in the two kinds of browser that differ most."""
    size = PHONE if request.param.startswith("phone") else DESKTOP
    context = browser.new_context(**size, java_script_enabled="without" not in request.param)
    page = watched(context)
    yield page
    context.close()
    assert page.faults == []


def linked(running, key="gbol", **info):
    """A company that was linked, read and named, outside any journey."""
    made = running.ask("POST", "/v1/companies", reference="earlier", platform_key=key)
    if info:
        running.control(made["id"], "info", **info)
    running.control(made["id"], "authorise", platformKey=key)
    running.until(
        lambda: (c := running.store.companies.get(made["id"])) and c.info and c.given_name, "link"
    )
    return made["id"]


def test_a_refusal_says_nothing_was_shared_and_offers_another_try(running, visitor):
    made = running.invite(reference="A-1", platforms=["qhyg"])
    visitor.goto(made["link"])
    agree(visitor)
    heading(visitor, "Share .* data")
    press(visitor, "Refuse")
    heading(visitor, "Nothing was shared")
    running.until(lambda: running.journey(made)["stage"] == "refused", "word of the refusal")
    assert "User cancelled" in running.journey(made)["reasons"][0]
    press(visitor, "Try again")
    authorise(visitor)
    heading(visitor, "Is this your company")
    told = running.types(made["company_id"])
    assert "journey.refused" in told
    assert "journey.platform_chosen" not in told  # a single platform is not asked for


def test_a_link_whose_webhooks_are_lost_is_seen_all_the_same(running, visitor):
    made = running.invite(reference="A-13", platforms=["gbol"])
    visitor.goto(made["link"])
    agree(visitor)
    running.sandbox.deliver_to("http://127.0.0.1:9/nobody")
    authorise(visitor)
    heading(visitor, "Is this your company")
    assert "journey.linked" in running.types(made["company_id"])
    running.sandbox.deliver_to(running.hooks)


def test_a_customer_who_leaves_comes_back_to_where_they_were(running, browser):
    made = running.invite(reference="A-2")

    def come_back():
        context = browser.new_context(**DESKTOP)
        page = watched(context)
        page.goto(made["link"])
        return page

    choose(come_back(), "Xero")
    page = come_back()
    heading(page, "will see in Xero")
    agree(page)
    heading(page, "Share .* data")  # and leaves without an answer
    page = come_back()
    heading(page, "Waiting for word from Xero")
    press(page, "take me there again")
    authorise(page)
    heading(page, "Is this your company")
    page = come_back()
    heading(page, "Is this your company")
    press(page, "Yes, this is us")
    page = come_back()
    heading(page, "Thank you")
    for context in browser.contexts:
        context.close()


def test_the_wrong_company_is_unlinked_and_replaced_by_the_right_one(running, visitor):
    made = running.invite(reference="A-3")
    company = made["company_id"]
    running.control(company, "info", companyName="Wrong Trading", registrationNumber="111")
    visitor.goto(made["link"])
    choose(visitor, "Xero")
    agree(visitor)
    authorise(visitor)
    heading(visitor, "Is this your company")
    running.until(lambda: running.store.companies.get(company).name == "Wrong Trading", "the name")
    press(visitor, "wrong company")
    heading(visitor, "Which software")
    running.until(lambda: running.status(company) == "Unlinked", "the unlinking")
    running.control(company, "info", companyName="Right Bakery", registrationNumber="222")
    choose(visitor, "Xero")
    agree(visitor)
    authorise(visitor)
    heading(visitor, "Is this your company")
    assert "Right Bakery" in visitor.locator("main").inner_text()
    assert "Wrong Trading" not in visitor.locator("main").inner_text()
    press(visitor, "Yes, this is us")
    heading(visitor, "Thank you")
    running.until(lambda: running.store.companies.get(company).name == "Right Bakery", "the name")
    [wrong] = running.data(company, "journey.wrong_company")
    assert wrong["company"]["name"] == "Wrong Trading"
    detail = running.journey(made)
    assert (detail["attempt"], len(detail["consents"])) == (2, 2)


def test_a_platform_linked_before_needs_no_second_sign_in(running, visitor):
    company = linked(running)
    made = running.invite(company_id=company)
    visitor.goto(made["link"])
    choose(visitor, "Xero.*Linked")
    agree(visitor)
    heading(visitor, "Is this your company")
    assert "connected before" in visitor.locator("main").inner_text()
    press(visitor, "Yes, this is us")
    heading(visitor, "Thank you")
    [told] = running.data(company, "journey.linked")
    assert told["already"] is True


def test_the_customer_goes_on_once_the_firm_accepts_the_other_company(running, browser_page):
    company = linked(running, companyName="Acme Limited", registrationNumber="0123")
    running.control(company, "deauthorise")
    running.until(lambda: running.status(company) == "Deauthorised", "the end of access")
    made = running.invite(company_id=company)
    running.control(company, "info", companyName="Acme Group", registrationNumber="999")
    browser_page.goto(made["link"])
    agree(browser_page)
    authorise(browser_page)
    heading(browser_page, "This is another company")
    running.ask("POST", f"/v1/journeys/{made['id']}/accept")
    heading(browser_page, "Is this your company")  # the page goes on by itself
    press(browser_page, "Yes, this is us")
    heading(browser_page, "Thank you")
    [told] = running.data(company, "company.identity_accepted")
    assert told["by"] == "olga"
    running.ask("POST", f"/v1/journeys/{made['id']}/accept")  # twice is once
    assert running.types(company).count("journey.mismatch_accepted") == 1


@pytest.mark.parametrize("same", [True, False])
def test_a_reconnect_passes_for_the_same_company_only(running, browser_page, same):
    company = linked(running, companyName="Acme Limited", registrationNumber="0123")
    running.control(company, "deauthorise")
    running.until(lambda: running.status(company) == "Deauthorised", "the end of access")
    made = running.invite(company_id=company)
    number = "123" if same else "999"
    name = "Acme Ltd (new)" if same else "Other Ltd"
    running.control(company, "info", companyName=name, registrationNumber=number)
    browser_page.goto(made["link"])
    heading(browser_page, "Connect Xero again")
    agree(browser_page)
    authorise(browser_page)
    if same:
        heading(browser_page, "Is this your company")
        press(browser_page, "Yes, this is us")
        heading(browser_page, "Thank you")
        return
    heading(browser_page, "This is another company")
    shown = browser_page.locator("main").inner_text()
    assert "Acme Limited" in shown
    assert "Other Ltd" in shown
    assert browser_page.get_by_role("button", name="Yes").count() == 0
    [told] = running.until(lambda: running.data(company, "journey.mismatch"), "word of it")
    assert (told["expected"]["name"], told["found"]["name"]) == ("Acme Limited", "Other Ltd")
    running.control(company, "info", companyName="Acme Limited", registrationNumber="0123")
    press(browser_page, "Disconnect it")
    heading(browser_page, "Connect Xero again")
    running.until(lambda: running.status(company) == "Unlinked", "the unlinking")
    agree(browser_page)
    authorise(browser_page)
    heading(browser_page, "Is this your company")


def test_software_on_a_computer_is_linked_step_by_step(running, visitor):
    made = running.invite(reference="A-4")
    company = made["company_id"]
    visitor.goto(made["link"])
    choose(visitor, "Sage 50")
    agree(visitor)
    heading(visitor, "Connect .*Sage 50.* on your computer")
    shown = visitor.locator("main").inner_text()
    assert company in shown
    assert "may take hours" in shown
    assert made["link"] in shown
    mail = visitor.get_by_role("link", name="Send these steps").get_attribute("href")
    assert mail.startswith("mailto:?subject=")
    running.slow_reads(600)
    for button in ("Download the connector", "Download again"):
        with visitor.expect_download() as got:
            press(visitor, button)
        assert got.value.suggested_filename == "hbql-connector.txt"
        heading(visitor, "Connect .*Sage 50.* on your computer")  # the steps stay
        main = visitor.locator("main")
        expect(main).to_contain_text("Waiting for the connector", timeout=TIMEOUT_MS)
        expect(main).to_contain_text(company)
        expect(visitor.get_by_role("button", name="Choose another platform")).to_have_count(1)
    running.control(company, "authorise", platformKey="hbql")
    heading(visitor, "Connected. Now we read")
    expect(visitor.locator("main")).to_contain_text("can take hours", timeout=TIMEOUT_MS)
    expect(visitor.locator("main")).to_contain_text("0 of 28 kinds")


def test_a_page_waits_for_the_answer_to_its_own_form(running, browser):
    """Else it would load itself again, and the download that the answer begins were lost."""
    page = watched(browser.new_context(**PHONE))
    page.goto(running.invite(reference="A-13", platforms=["hbql"])["link"])
    agree(page)
    heading(page, "on your computer")

    def late(route):
        answer = route.fetch()
        time.sleep(POLL_SECONDS + 1)  # the stream tells of the change before the answer comes
        route.fulfill(response=answer)

    page.route("**/authorise", late)
    with page.expect_download():
        press(page, "Download the connector")
    heading(page, "on your computer")
    assert "Waiting for the connector" in page.locator("main").inner_text()
    page.context.close()
    assert page.faults == []


def test_steps_on_another_screen_keep_what_was_opened_open(running, browser):
    made = running.invite(reference="A-12", platforms=["hbql"])
    phone, plain = (
        watched(browser.new_context(**PHONE, java_script_enabled=scripts))
        for scripts in (True, False)
    )
    phone.goto(made["link"])
    agree(phone)
    heading(phone, "on your computer")
    plain.goto(made["link"])
    with plain.expect_download():
        press(plain, "Download the connector")
    plain.goto(made["link"])
    plain.get_by_text("It does not work?").click()
    refreshes = "document.querySelectorAll('meta[http-equiv=refresh]').length"
    assert plain.evaluate(refreshes) == 0
    running.control(made["company_id"], "authorise", platformKey="hbql")
    heading(phone, "Is this your company")  # by itself, though the download was begun elsewhere
    assert plain.locator("details[open]").count() == 1
    heading(plain, "Is this your company")
    for page in (phone, plain):
        page.context.close()
        assert page.faults == []


@pytest.mark.parametrize("scripts", [True, False])
def test_the_licence_key_is_copied_by_a_button_that_only_scripts_show(running, browser, scripts):
    made = running.invite(reference="A-11", platforms=["hbql"])
    context = browser.new_context(
        java_script_enabled=scripts, permissions=["clipboard-read", "clipboard-write"]
    )
    page = watched(context)
    page.goto(made["link"])
    agree(page)
    heading(page, "on your computer")
    assert page.get_by_role("button", name="Copy").count() == (2 if scripts else 0)
    assert page.get_by_role("button", name="Copy the link").count() == (1 if scripts else 0)
    if scripts:
        page.get_by_role("button", name="Copy the licence key").click()
        page.get_by_role("status").filter(has_text="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == made["company_id"]
    context.close()
    assert page.faults == []


@pytest.mark.parametrize(("kind", "name"), [("Banking", "TrueLayer"), ("Commerce", "Square")])
def test_what_has_no_company_name_is_confirmed_by_its_platform(running, visitor, kind, name):
    made = running.invite(reference="A-5", source_types=[kind])
    visitor.goto(made["link"])
    assert visitor.get_by_role("heading", level=2).count() == 1
    choose(visitor, name)
    agree(visitor)
    authorise(visitor)
    heading(visitor, "Is this your company")
    assert "does not say a company’s name" in visitor.locator("main").inner_text()
    press(visitor, "Yes, this is us")
    heading(visitor, "Thank you")


def test_search_forgives_and_what_is_missing_is_recorded(running, visitor):
    made = running.invite(reference="A-6")
    visitor.goto(made["link"])
    visitor.get_by_label("Search by name").fill("quikbooks")
    press(visitor, "Search")
    found = visitor.locator(".platforms button")
    expect(found).to_have_count(3)
    expect(found).to_contain_text(["QuickBooks"] * 3)
    visitor.get_by_label("Search by name").fill("Lexware <b>")
    press(visitor, "Search")
    said = "Nothing is called “Lexware <b>”."
    expect(visitor.get_by_role("status")).to_contain_text(said)
    visitor.get_by_role("link", name="Mine is not listed").click()
    press(visitor, "Send")
    assert "you use Lexware <b>." in visitor.get_by_role("status").inner_text()
    funnel = running.ask("GET", "/v1/journeys/funnel")
    assert funnel["not_listed"] == {"lexware <b>": 1}


def test_without_consent_no_customer_is_sent_to_codat(running, browser_page):
    made = running.invite(reference="A-7", platforms=["gbol"])
    browser_page.goto(made["link"])
    at = made["link"].removeprefix(running.url)
    send = "(path) => fetch(path, {method: 'POST'}).then((r) => [r.url, r.redirected])"
    for act in ("authorise", "consent", "confirm", "wrong"):
        browser_page.evaluate(send, f"{at}/{act}")
    assert running.journey(made)["stage"] == "consent"
    assert running.journey(made)["consents"] == []
    browser_page.reload()
    heading(browser_page, "will see in Xero")


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "شركة الاختبار \u202egnp.exe",
    "{{ 7*7 }} {platform.__class__} %s",
    "💥🏳️‍🌈" * 20,
    "W" * 300,
]


@pytest.mark.parametrize("name", HOSTILE, ids=["markup", "rtl", "template", "emoji", "long"])
def test_names_are_shown_as_text_whatever_is_in_them(running, browser, name):
    context = browser.new_context(**PHONE)
    page = watched(context)
    made = running.invite(reference="A-8", platforms=["gbol"])
    running.control(made["company_id"], "info", companyName=name, companyLegalName=name)
    page.goto(made["link"])
    agree(page)
    authorise(page)
    heading(page, "Is this your company")
    shown = name.replace("\u202e", "")  # which would turn the rest of the page around
    assert shown in page.locator("dd").first.text_content()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    press(page, "Yes, this is us")
    heading(page, "Thank you")
    context.close()
    assert page.faults == []


def test_forged_return_parameters_change_nothing(running, browser_page):
    made = running.invite(reference="A-9", platforms=["gbol"])
    other = running.invite(reference="other", platforms=["gbol"])
    browser_page.goto(made["link"])
    agree(browser_page)
    heading(browser_page, "Share .* data")
    before = running.journey(made)
    events = running.types(made["company_id"])
    forged = "statusCode=200&status=Linked&connectionId=x&errorMessage=<script>alert(1)</script>"
    for whose in (f"journey={made['id']}", f"companyId={made['company_id']}", ""):
        browser_page.goto(f"{running.url}/link/return?{forged}&{whose}")
        heading(browser_page, "Waiting for word from Xero")
    browser_page.goto(f"{running.url}/link/return?statusCode=500&journey={made['id']}")
    heading(browser_page, "Something went wrong at Xero")
    browser_page.goto(f"{running.url}/link/return?{forged}&companyId={other['company_id']}")
    heading(browser_page, "Go back to the page where you began")
    assert running.journey(made) == before
    assert running.types(made["company_id"]) == events
    assert running.journey(other)["stage"] == "consent"


def test_the_whole_way_can_be_gone_by_keyboard_alone(running, browser_page):
    made = running.invite(reference="A-10")
    browser_page.goto(made["link"])
    heading(browser_page, "Which software")

    def tab_to(name):
        for _ in range(80):
            browser_page.keyboard.press("Tab")
            label = browser_page.evaluate(
                "(document.activeElement.labels?.[0] ?? document.activeElement).innerText"
            )
            if re.search(name, label or ""):
                outline = browser_page.evaluate(
                    "getComputedStyle(document.activeElement).outlineStyle"
                )
                assert outline == "solid"
                return
        raise AssertionError(f"the Tab key does not lead to {name}")

    tab_to("Xero")
    browser_page.keyboard.press("Enter")
    heading(browser_page, "will see in Xero")
    tab_to("I may decide")
    browser_page.keyboard.press("Space")
    tab_to("Agree and")
    browser_page.keyboard.press("Enter")
    authorise(browser_page)
    heading(browser_page, "Is this your company")
    tab_to("Yes, this is us")
    browser_page.keyboard.press("Enter")
    heading(browser_page, "Thank you")
