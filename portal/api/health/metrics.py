"""The figures under Prometheus' names, read from the store: the same in every process."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from portal.api.operations import figures
from portal.api.operations.figures import Figures
from relay.settings import Settings
from relay.store import Store


class RelayCollector(Collector):
    """Reads the figures for each scrape."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def describe(self) -> list[Metric]:
        """Return no metrics ahead, so that registering does not ask Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; without Redis only those that need none."""
        yield _gauge(
            "relay_uses_sandbox",
            "1 when the sandbox stands in for Codat.",
            self._settings.uses_sandbox,
        )
        try:
            found = figures.read(self._store)
        except RedisError:
            yield _gauge("relay_redis_up", "1 when Redis answers.", 0)
            return
        yield _gauge("relay_redis_up", "1 when Redis answers.", 1)
        yield from _metrics(found)


def _metrics(found: Figures) -> Iterator[Metric]:
    messages, intents = found.messages, dict(found.intents)
    yield _counter(
        "relay_messages_accepted", "Messages taken in, each counted once.", messages["accepted"]
    )
    yield _counter("relay_messages_duplicate", "Messages delivered again.", messages["duplicates"])
    yield _counter(
        "relay_messages_of_other_clients",
        "Genuine messages that were refused, as they name another Codat client.",
        messages["of_other_clients"],
    )
    yield _gauge("relay_lanes_waiting", "Lanes with unread messages.", messages["lanes_waiting"])
    yield _gauge(
        "relay_dead_letters", "Messages that could not be handled.", messages["dead_letters"]
    )
    yield _gauge("relay_intents_dead", "Intents that were given up.", intents.pop("dead"))
    waiting = GaugeMetricFamily(
        "relay_intents", "Intents not done yet, by priority.", labels=["priority"]
    )
    for priority, count in intents.items():
        waiting.add_metric([priority], count)
    yield waiting
    yield _gauge(
        "relay_codat_held_until_seconds",
        "Until when Codat is asked nothing, 0 when nothing holds.",
        found.budget.hold_until / 1000,
    )
    if found.budget.limit is not None:
        yield _gauge("relay_codat_daily_limit", "Calls a day, by Codat.", found.budget.limit)
    if found.budget.remaining is not None:
        yield _gauge("relay_codat_remaining", "Calls that are left today.", found.budget.remaining)
    yield _gauge(
        "relay_codat_resets_seconds",
        "When the day's calls are renewed, 0 when Codat has not said.",
        (found.budget.reset or 0) / 1000,
    )
    yield _gauge(
        "relay_codat_reserved", "Of the day's calls, kept for links.", found.budget.reserved
    )
    yield _gauge(
        "relay_codat_calls_per_minute", "The most in a minute.", found.budget.calls_per_minute
    )
    yield _gauge(
        "relay_codat_calls_last_minute",
        "Calls granted in the last minute, by all processes.",
        found.budget.calls_last_minute,
    )
    yield _gauge("relay_codat_calls_under_way", "Calls under way.", found.budget.under_way)
    yield _gauge("relay_companies", "Companies held.", found.companies)
    yield _gauge("relay_schedules", "Schedules that run.", found.schedules)
    active = [one for one in found.readers if one.active]
    yield _gauge("relay_subscriptions", "Subscriptions that are delivered to.", len(active))
    yield _gauge(
        "relay_subscriptions_failing",
        "Of these, those that did not take the last delivery.",
        sum(one.failures > 0 for one in active),
    )
    yield _gauge(
        "relay_subscriptions_stuck",
        "Of these, those that get nothing more though the log grew minutes ago.",
        sum(one.stuck for one in active),
    )
    yield _gauge(
        "relay_subscriptions_behind",
        "Events that the slowest of these has not had.",
        max((one.behind for one in active), default=0),
    )
    yield _gauge(
        "relay_log_damaged",
        "Entries of the log that readers met and that cannot be delivered as they are.",
        len(found.damaged),
    )
    yield _counter("relay_events", "Events in the log, trimmed ones too.", found.last_event)
    queues = GaugeMetricFamily(
        "relay_queue_length", "Hints that wait for a worker, by queue.", labels=["queue"]
    )
    for queue, length in found.queues.items():
        queues.add_metric([queue], length)
    yield queues
    clocks = GaugeMetricFamily(
        "relay_clock_ahead_seconds",
        "By how much a machine's clock is ahead of the server's.",
        labels=["process"],
    )
    for process, ahead in found.clocks.items():
        clocks.add_metric([process], ahead)
    yield clocks
    beats = GaugeMetricFamily(
        "relay_heartbeat_seconds", "Each process's last heartbeat.", labels=["process"]
    )
    for process, at in found.heartbeats.items():
        beats.add_metric([process], at / 1000)
    yield beats


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)
