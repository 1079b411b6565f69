"""The rules of subscriptions: secrets, signatures, waits."""

import standardwebhooks

from codat.signature import new_secret
from relay.delivery.subscription import (
    RETRY_DELAYS,
    Secret,
    Subscription,
    headers,
    message_id,
    retry_delay,
)

NOW = 1_767_600_000_000
HOUR = 3_600_000


def make(**more) -> Subscription:
    return Subscription("sub_1", "https://x.test/", (Secret(new_secret()),), NOW, **more)


def test_a_subscription_is_kept_whole():
    one = make(types=("sync.*",), companies=("c",), batch=3)
    assert Subscription.from_json(one.to_json()) == one


def test_secrets_are_not_shown():
    one = make()
    assert one.secrets[0].value not in repr(one)


def test_both_secrets_verify_in_the_overlap_then_only_the_new_one(monkeypatch):
    one, new = make(), new_secret()
    former = one.secrets[0].value
    rotated = Subscription("sub_1", one.url, one.rotated(new, NOW, HOUR), NOW)
    assert rotated.secrets_at(NOW) == [new, former]
    sent = headers(rotated, message_id(rotated, "e1", 7, 7), b"{}", NOW)
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _At)
    for secret in (new, former):
        standardwebhooks.Webhook(secret).verify(b"{}", sent)
    assert rotated.secrets_at(NOW + HOUR) == [new]
    again = rotated.rotated(new_secret(), NOW, HOUR)
    assert len(again) == 3
    assert len(Subscription("s", "", again, NOW).rotated("x", NOW + 2 * HOUR, 0)) == 1


def test_the_same_events_have_the_same_message_id_on_every_attempt():
    one = make()
    first, second = (
        headers(one, message_id(one, "e1", 7, 7), b"{}", NOW + at) for at in (0, 60_000)
    )
    assert first["webhook-id"] == second["webhook-id"] == "sub_1.e1.7"
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert message_id(make(batch=9), "e1", 7, 12) == "sub_1.e1.7-12"


def test_waits_follow_the_schedule_and_the_subscribers_retry_after():
    assert [retry_delay(n, None, 0.5) for n in range(1, 10)] == [*RETRY_DELAYS, RETRY_DELAYS[-1]]
    assert [round(retry_delay(1, None, luck), 6) for luck in (0.0, 1.0)] == [4.0, 6.0]
    assert retry_delay(1, 100.0, 0.5) == 100.0
    assert retry_delay(1, 1e9, 0.5) == 86_400.0


class _At:
    """The verifying library's clock, stopped at NOW."""

    import datetime as _real

    @classmethod
    def now(cls, tz=None):
        return cls._real.datetime.fromtimestamp(NOW / 1000, tz)

    @classmethod
    def fromtimestamp(cls, at, tz=None):
        return cls._real.datetime.fromtimestamp(at, tz)
