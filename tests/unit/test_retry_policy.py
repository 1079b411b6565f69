"""Each way a call to Codat can fail has its policy: wait and how long, or end and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import RedisError

from codat import errors
from codat.records import Company
from relay.store.intents.queue import Intent, Priority
from workers.intents.retry_policy import (
    DAY_MS,
    GIVE_UP_AFTER_MS,
    KEY_REFUSED_WAIT,
    LIMIT_WAIT,
    MAX_BACKOFF,
    MAX_BACKOFF_STEPS,
    MAX_REFUSALS,
    MAX_RETRY_AFTER,
    AttemptResult,
    ResultKind,
    after_error,
    after_store_error,
    backoff,
)

NOW = 1_767_690_000_000  # ms
BASE = 5.0


def intent(*, attempts=1, failing=None, age=0, refusals=0):
    """One that was left `age` ms ago, and has been failing for `failing` ms."""
    since = None if failing is None else NOW - failing
    return Intent(
        "info:c-1", 1, "c-1", attempts, NOW - age, {}, "msg_1", Priority.LINK,
        failing_since=since, refusals=refusals,
    )  # fmt: skip


def ended(error, *, base=BASE, **more) -> AttemptResult:
    return after_error(error, intent(**more), now=NOW, base=base)


def test_a_rate_limit_leaves_the_waiting_to_the_budget():
    end = ended(errors.RateLimited("429", status=429, retry_after=7200.0), age=GIVE_UP_AFTER_MS * 2)
    assert end == AttemptResult(ResultKind.LATER, wait=LIMIT_WAIT, error="429", expected=True)


def test_a_rate_limit_of_no_seconds_is_not_one_of_unsaid_length():
    assert ended(errors.RateLimited("429", retry_after=0.0)).wait == 0.0
    assert ended(errors.RateLimited("429")).wait == LIMIT_WAIT


def test_a_call_that_did_not_leave_is_no_attempt():
    end = ended(errors.NoCallNow("no call left", retry_after=3.0), age=GIVE_UP_AFTER_MS * 2)
    assert end == AttemptResult(ResultKind.LATER, wait=3.0, error="no call left", expected=True)


AT_ONCE = [
    (errors.SyncInProgress, ResultKind.IN_PROGRESS),
    (errors.NotSupported, ResultKind.NOT_SUPPORTED),
    (errors.NotFound, ResultKind.GONE),
]


@pytest.mark.parametrize(("kind", "ending"), AT_ONCE)
def test_what_no_repetition_changes_ends_at_once(kind, ending):
    end = ended(kind("said"))
    assert (end.kind, end.error, end.expected) == (ending, "said", False)


@pytest.mark.parametrize("kind", [errors.Unauthorized, errors.Forbidden])
def test_a_refused_key_waits_for_an_operator(kind):
    assert ended(kind("401")).kind is ResultKind.LATER
    assert ended(kind("401")).wait == KEY_REFUSED_WAIT
    assert ended(kind("401"), base=90.0).wait == 90.0
    assert ended(kind("401"), base=0.05).wait == 0.05  # a test's patience
    assert ended(kind("401"), attempts=50, failing=6 * DAY_MS).kind is ResultKind.LATER
    assert ended(kind("401"), failing=GIVE_UP_AFTER_MS + 1).kind is ResultKind.GAVE_UP


FOR_TIME_TO_CURE = [errors.Unreachable, errors.CodatBroken, errors.BadAnswer]


@pytest.mark.parametrize("kind", FOR_TIME_TO_CURE)
def test_what_time_cures_is_tried_again_for_a_week(kind):
    end = ended(kind("503"), attempts=50, failing=GIVE_UP_AFTER_MS)
    assert end.kind is ResultKind.LATER
    assert not end.expected
    late = ended(kind("503"), attempts=50, failing=GIVE_UP_AFTER_MS + 1)
    assert (late.kind, late.error) == (ResultKind.GAVE_UP, "503")


@pytest.mark.parametrize("kind", FOR_TIME_TO_CURE)
def test_the_week_begins_with_the_trouble_not_with_the_need(kind):
    """Company info may have been waited for much longer, until a first read."""
    end = ended(kind("503"), age=GIVE_UP_AFTER_MS * 2)
    assert (end.kind, end.failing_since) == (ResultKind.LATER, NOW)
    assert ended(kind("503"), failing=DAY_MS).failing_since == NOW - DAY_MS


def test_a_limit_says_nothing_of_the_trouble_before_it():
    for limit in (errors.RateLimited("429"), errors.NoCallNow("no call left")):
        end = ended(limit, failing=DAY_MS, refusals=1)
        assert (end.failing_since, end.refusals) == (NOW - DAY_MS, 1)


def test_a_store_that_is_away_is_waited_for():
    """As during a fail-over, which would else make a dead letter of all that is under way."""
    error = RedisError("READONLY")
    end = after_store_error(error, intent(attempts=2), now=NOW, base=BASE)
    assert (end.kind, end.error, end.failing_since) == (
        ResultKind.LATER, "RedisError: READONLY", NOW
    )  # fmt: skip
    assert 0.8 * 2 * BASE <= end.wait <= 1.2 * 2 * BASE
    assert not end.expected  # a call may have left


def test_a_wait_that_codat_asks_for_is_kept():
    end = ended(errors.CodatBroken("503", retry_after=33.0))
    assert (end.wait, end.held) == (33.0, True)


def test_a_wait_that_is_longer_than_codats_day_is_a_mistake():
    end = ended(errors.CodatBroken("503", retry_after=1e9))
    assert (end.wait, end.held) == (MAX_RETRY_AFTER, True)


@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequest("400"),
        errors.PaymentRequired("402"),
        errors.Conflict("409"),
        errors.ConnectionNotCreated("no", company=Company("c-1", "Bakery")),
    ],
)
def test_a_request_that_codat_refuses_is_set_aside_after_a_few_tries(error):
    for refusals in range(MAX_REFUSALS - 1):
        end = ended(error, refusals=refusals)
        assert (end.kind, end.refusals) == (ResultKind.LATER, refusals + 1)
    assert ended(error, refusals=MAX_REFUSALS - 1).kind is ResultKind.GAVE_UP


def test_other_trouble_before_is_no_refusal_and_makes_none_forgotten():
    assert ended(errors.BadRequest("400"), attempts=50).kind is ResultKind.LATER
    assert ended(errors.CodatBroken("503"), refusals=2).refusals == 2


def test_every_class_of_error_has_a_policy():
    kinds = set(errors.CodatError.__subclasses__())
    tried = {kind for kind, _ in AT_ONCE} | {*FOR_TIME_TO_CURE}
    tried |= {errors.RateLimited, errors.NoCallNow, errors.Unauthorized, errors.Forbidden}
    tried |= {errors.BadRequest, errors.PaymentRequired, errors.Conflict}
    assert kinds == tried | {errors.ConnectionNotCreated}


@given(st.integers(1, 10**6), st.floats(0.01, 600))
def test_the_wait_doubles_up_to_a_cap_and_is_spread_by_a_fifth(attempts, base):
    wanted = min(base * min(2 ** min(attempts - 1, 100), MAX_BACKOFF_STEPS), MAX_BACKOFF)
    assert 0.8 * wanted <= backoff(attempts, base) <= 1.2 * wanted


def test_two_waits_are_not_the_same():
    """Else all that failed together would come back together."""
    assert len({backoff(3, BASE) for _ in range(20)}) > 1


def test_a_codat_error_says_what_the_log_shall_say():
    assert ended(errors.CodatBroken("GET /companies/1: 503 (correlation id x)")).error == (
        "GET /companies/1: 503 (correlation id x)"
    )
