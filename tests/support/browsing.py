"""What a customer does in a real browser on the pages of a journey."""

import re

from playwright.sync_api import TimeoutError

TIMEOUT_MS = 60_000  # only a failing test waits so long
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}


def watched(context):
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.faults = []
    page.on("dialog", lambda dialog: (page.faults.append("a dialog"), dialog.dismiss()))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda r: page.faults.append(r.url) if foreign(r.url) else None)
    page.on(
        "console",
        lambda said: page.faults.append(said.text) if "Content Security" in said.text else None,
    )
    return page


def foreign(url):
    return not url.startswith(("http://127.0.0.1:", "about:", "chrome-error:"))


def heading(page, text):
    """Wait for the page with this heading; says which page it is instead when it does not come.

    Where there is no JavaScript, a person looks again now and then.
    """
    wanted = page.get_by_role("heading", level=1, name=re.compile(text))
    look = page.get_by_role("link", name="See how it stands")
    try:
        for _ in range(TIMEOUT_MS // 500):
            wanted.or_(look).first.wait_for()
            if wanted.count() or not look.count():
                break
            page.wait_for_timeout(500)
            look.click()
        wanted.wait_for()
        page.wait_for_load_state()
    except TimeoutError as error:
        shown = page.locator("body").inner_text()
        raise AssertionError(f"{text!r} is not shown, but {page.url}: {shown}") from error


def press(page, name):
    page.get_by_role("button", name=re.compile(name)).first.click()


def agree(page):
    page.get_by_role("checkbox").check()
    press(page, "Agree and")


def authorise(page):
    """Say yes at Codat's page, which the sandbox plays."""
    heading(page, "Share .* data")
    press(page, "Authorise")


def choose(page, name):
    heading(page, "Which software")
    press(page, name)
