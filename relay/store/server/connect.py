"""Open the connection to Redis or Valkey: alone, by TLS, by socket, or behind Sentinel."""

from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.connection import SSLConnection
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from relay.server_address import ServerAddress, read_address

BACKOFF = ExponentialWithJitterBackoff(base=0.02, cap=0.5)
SENTINEL_TIMEOUT = 1.0  # seconds; then the next one is asked
# A thread holds one connection at a time, so a process never has more of them than threads. The
# pool has no limit of its own beside that: redis-py's, 100, fails threads while the server stalls.
AS_MANY_AS_THREADS = 2**31


class Connections:
    """Notices each connection that a client makes: behind a new one may be another server.

    `latest` is another object with each of them, None until the first.
    """

    def __init__(self) -> None:
        self.latest: object = None

    def __call__(self, connection: Any) -> None:
        """Make a connection ready, before it carries anything; redis-py calls this."""
        connection.on_connect()
        self.latest = object()


class PromptConnection(SentinelManagedConnection):
    """A connection to the primary that Sentinel names.

    redis-py keeps one of these open when a read of it breaks off, as by a signal that ends a
    worker: the answer still to come would be taken for that of the next command, or waited for
    without end. Other connections are closed then, and so is this one.
    """

    def read_response(
        self,
        disable_decoding: Any = False,
        *,
        disconnect_on_error: bool | None = True,
        **more: Any,
    ) -> Any:
        """Read an answer; closes the connection when that breaks off."""
        return super().read_response(
            disable_decoding, disconnect_on_error=disconnect_on_error, **more
        )


class PromptTLSConnection(PromptConnection, SSLConnection):
    """The same by TLS."""


def connections_of(client: redis.Redis) -> Connections:
    """Return what notices a client's connections: nothing, unless `connect` made the client."""
    held = client.get_connection_kwargs().get("redis_connect_func")
    return held if isinstance(held, Connections) else Connections()


def connect(url: str, *, timeout: float = 5.0, retries: int = 3) -> redis.Redis:
    """Return a client for `url`; nothing is sent yet. Raises BadAddress.

    `timeout` is in seconds, for connecting and for each answer. redis-py sends a command again, up
    to `retries` times, when its answer is lost: only scripts safe to send twice and reads may go
    through such a client.
    """
    address = read_address(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(BACKOFF, retries),
        "max_connections": AS_MANY_AS_THREADS,
        "health_check_interval": 0,
        "redis_connect_func": Connections(),
        **address.options,
    }
    if address.service is not None:
        return _behind_sentinel(address, address.service, options)
    if address.path is not None:
        pool = redis.ConnectionPool(
            connection_class=redis.UnixDomainSocketConnection, path=address.path, **options
        )
    else:
        [(host, port)] = address.hosts
        kind = redis.SSLConnection if address.tls else redis.Connection
        pool = redis.ConnectionPool(connection_class=kind, host=host, port=port, **options)
    return redis.Redis.from_pool(pool)


def _behind_sentinel(address: ServerAddress, service: str, options: dict[str, Any]) -> redis.Redis:
    make: Any = Sentinel  # redis-py leaves it without types
    sentinel = make(
        address.hosts,
        sentinel_kwargs={
            "socket_timeout": min(SENTINEL_TIMEOUT, options["socket_timeout"]),
            # One that is down is not waited for: the next is asked.
            "retry": Retry(NoBackoff(), 0),
            "ssl": address.sentinel_tls,
            **address.sentinel_options,
        },
    )
    kind = PromptTLSConnection if address.tls else PromptConnection
    client = sentinel.master_for(service, connection_class=kind, **options)
    assert isinstance(client, redis.Redis)
    return client
