"""Every page of the journey, as it is seen: by axe, on narrow screens, and by its size."""

import os
from pathlib import Path

import pytest

from support.browsing import DESKTOP, PHONE, agree, authorise, choose, heading, press, watched
from support.link_bench import firm

SERIOUS = {"serious", "critical"}
NARROW = {"viewport": {"width": 320, "height": 640}}  # 1280 wide at 400 %; at 200 % it is 640


@pytest.fixture
def running(store, make_settings, tmp_path):
    brand = tmp_path / "brand.toml"
    brand.write_text(
        '[brand]\nname = "Harbour Lending"\ncolour = "#0f766e"\n'
        'support_email = "help@harbour.example"\nsupport_phone = "+44 20 7946 0000"\n'
        'support_hours = "9 to 5"\nprivacy_url = "https://harbour.example/privacy"\n'
    )
    with firm(store, make_settings, relay_brand_file=brand) as started:
        yield started


def pages(running, page):
    """Go to every kind of page there is; gives the name of each once it is shown."""
    made = running.invite(reference="L-1", return_url="https://harbour.example/")
    company, at = made["company_id"], made["link"]
    page.goto(at)
    heading(page, "Which software")
    yield "pick"
    page.goto(f"{at}?find=quickboks")
    yield "pick-found"
    page.goto(f"{at}?find=nothing+of+the+kind")
    yield "pick-none"
    page.goto(f"{at}/not-listed")
    yield "not-listed"
    page.get_by_label("Which software").fill("Lexware")
    press(page, "Send")
    yield "not-listed-sent"
    page.goto(f"{at}?sourceType=Banking")
    yield "pick-banking"
    page.goto(at)
    page.get_by_role("link", name="Not now").click()
    heading(page, "Stop here for now")
    yield "leave"
    page.goto(at)
    choose(page, "Sage 50")
    heading(page, "will see in")
    yield "consent"
    press(page, "Help" if page.get_by_role("button", name="Help").count() else "Agree and")
    agree(page)
    heading(page, "on your computer")
    page.get_by_text("Need help?").click()
    yield "offline"
    press(page, "Show me a short address")
    heading(page, "on your computer")
    yield "offline-code"
    running.slow_reads(600)
    with page.expect_download():
        press(page, "Download the connector")
    yield "offline-waiting"
    press(page, "Choose another platform")
    choose(page, "Xero")
    agree(page)
    heading(page, "Share .* data")
    page.goto(at)
    heading(page, "Waiting for word")
    yield "waiting"
    for code in ("403", "500", "501"):
        page.goto(f"{at}?code={code}")
        yield f"outcome-{code}"
    page.goto(at)
    press(page, "take me there again")
    authorise(page)
    heading(page, "Connected. Now")
    yield "reading"
    page.goto("about:blank")  # a page that is told of news would go there by itself
    running.slow_reads(0)
    running.control(company, "unlink")
    running.control(company, "authorise", platformKey="gbol")
    page.goto(at)
    heading(page, "Is this your company")
    yield "confirm"
    press(page, "Yes, this is us")
    heading(page, "Thank you")
    yield "done"
    page.goto("about:blank")
    running.control(company, "deauthorise")
    running.until(lambda: running.status(company) == "Deauthorised", "the end of access")
    running.control(company, "info", companyName="Another Company Ltd", registrationNumber="999")
    page.goto(running.invite(company_id=company)["link"])
    heading(page, "Connect Xero again")
    yield "consent-again"
    agree(page)
    authorise(page)
    heading(page, "This is another company")
    yield "mismatch"
    page.goto(running.invite(reference="L-2")["link"] + "/leave")
    press(page, "Stop for now")
    heading(page, "You can come back")
    yield "left"
    page.goto(f"{running.url}/link/none")
    yield "gone"
    page.goto(f"{running.url}/pc")
    yield "pc"
    page.context.clear_cookies()
    page.goto(f"{running.url}/link/return")
    yield "returned"


@pytest.mark.parametrize("size", ["desktop", "phone", "narrow"])
def test_every_page_is_open_to_all(running, browser, size):
    """No serious finding of axe, nothing to be scrolled sideways, targets large enough."""
    from axe_playwright_python.sync_playwright import Axe

    viewport = {"desktop": DESKTOP, "phone": PHONE, "narrow": NARROW}[size]
    context = browser.new_context(**viewport)
    page = watched(context)
    shots = os.environ.get("RELAY_SHOTS")
    found, seen = [], []
    for name in pages(running, page):
        seen.append(name)
        if shots:
            page.screenshot(path=Path(shots) / f"{size}-{name}.png", full_page=True)
        result = Axe().run(page).response
        found += [
            (name, one["id"], [node["html"][:100] for node in one["nodes"]])
            for one in result["violations"]
            if one["impact"] in SERIOUS or one["id"] == "region"
        ]
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found.append((name, "wider than the screen", []))
    context.close()
    assert found == []
    assert len(seen) == 24
    assert page.faults == []


def test_the_first_page_is_small_and_all_of_it_comes_from_us(running, browser):
    """How soon it is painted on a slow line is measured by `python -m bench.link`."""
    made = running.invite(reference="L-2")
    context = browser.new_context(**PHONE)
    page = watched(context)
    sent = []
    page.on("requestfinished", lambda r: sent.append((r.url, r.sizes()["responseBodySize"])))
    page.goto(made["link"])
    page.wait_for_load_state("networkidle")
    size = sum(count for url, count in sent if "/link/logos/" not in url)
    context.close()
    assert 0 < size < 50_000
    assert {url.split("/")[2] for url, _ in sent} == {running.url.removeprefix("http://")}
    assert page.faults == []
