"""Open the connection to Redis or Valkey: alone, by TLS, by socket, or behind Sentinel."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

BACKOFF = ExponentialWithJitterBackoff(base=0.02, cap=0.5)
SENTINEL_PORT = 26379
DEFAULT_SENTINEL_SERVICE = "mymaster"


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


def connections_of(client: redis.Redis) -> Connections:
    """Give what notices a client's connections: nothing, unless `connect` made the client."""
    held = client.get_connection_kwargs().get("redis_connect_func")
    return held if isinstance(held, Connections) else Connections()


def connect(
    url: str, *, timeout: float = 5.0, retries: int = 3, max_connections: int | None = None
) -> redis.Redis:
    """Give a client for `url`; nothing is sent yet.

    `timeout` is in seconds, for connecting and for each answer. redis-py sends a command again, up
    to `retries` times, when its answer is lost: only scripts safe to send twice and reads may go
    through such a client.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(BACKOFF, retries),
        "max_connections": max_connections,
        "health_check_interval": 0,
        "redis_connect_func": Connections(),
    }
    parts = urlsplit(url)
    if "+sentinel" in parts.scheme:
        return _behind_sentinel(url, options)
    return redis.Redis.from_url(url, **options)


def _behind_sentinel(url: str, options: dict[str, Any]) -> redis.Redis:
    """Read `redis+sentinel://[user:password@]host[:port][,host...]/service[/db]`."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [piece for piece in parts.path.split("/") if piece]
    query = parse_qs(parts.query)
    addresses = []
    for host in hosts.split(","):
        name, _, port = host.partition(":")
        addresses.append((name, int(port or SENTINEL_PORT)))
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    if password or username:
        options |= {"password": password or username, "username": username if password else None}
    sentinel_options = {
        "password": query["sentinel_password"][0] if "sentinel_password" in query else None,
        "socket_timeout": options["socket_timeout"],
    }
    make: Any = Sentinel  # redis-py leaves it without types
    sentinel = make(addresses, sentinel_kwargs=sentinel_options)
    client = sentinel.master_for(
        path[0] if path else DEFAULT_SENTINEL_SERVICE,
        db=int(path[1]) if len(path) > 1 else 0,
        **options,
    )
    assert isinstance(client, redis.Redis)
    return client
