"""A dummy name is replaced once, by a PATCH of the name alone; a person's name never is."""

from dataclasses import replace

import pytest

from codat.errors import Unreachable
from relay.inbox.message import action_fields
from relay.store.intents.queue import Intent, Priority
from support.folding import action
from support.parts import company_id, make_event
from workers.intents.kinds import name
from workers.intents.kinds.name import NO_NAME, NOT_KEPT
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
DUMMY = "Pending 1"


@pytest.fixture
def pending(bench):
    """A company under a dummy name, here and at Codat, whose info has come."""
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY, "dataConnections": []}
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    tell(bench, "relay.info_fetched", info={"companyName": "Bakery (Leeds) Ltd"})
    return bench


def tell(bench, kind, **payload):
    read = action(kind, id=kind, **payload).read()
    bench.store.inbox.ingest(kind, COMPANY, action_fields(read))
    bench.drain()


def do(bench, *, tried=None):
    intent = Intent(f"name:{COMPANY}", 1, COMPANY, 1, 0, {}, "msg_1", Priority.LINK, tried)
    ended = name.run(bench.context, intent)
    assert ended.kind is ResultKind.DONE
    return ended.action and (ended.action.type, ended.action.payload)


def rename_at_codat(bench, present):
    bench.codat.companies[COMPANY]["name"] = present


def test_a_dummy_name_is_replaced_by_the_real_one_as_codat_keeps_it(pending):
    told = do(pending)
    assert told == ("relay.renamed", {"previous": DUMMY, "name": "Bakery Leeds Ltd"})
    assert pending.codat.renamed == [(COMPANY, "Bakery Leeds Ltd")]


def test_the_name_as_codat_stored_it_is_logged(pending, monkeypatch):
    change = pending.codat.update_company

    def keep_less(company, wanted, **more):
        return replace(change(company, wanted, **more), name="Bakery")

    monkeypatch.setattr(pending.codat, "update_company", keep_less)
    assert do(pending) == ("relay.renamed", {"previous": DUMMY, "name": "Bakery"})


@pytest.mark.parametrize(
    ("order", "expected"),
    [("companyName,companyLegalName", "Bakery"), ("companyLegalName", "Bakery Holdings Ltd")],
)
def test_the_settings_say_which_name_is_the_real_one(bench, make_settings, order, expected):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY}
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    names = {"companyName": "Bakery", "companyLegalName": "Bakery Holdings Ltd"}
    tell(bench, "relay.info_fetched", info=names)
    settings = make_settings(relay_name_order=order)
    bench.context = replace(bench.context, settings=settings)
    assert do(bench)[1]["name"] == expected


@pytest.mark.parametrize("tried", [None, 1])
def test_a_name_that_a_person_chose_meanwhile_is_kept(pending, tried):
    rename_at_codat(pending, "Our Bakery")
    assert do(pending, tried=tried) == ("relay.name_kept", {"name": "Our Bakery"})
    assert pending.codat.renamed == []


def test_a_name_that_an_earlier_attempt_wrote_is_ours(pending):
    """Its answer was lost; the GET shows that it got through."""
    rename_at_codat(pending, "Bakery Leeds Ltd")
    told = do(pending, tried=1)
    assert told == ("relay.renamed", {"previous": DUMMY, "name": "Bakery Leeds Ltd"})
    assert pending.codat.renamed == []


def test_a_real_name_we_never_tried_to_write_is_a_persons_choice(pending):
    rename_at_codat(pending, "Bakery Leeds Ltd")
    assert do(pending) == ("relay.name_kept", {"name": "Bakery Leeds Ltd"})


def test_a_write_whose_answer_was_lost_is_not_written_again(pending):
    write = pending.codat.update_company

    def lose_the_answer(company, wanted, **more):
        write(company, wanted, **more)
        raise Unreachable("the answer was lost")

    pending.codat.update_company = lose_the_answer
    with pytest.raises(Unreachable):
        do(pending)
    assert do(pending, tried=1)[0] == "relay.renamed"
    assert len(pending.codat.renamed) == 1


def test_a_dummy_name_that_a_person_brought_back_stays(pending):
    tell(pending, "relay.renamed", previous=DUMMY, name="Bakery Leeds Ltd")
    assert do(pending) is None
    assert pending.codat.renamed == []


def test_a_dummy_name_in_codats_characters_is_still_the_dummy(pending):
    rename_at_codat(pending, f" {DUMMY}\u00ad ")
    assert do(pending)[0] == "relay.renamed"


def test_a_dummy_equal_to_the_real_name_is_kept_and_no_dummy_anymore(bench):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": "Bakery", "dataConnections": []}
    tell(bench, "relay.company_created", name="Bakery", placeholder=True)
    tell(bench, "relay.info_fetched", info={"companyName": "Bakery"})
    kind, payload = do(bench)
    assert bench.codat.renamed == []
    before = bench.types()
    tell(bench, kind, **payload)
    held = bench.store.companies.get(COMPANY)
    assert (held.name, held.given_name, held.name_source) == ("Bakery", "Bakery", "codat")
    assert bench.types() == before  # nothing changed that anybody sees


@pytest.mark.parametrize("info", [{"companyName": None, "companyLegalName": " "}, {}])
def test_info_without_a_name_is_logged(bench, info):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY}
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    tell(bench, "relay.info_fetched", info=info)
    reason = NO_NAME.format("companyName and no companyLegalName")
    assert do(bench) == ("relay.name_unavailable", {"reason": reason})
    assert bench.codat.renamed == []


@pytest.mark.parametrize(
    ("legal", "told"),
    [
        ("Romashka LLC", ("relay.renamed", {"previous": DUMMY, "name": "Romashka LLC"})),
        (
            None,
            ("relay.name_unavailable", {"reason": NOT_KEPT.format("companyName")}),
        ),
    ],
)
def test_a_name_of_which_codat_would_keep_a_part_is_never_written(bench, legal, told):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY}
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    info = {"companyName": "ООО «Ромашка» - 2", "companyLegalName": legal}
    tell(bench, "relay.info_fetched", info=info)
    assert do(bench) == told


@pytest.mark.parametrize("tried", [None, 1])
def test_a_persons_name_in_another_script_is_not_taken_for_ours(bench, tried):
    dummy, present = "Сессия 5", "Компания 5"
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": present}
    tell(bench, "relay.company_created", name=dummy, placeholder=True)
    tell(bench, "relay.info_fetched", info={"companyName": "5"})
    assert do(bench, tried=tried) == ("relay.name_kept", {"name": present})
    assert bench.codat.renamed == []


def test_before_the_info_there_is_nothing_to_write(bench):
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY}
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    assert do(bench) is None


def test_codat_is_not_asked_about_a_name_that_is_not_ours_to_replace(bench):
    assert do(bench) is None
    bench.deliver(make_event("company.created", name="Bakery"))
    bench.drain()
    assert do(bench) is None
    assert bench.codat.asked == []
