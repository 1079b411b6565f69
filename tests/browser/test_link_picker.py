"""The picker in a browser: the list follows what is typed; without JavaScript a button does it."""

import pytest
from playwright.sync_api import expect

from support.browsing import DESKTOP, PHONE, heading, press, watched
from support.link_bench import firm


@pytest.fixture
def running(store, make_settings):
    with firm(store, make_settings) as started:
        yield started


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_list_follows_what_is_typed(running, browser, size):
    context = browser.new_context(**size)
    page = watched(context)
    page.goto(running.invite(reference="P-1")["link"])
    heading(page, "Which software")
    box, names = page.get_by_label("Search by name"), page.locator(".platforms .name bdi")
    status = page.get_by_role("status")
    box.press_sequentially("quikb")
    expect(status).to_have_text("Results for “quikb”: 3")
    expect(names).to_have_count(3)
    assert names.first.inner_text() == "QuickBooks Online"
    expect(box).to_be_focused()
    assert page.url.endswith("?find=quikb")
    box.fill("lexware")
    expect(status).to_contain_text("Nothing is called “lexware”")
    box.fill("")
    expect(status).to_contain_text("to choose from")
    page.get_by_role("link", name="Banking").click()
    expect(names).to_have_count(3)
    box.fill("plaid")
    expect(names).to_have_text(["Plaid"])
    page.get_by_role("link", name="All", exact=True).click()
    expect(names).to_have_text(["Plaid"])
    context.close()
    assert page.faults == []


def test_it_is_one_page_all_the_while_one_types(running, browser_page):
    browser_page.goto(running.invite(reference="P-2")["link"])
    browser_page.evaluate("window.here = true")
    browser_page.get_by_label("Search by name").fill("xero")
    expect(browser_page.locator(".platforms button")).to_have_count(1)
    assert browser_page.evaluate("window.here")
    press(browser_page, "Xero")
    heading(browser_page, "will see in Xero")


def test_without_javascript_the_button_finds_the_same(running, browser):
    context = browser.new_context(**PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(running.invite(reference="P-3")["link"])
    page.get_by_role("link", name="Banking").click()
    page.get_by_label("Search by name").fill("plaid")
    press(page, "Search")
    assert page.locator(".platforms .name bdi").all_inner_texts() == ["Plaid"]
    context.close()
