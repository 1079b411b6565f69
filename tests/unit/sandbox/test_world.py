"""The sandbox's Codat in memory, without a network."""

import pytest

from codat.signature import new_secret
from sandbox.config import SandboxConfig
from sandbox.world.events import Event
from sandbox.world.refusals import Refusal
from sandbox.world.world import World

NOW = 1_790_000_000.0


class Clock:
    """A clock that goes on when told."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return []


@pytest.fixture
def world(clock, told):
    return make_world(clock, told)


def make_world(clock, told, **wanted):
    return World(SandboxConfig(webhook_secret=new_secret(), **wanted), told.append, clock)


def types(told: list[Event]) -> list[str]:
    return [event.type for event in told]


def link(world, key="gbol", name="Acme"):
    company = world.create_company(name)
    return company, world.authorise(world.create_connection(company.id, key).id)


def test_a_name_loses_what_codat_does_not_allow(world):
    assert world.create_company("Company (Codat[1])").name == "Company Codat1"


def test_a_name_of_forbidden_characters_alone_is_refused(world):
    with pytest.raises(Refusal) as refused:
        world.create_company("(((")
    assert refused.value.status == 400
    assert not world.companies


def test_linking_sends_its_events_in_order(world, clock, told):
    link(world)
    clock.now += 1
    world.advance()
    assert types(told) == [
        "company.created",
        "connection.created",
        "connection.connected",
        "read.completed.initial",
        "read.completed",
    ]


def test_stamps_rise_also_when_the_clock_does_not(world, clock, told):
    world.create_company("One")
    world.create_company("Two")
    clock.now -= 3600
    world.create_company("Three")
    stamps = [event.micros for event in told]
    assert sorted(set(stamps)) == stamps


def test_a_read_walks_through_codats_stages(world, clock):
    company, _ = link(world)
    pull = company.latest["invoices"]
    seen = []
    for share in (0.0, 0.4, 0.6, 0.9):
        seen.append(pull.status(NOW + share * 0.3))
    world.advance(NOW + 0.3)
    assert [*seen, pull.status(NOW)] == ["Queued", "Fetching", "Mapping", "Processing", "Complete"]


def test_company_info_is_there_only_after_its_read(world):
    company, _ = link(world)
    assert company.info is None
    world.advance(NOW + 0.3)
    assert company.info is not None


def test_a_bank_alone_gives_no_company_info(world):
    company, _ = link(world, "suuo")
    world.advance(NOW + 0.3)
    assert company.info is None
    assert company.last_sync


def test_the_same_seed_gives_the_same_businesses(clock):
    names = []
    for _ in range(2):
        world = make_world(clock, [], sync_seconds=0)
        names.append([link(world)[0].info["companyLegalName"] for _ in range(8)])
    assert names[0] == names[1]
    assert len({n for n in names[0] if n}) == len([n for n in names[0] if n])


def test_zero_seconds_completes_at_once(clock, told):
    world = make_world(clock, told, sync_seconds=0)
    link(world)
    assert types(told)[-1] == "read.completed"


def test_a_type_under_way_is_not_queued_again(world):
    company, _ = link(world)
    running = company.latest["invoices"].id
    with pytest.raises(Refusal) as refused:
        world.refresh(company.id, "invoices")
    assert refused.value.error == (
        "DatasetAlreadyInProgressException: Cannot queue invoices sync for "
        f"{company.id} as previous sync {running} is still in progress"
    )


def test_refreshing_all_leaves_what_runs_alone(world):
    company, _ = link(world)
    assert world.refresh_all(company.id) == []
    world.advance(NOW + 0.3)
    assert len(world.refresh_all(company.id)) == 28


@pytest.mark.parametrize("data_type", ["commerce-orders", "nonsense"])
def test_a_type_the_platform_lacks_is_not_supported(world, data_type):
    company, _ = link(world)
    with pytest.raises(Refusal, match=f"Datatype {data_type} not supported by platform") as refused:
        world.refresh(company.id, data_type)
    assert refused.value.status == 404


def test_an_unlinked_company_cannot_be_refreshed(world):
    company, connection = link(world)
    world.unlink(connection.id)
    for ask in (lambda: world.refresh(company.id, "bills"), lambda: world.refresh_all(company.id)):
        with pytest.raises(Refusal) as refused:
            ask()
        assert refused.value.status == 400


def test_losing_access_ends_the_reads_under_way(world, told):
    company, connection = link(world)
    world.deauthorise(connection.id)
    assert types(told)[-2:] == ["connection.disconnected", "read.completed"]
    assert {read["status"] for read in told[-1].payload["dataTypes"]} == {"AuthError"}
    assert company.running == {}
    assert connection.errors[-1]["statusCode"] == "401"


def test_a_read_ended_early_is_not_sent_twice(world, told):
    _, connection = link(world)
    world.deauthorise(connection.id)
    count = len(told)
    world.advance(NOW + 10)
    assert len(told) == count


def test_linking_again_is_sent_as_reconnected_and_read_again(world, told):
    _, connection = link(world)
    world.advance(NOW + 0.3)
    world.deauthorise(connection.id)
    told.clear()
    world.authorise(connection.id)
    world.advance(NOW + 0.6)
    assert types(told) == ["connection.reconnected", "read.completed.initial", "read.completed"]
    assert connection.errors[-1]["status"] == "Resolved"


def test_refusing_leaves_the_connection_pending_with_the_reason(world, told):
    company = world.create_company("Acme")
    connection = world.create_connection(company.id, "gbol")
    world.refuse(connection.id)
    assert told[-1].type == "connection.failed"
    shown = told[-1].payload["connection"]
    assert shown["status"] == "PendingAuth"
    assert shown["dataConnectionErrors"][0]["errorMessage"] == "User cancelled"
    assert shown["dataConnectionErrors"][0]["statusCode"] == "403"


def test_only_a_linked_connection_can_be_unlinked(world):
    company = world.create_company("Acme")
    connection = world.create_connection(company.id, "gbol")
    with pytest.raises(Refusal):
        world.unlink(connection.id)


def test_a_deleted_connection_still_says_linked(world, told):
    company, connection = link(world)
    world.advance(NOW + 0.3)
    world.delete_connection(connection.id)
    assert told[-1].type == "connection.deleted"
    assert told[-1].payload["connection"]["status"] == "Linked"
    assert company.connections == {}
    assert world.linked_companies() == 0


def test_a_deleted_company_is_gone_and_its_reads_stay_silent(world, told):
    company, connection = link(world)
    world.delete_company(company.id)
    world.advance(NOW + 10)
    assert types(told)[-1] == "company.deleted"
    with pytest.raises(Refusal, match=f"No company was found with ID {company.id}"):
        world.company(company.id)
    with pytest.raises(Refusal):
        world.connection(connection.id)


def test_the_older_way_creates_the_connection_too(world):
    company = world.create_company("Acme", platform_key="xero")
    assert [c.platform.key for c in company.connections.values()] == ["gbol"]


def test_an_unknown_platform_makes_no_company(world):
    with pytest.raises(Refusal):
        world.create_company("Acme", platform_key="nope")
    assert not world.companies


def test_the_quota_grows_with_linked_companies(world):
    assert world.spend("a").limit == 1000
    link(world)
    assert world.spend("a").limit == 2000


def test_reaching_the_quota_and_its_reset_are_sent_once_each(clock, told):
    world = make_world(clock, told, daily_quota=2)
    assert [world.spend("a").retry_after for _ in range(2)] == [None, None]
    wait = world.spend("a").retry_after
    world.spend("a")
    assert types(told) == ["client.rateLimit.reached"]
    clock.now += wait
    world.advance()
    world.advance()
    assert types(told) == ["client.rateLimit.reached", "client.rateLimit.reset"]
    assert told[-1].payload["quotaRemaining"] == 2


def test_the_quotas_day_can_be_shortened(clock):
    world = make_world(clock, [], daily_quota=1, quota_day=20.0)
    world.spend("a")
    wait = world.spend("a").retry_after
    assert 0 < wait <= 20
    clock.now += wait
    assert world.spend("a").retry_after is None


def test_the_minute_limit_is_by_address(clock):
    world = make_world(clock, [], minute_quota=1)
    assert world.spend("a").retry_after is None
    assert 0 < world.spend("a").retry_after <= 60
    assert world.spend("b").retry_after is None
    clock.now += 60
    assert world.spend("a").retry_after is None


def test_a_set_outcome_ends_the_read_and_keeps_the_last_success(world):
    company, _ = link(world)
    world.advance(NOW + 0.3)
    good = company.succeeded["bills"]
    company.outcomes["bills"] = "FetchError"
    world.refresh(company.id, "bills")
    world.advance(NOW + 10)
    assert company.latest["bills"].final == "FetchError"
    assert company.succeeded["bills"] is good


def test_a_link_works_once_and_for_a_day(world, clock):
    company = world.create_company("Acme")
    connection = world.create_connection(company.id, "gbol")
    otp = connection.fresh_otp(NOW)
    assert connection.accepts(otp, NOW + 86_400)
    assert not connection.accepts(otp, NOW + 86_401)
    world.refuse(connection.id)
    assert not connection.accepts(otp, NOW)


def test_a_link_read_late_in_its_life_is_a_new_one(world):
    connection = world.create_connection(world.create_company("Acme").id, "gbol")
    first = connection.fresh_otp(NOW)
    assert connection.fresh_otp(NOW + 3600) == first
    assert connection.fresh_otp(NOW + 13 * 3600) != first
