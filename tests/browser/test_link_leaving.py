"""A customer stops and comes back, in a browser, with JavaScript and without."""

import pytest

from support.browsing import PHONE, agree, authorise, choose, heading, press
from support.link_bench import firm


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_customer_stops_goes_to_the_firm_and_comes_back(store, make_settings, browser, scripts):
    with firm(store, make_settings) as running:
        context = browser.new_context(**PHONE, java_script_enabled=scripts)
        page = context.new_page()
        page.route("https://firm.example/**", lambda route: route.fulfill(body="the firm's page"))
        made = running.invite(reference="N-1", return_url="https://firm.example/?case=1")
        page.goto(made["link"])
        choose(page, "Xero")
        heading(page, "will see in")
        page.get_by_role("link", name="Not now").click()
        page.get_by_label("ask somebody").check()
        press(page, "Stop for now")
        page.wait_for_url(f"https://firm.example/?case=1&journey={made['id']}&status=left")
        running.until(lambda: running.data(made["company_id"], "journey.left"), "the event")
        [left] = running.data(made["company_id"], "journey.left")
        assert (left["stage"], left["reason"]) == ("consent", "ask")
        page.goto(made["link"])
        agree(page)
        authorise(page)
        heading(page, "Is this your company")
        press(page, "Yes, this is us")
        heading(page, "Thank you")
        [row] = running.ask("GET", "/v1/journeys/funnel")["platforms"]
        assert (row["confirmed"], row["reasons"]) == (1, {})
        kinds = [step["type"] for step in running.journey(made)["steps"]]
        assert kinds[-3:] == ["journey.authorising", "journey.linked", "journey.confirmed"]
        context.close()
