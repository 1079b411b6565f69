"""Steps of a journey are told, and a link that is awaited is told as the journey's."""

from support.folding import action, apply, company_after, logged, types, webhook
from support.parts import connection_id, make_event

JOURNEY = {"journey": "j-1", "connection_id": connection_id(1)}
WRONG = {"name": "Wrong Ltd"}
CREATED = action("relay.company_created", name="Pending 1", placeholder=True)
SENT = action("journey.authorising", at=1, **JOURNEY)
LINKED = webhook(make_event("connection.connected", connection=(1, "Linked"), at=2))
INFO = action("relay.info_fetched", info={"companyName": "Wrong Ltd"}, at=3)
RENAMED = action("relay.renamed", previous="Pending 1", name="Wrong Ltd", at=4)


def test_every_stage_is_logged_with_its_data():
    folded = apply(company_after(CREATED), action("journey.opened", journey="j-1"))
    assert logged(folded) == [("journey.opened", {"journey": "j-1"})]


def test_a_link_that_a_journey_awaits_is_logged_as_its_own():
    folded = apply(company_after(CREATED, SENT), LINKED)
    told = dict(logged(folded))
    assert told["journey.linked"]["journey"] == "j-1"
    assert told["journey.linked"]["connection_id"] == connection_id(1)


def test_a_link_reported_twice_is_the_journeys_once():
    held = company_after(CREATED, SENT, LINKED)
    again = webhook(make_event("connection.connected", connection=(1, "Linked"), at=5))
    assert "journey.linked" not in types(apply(held, again))


def test_a_link_no_journey_awaits_is_logged_without_one():
    assert "journey.linked" not in types(apply(company_after(CREATED), LINKED))
    ended = action("journey.revoked", at=2, journey="j-1", left_at="authorising")
    assert "journey.linked" not in types(apply(company_after(CREATED, SENT, ended), LINKED))


def test_a_refusal_is_logged_with_its_reasons():
    event = make_event("connection.failed", connection=(1, "PendingAuth"), at=2)
    event["payload"]["connection"]["dataConnectionErrors"] = [{"errorMessage": "User cancelled"}]
    told = dict(logged(apply(company_after(CREATED, SENT), webhook(event))))
    assert told["journey.refused"]["reasons"] == ["User cancelled"]
    assert told["journey.refused"]["journey"] == "j-1"


def test_the_wrong_companys_info_and_name_are_given_up():
    held = company_after(CREATED, SENT, LINKED, INFO, RENAMED)
    assert held.name_source == "codat"
    after = apply(held, action("journey.wrong_company", at=5, company=WRONG, **JOURNEY)).company
    assert (after.info, after.awaited) == (None, {})
    assert (after.name_source, after.placeholder) == ("placeholder", "Wrong Ltd")
    late = apply(after, INFO)  # asked before, answered after
    assert late.company.info is None


def test_a_name_that_a_person_chose_survives_the_wrong_company():
    chosen = action("relay.name_kept", name="Ours", at=4)
    held = company_after(CREATED, SENT, LINKED, INFO, chosen)
    after = apply(held, action("journey.wrong_company", at=5, company=WRONG, **JOURNEY)).company
    assert (after.name, after.name_source) == ("Ours", "person")


def test_accepting_another_company_in_a_journey_clears_the_flag():
    other = action("relay.info_fetched", info={"companyName": "Other"}, at=5)
    held = company_after(CREATED, SENT, LINKED, INFO, other)
    assert held.identity_mismatch
    accepted = action(
        "journey.mismatch_accepted", at=6, by="olga", expected=WRONG, found=WRONG, **JOURNEY
    )
    folded = apply(held, accepted)
    assert (folded.company.identity_mismatch, folded.company.expected) == (None, None)
    assert types(folded) == ["journey.mismatch_accepted", "company.identity_accepted"]
    assert types(apply(folded.company, accepted)) == ["journey.mismatch_accepted"]


def test_the_right_company_is_known_after_the_wrong_one_is_undone():
    other = action("relay.info_fetched", info={"companyName": "Other"}, at=5)
    wrong = action("journey.wrong_company", at=6, company=WRONG, **JOURNEY)
    held = company_after(CREATED, SENT, LINKED, INFO, other, wrong)
    assert (held.info, held.identity_mismatch) == (None, None)
    again = action("relay.info_fetched", info={"companyName": "Other"}, at=7)
    right = action("relay.info_fetched", info={"companyName": "Wrong Ltd"}, at=7)
    assert apply(held, again).company.identity_mismatch
    assert apply(held, right).company.identity_mismatch is None


def test_a_company_that_stays_linked_keeps_its_info_and_name():
    held = company_after(CREATED, SENT, LINKED, INFO, RENAMED)
    said = action("journey.wrong_company", at=5, company=WRONG, still_linked=True, **JOURNEY)
    folded = apply(held, said)
    assert folded.company.info == held.info
    assert folded.company.name_source == "codat"
    assert dict(logged(folded))["journey.wrong_company"]["still_linked"] is True
