"""The list of platforms: narrowed by type and by words, and honest when it has nothing."""

import re

import pytest

from codat.records import Integration
from portal.link import platform_search
from support.journeys import AtCodat, invite
from support.portal_bench import Portal


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def keys(page):
    return re.findall(r'name="platform" value="(\w+)"', page)


def status(page):
    return re.search(r'role="status"[^>]*>(.*?)</p>', page)[1]


def test_each_type_is_a_plain_link_that_keeps_what_was_looked_for(portal):
    _, at = invite(portal)
    page = portal.web.get(f"{at}?find=sa&sourceType=Accounting").text
    links = re.findall(r'<li><a href="([^"]+)"( aria-current="true")?>(.*?)</a>', page)
    assert [name for _, _, name in links] == ["All", "Accounting", "Banking", "Shops and payments"]
    assert [bool(current) for _, current, _ in links] == [False, True, False, False]
    assert links[2][0].replace("&amp;", "&") == f"{at}?sourceType=Banking&find=sa"
    assert '<input type="hidden" name="sourceType" value="Accounting">' in page
    banks = portal.web.get(f"{at}?sourceType=Banking").text
    assert len(keys(banks)) == 3
    assert status(banks) == "<bdi>3</bdi> to choose from"


def test_a_single_or_unknown_type_makes_no_filter(portal):
    _, at = invite(portal, source_types=["Banking"])
    assert "kinds" not in portal.web.get(at).text.partition("<main")[2]
    assert len(keys(portal.web.get(f"{at}?sourceType=Nonsense").text)) == 3


def test_mine_is_not_listed_stands_below_the_list_and_empty_results(portal):
    _, at = invite(portal)
    page = portal.web.get(at).text
    assert page.rindex('name="platform"') < page.index("Mine is not listed")
    none = portal.web.get(f"{at}?find=lexware").text
    assert status(none).startswith("Nothing is called")
    assert none.index("Mine is not listed") < none.index('name="platform"')
    assert "not-listed?asked=lexware" in none


def test_how_many_were_found_is_said(portal):
    _, at = invite(portal)
    assert status(portal.web.get(f"{at}?find=xero").text).endswith("”: <bdi>1</bdi>")


def test_the_cloud_comes_before_the_desktop_where_both_fit(portal):
    made = [
        Integration("pqsw", "QuickBooks Desktop", "Accounting", enabled=True, is_offline=True),
        Integration("qhyg", "QuickBooks Online", "Accounting", enabled=True),
    ]
    for asked in ("qb", "quickbooks", "quikbooks"):
        assert [one.key for one in platform_search.find(made, asked)] == ["qhyg", "pqsw"]


@pytest.mark.parametrize(("key", "shown"), [(None, True), ("a-real-key", False)])
def test_what_only_tests_use_is_not_offered_to_customers(key, shown):
    portal = Portal(codat=AtCodat(), codat_api_key=key, codat_webhook_secrets=())
    _, at = invite(portal)
    assert ({"mqjo", "ndsk"} <= set(keys(portal.web.get(at).text))) is shown
    _, named = invite(portal, platforms=["mqjo", "gbol"])
    assert set(keys(portal.web.get(named).text)) == {"mqjo", "gbol"}


def test_a_list_with_nothing_to_choose_says_whom_to_ask(portal, tmp_path):
    brand = tmp_path / "brand.toml"
    brand.write_text('[brand]\nname = "Harbour"\nsupport_email = "help@harbour.example"\n')
    portal = Portal(codat=AtCodat(), relay_brand_file=brand)
    _, at = invite(portal, source_types=["Banking"])
    xero = Integration("gbol", "Xero", "Accounting", enabled=True)
    portal.app.extensions["codat-relay"].platforms._held = [xero]
    page = portal.web.get(at).text
    assert "nothing to choose from" in status(page)
    assert 'href="mailto:help@harbour.example"' in page.partition("<footer")[0]
    assert 'type="search"' not in page
