"""The platforms by API, as the picker offers them."""

import pytest

from support.journeys import AtCodat
from support.portal_bench import VIEWER, Portal, kind
from support.stored import stored_intent


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def keys(portal, query=""):
    return [one["key"] for one in portal.get(f"/v1/integrations{query}").json["integrations"]]


def test_platforms_are_listed_with_their_data_types_and_our_logo(portal):
    answer = portal.get("/v1/integrations").json
    xero = next(one for one in answer["integrations"] if one["key"] == "gbol")
    assert xero["logo"].startswith(portal.settings.public_url)
    assert "invoices" in xero["data_types"]
    assert answer["as_of"]
    assert "Amazon" not in str(answer)


@pytest.mark.parametrize("word", ["source_type", "integration_type"])
def test_both_words_for_a_type_filter_and_typed_text_searches(portal, word):
    banking = keys(portal, f"?{word}=banking")
    assert 0 < len(banking) < len(keys(portal))
    assert keys(portal, "?q=xreo")[0] == "gbol"


def test_an_operator_has_them_reread(portal):
    assert portal.post("/v1/integrations/refresh").status_code == 202
    assert stored_intent(portal.store, "platforms:all")["cause"] == "asked for"
    assert portal.hints.performed == 1
    refused = portal.ask("POST", "/v1/integrations/refresh", token=VIEWER)
    assert kind(refused) == "forbidden"
