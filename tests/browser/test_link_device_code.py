"""A customer begins on a phone and goes on at a computer, by a code."""

from support.browsing import PHONE, agree, heading, press, watched


def test_from_the_phone_to_the_computer(running, browser):
    made = running.invite(reference="P-1", platforms=["hbql"])
    phone = watched(browser.new_context(**PHONE))
    phone.add_init_script("navigator.share = async (what) => { window.shared = what; }")
    phone.goto(made["link"])
    agree(phone)
    heading(phone, "on your computer")
    mail = phone.get_by_role("link", name="Send these steps").get_attribute("href")
    for part in (made["company_id"], "Download%20the%20connector", "licence%20key", "link/"):
        assert part in mail
    assert len(mail) < 2000  # more is cut off by some mail programs
    press(phone, "Share these steps")
    shared = phone.evaluate("window.shared.text")
    assert made["company_id"] in shared
    assert made["link"] in shared
    press(phone, "Show me a short address")
    code = phone.locator("#code").inner_text()
    computer = watched(browser.new_context(java_script_enabled=False))
    computer.goto(f"{running.url}/pc")
    computer.get_by_label("Code").fill(code.lower())
    press(computer, "Go on")
    heading(computer, "on your computer")
    assert made["company_id"] in computer.locator("main").inner_text()
    for page in (phone, computer):
        page.context.close()
        assert page.faults == []
