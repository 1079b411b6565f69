"""Codat's integrations are read anew once a night, whoever looks at them."""

import pytest
from pydantic import SecretStr

from codat import errors
from codat.records import Integration, ProfileSyncSettings, SyncSetting
from relay.store.intents.queue import NewIntent, Priority
from scheduler import maintenance
from support.stored import stored_intent

TWO = 1_760_000_000_000 // 86_400_000 * 86_400_000 + 2 * 3_600_000  # 02:00 UTC
HOUR = 3_600_000
XERO = {"key": "gbol", "name": "Xero", "enabled": True}


@pytest.fixture
def codat(bench):
    def listed():
        yield Integration.from_json(XERO)
        if codat.breaks:
            raise errors.Unreachable("half a list")

    codat = bench.codat
    codat.breaks = False
    codat.list_integrations = listed
    codat.get_profile_sync_settings = lambda: codat.settings
    settings = (
        SyncSetting("invoices", on_first_link=True, hours=0),
        SyncSetting("bills", on_first_link=False, hours=24),
        SyncSetting("journals", on_first_link=False, hours=0),
    )
    codat.settings = ProfileSyncSettings("4b6091c4-32b8-4e08-ac31-f7dc7477674b", settings)
    return codat


def nightly(bench, now):
    return maintenance.refresh_platforms(bench.store, bench.hints, now)


def test_they_are_read_once_a_night_however_many_clocks_look(bench, codat):
    assert nightly(bench, TWO)  # none were read yet
    assert nightly(bench, TWO)
    assert bench.perform() == 1
    assert bench.store.platforms.read()[1] == [XERO]
    bench.store.platforms.keep([XERO], TWO)
    assert not nightly(bench, TWO + 23 * HOUR)
    assert nightly(bench, TWO + 24 * HOUR)
    bench.store.platforms.keep([XERO], TWO - HOUR)
    assert not nightly(bench, TWO - HOUR // 2)
    assert nightly(bench, TWO)


def test_a_list_that_breaks_off_replaces_nothing_and_is_tried_again(bench, codat):
    bench.store.platforms.keep([XERO, XERO], TWO - 24 * HOUR)
    codat.breaks = True
    assert nightly(bench, TWO)
    bench.perform()
    assert len(bench.store.platforms.read()[1]) == 2
    assert stored_intent(bench.store, "platforms:all")["attempts"] == "1"
    codat.breaks = False
    bench.store.intents.put([NewIntent("platforms:all", "", Priority.NOW, TWO, "again")], TWO)
    bench.perform()
    assert len(bench.store.platforms.read()[1]) == 1
    assert stored_intent(bench.store, "platforms:all") is None


def test_what_codat_reads_by_itself_is_kept_besides(bench, codat):
    assert bench.store.platforms.read_by_codat() is None
    nightly(bench, TWO)
    bench.perform()
    assert bench.store.platforms.read_by_codat() == {"invoices", "bills"}


def test_the_client_of_our_key_is_kept_for_that_key_only(bench, codat):
    platforms, mark = bench.store.platforms, bench.settings.key_mark
    assert platforms.client_id(mark) is None
    nightly(bench, TWO)
    bench.perform()
    assert platforms.client_id(mark) == codat.settings.client_id
    other = bench.settings.model_copy(update={"codat_api_key": SecretStr("another-key")})
    assert platforms.client_id(other.key_mark) is None
    codat.settings = ProfileSyncSettings(None)
    bench.store.intents.put([NewIntent("platforms:all", "", Priority.NOW, TWO, "again")], TWO)
    bench.perform()
    assert platforms.client_id(mark) is not None


def test_settings_that_cannot_be_read_keep_no_list_back(bench, codat):
    def forbidden():
        raise errors.Forbidden("not for this key", status=403)

    codat.get_profile_sync_settings = forbidden
    nightly(bench, TWO)
    bench.perform()
    assert bench.store.platforms.read()[1] == [XERO]
    assert bench.store.platforms.read_by_codat() is None
    assert stored_intent(bench.store, "platforms:all") is None
