"""Where people leave and why: per platform and try, from what each journey passed."""

import pytest

from relay.times import now_ms
from support.journeys import AtCodat, agreed, invite, refuse, steps
from support.portal_bench import Portal


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def rows(portal, query=""):
    report = portal.get(f"/v1/journeys/funnel{query}").json
    return {one["platform_key"]: one for one in report["platforms"]}


def test_a_refusal_stays_with_its_platform_after_a_switch(portal):
    made, at = invite(portal)
    agreed(portal, at)
    refuse(portal, "403", "User cancelled")
    portal.web.get(at)
    portal.web.post(f"{at}/back")
    portal.web.post(f"{at}/platform", data={"platform": "fbrh"})
    xero, other = rows(portal)["gbol"], rows(portal)["fbrh"]
    assert (xero["journeys"], xero["authorising"], xero["linked"]) == (1, 1, 0)
    assert (xero["left_at"], xero["reasons"]) == ({"authorising": 1}, {"refused": 1})
    assert (other["platform_chosen"], other["left_at"], other["reasons"]) == (1, {}, {})
    assert other["stages"] == {"consent": 1}
    assert steps(portal, made)[-4:] == [
        "authorising", "refused", "platform_left", "platform_chosen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "reason"), [("403", "refused"), ("500", "failed"), ("", "failed")]
)
def test_reasons_are_of_a_closed_set_whatever_the_platform_says(portal, code, reason):
    made, at = invite(portal)
    agreed(portal, at)
    refuse(portal, code, "<any words>")
    assert rows(portal)["gbol"]["reasons"] == {reason: 1}
    assert steps(portal, made)[-1] == "refused"  # though nobody looked at the page since


def test_trying_again_is_the_same_try_and_each_refusal_is_a_step(portal):
    made, at = invite(portal)
    agreed(portal, at)
    refuse(portal, "403", "no")
    portal.web.get(at)
    portal.web.get(at)
    portal.web.post(f"{at}/authorise")
    assert steps(portal, made)[-3:] == ["authorising", "refused", "authorising"]
    assert rows(portal)["gbol"]["attempts"] == 1


def test_who_has_not_moved_for_a_day_has_left_where_they_stand(portal, monkeypatch):
    _, at = invite(portal)
    portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    assert rows(portal)["gbol"]["left_at"] == {}
    later = now_ms() + 25 * 3_600_000
    monkeypatch.setattr("portal.api.journeys.routes.now_ms", lambda: later)
    row = rows(portal)["gbol"]
    assert (row["left_at"], row["reasons"]) == ({"platform_chosen": 1}, {"idle": 1})
    assert rows(portal, "?idle_hours=48")["gbol"]["left_at"] == {}


def test_every_other_end_has_its_reason(portal):
    _, left = invite(portal)
    portal.web.post(f"{left}/leave")
    _, missing = invite(portal)
    portal.web.post(f"{missing}/not-listed", data={"sought": "Lexware"})
    portal.web.post(f"{missing}/leave")
    revoked, _ = invite(portal)
    portal.post(f"/v1/journeys/{revoked['id']}/revoke")
    row = rows(portal)[""]
    assert row["left_at"] == {"opened": 2, "started": 1}
    assert row["reasons"] == {"left": 1, "not_listed": 1, "revoked": 1}


def test_a_mail_scanner_does_not_open_a_link(portal):
    made, at = invite(portal)
    assert portal.web.head(at).status_code == 200
    assert steps(portal, made) == ["started"]
    assert rows(portal)[""]["opened"] == 0
    portal.web.get(at)
    assert steps(portal, made) == ["started", "opened"]
