"""Read the address of a Redis or Valkey server: alone, by TLS, by socket, or behind Sentinel.

`redis://[user:password@]host[:port][/db][?options]`, `unix://[user:password@]/path[?options]`, or
`redis+sentinel://[user:password@]host[:port][,host...][/service[/db]][?options]`; `rediss` is TLS.
Parts are percent-decoded once. Options are named as redis-py's `from_url` names them. Behind
Sentinel those that begin with `sentinel_` are the sentinels' own; TLS and its options count for
them and the servers alike, unless `sentinel_` says otherwise.
"""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

from relay.nearest import hint

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
PORT, SENTINEL_PORT = 6379, 26379
DEFAULT_SERVICE = "mymaster"
SENTINEL = "sentinel_"
MAX_SOCKET_LENGTH = 107  # bytes; the kernel takes one more, a zero
SHAPE = re.compile(r"([A-Za-z+]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
NOT_UTF_8 = "has bytes in a user name, password or option that are not UTF-8"
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
UNFIT = re.compile(r"[\x00-\x1f\x7f]")
UNREADABLE = (
    "is not an address; within a user name, password or path write @ / ? # and % by their codes:"
    " %40 %2F %3F %23 %25"
)
WRITTEN_ONCE = (
    "a user and password stand once, before all hosts, and an @ within them is written %40; the"
    " sentinels' own are sentinel_username= and sentinel_password="
)
YES, NO = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")


class BadAddress(ValueError):
    """The address cannot be read; `str()` says why, without a word that may be a secret."""


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is. `options` are redis-py's, `sentinel_options` those for the sentinels."""

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    service: str | None = None  # set behind Sentinel
    tls: bool = False
    sentinel_tls: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_address(text: str) -> ServerAddress:
    """Take an address apart; raises BadAddress."""
    found = SHAPE.fullmatch(text)
    if found is None or UNFIT.search(text):
        raise BadAddress(UNREADABLE)
    scheme, authority, path, query = found[1].lower(), found[2], found[3], found[4] or ""
    if scheme not in SCHEMES:
        raise BadAddress(f"must start with one of {', '.join(sorted(SCHEMES))} and ://")
    if scheme != "unix" and "@" in path:
        raise BadAddress(UNREADABLE)
    user, _, hosts = authority.rpartition("@")
    tls, by_sentinel = scheme.startswith("rediss"), scheme.endswith("+sentinel")
    if by_sentinel and re.search("@.*,", user):  # else hosts would be taken for a password
        raise BadAddress(f"has more than one @ before its path; {WRITTEN_ONCE}")
    given = _query(query, tls=tls, by_sentinel=by_sentinel)
    theirs = {n.removeprefix(SENTINEL): v for n, v in given.items() if n.startswith(SENTINEL)}
    ours = {name: value for name, value in given.items() if not name.startswith(SENTINEL)}
    ours = _credentials(user) | ours
    if scheme == "unix":
        if hosts or not path.strip("/"):
            raise BadAddress("must name the socket by its whole path: unix:///path/to/socket")
        return ServerAddress(path=_socket(path), options=ours)
    parts = [_decoded(part) for part in path.strip("/").split("/") if part]
    if not by_sentinel:
        addresses = _hosts(hosts or "localhost", PORT)
        if len(addresses) > 1:
            raise BadAddress("has several hosts, which only redis+sentinel:// can have")
        return ServerAddress(addresses, tls=tls, options=_database(parts, ours))
    sentinel_tls = bool(theirs.pop("ssl", tls))
    if sentinel_tls:
        theirs = {n: v for n, v in ours.items() if n.startswith("ssl_")} | theirs
    service, *rest = parts or [DEFAULT_SERVICE]
    return ServerAddress(
        _hosts(hosts, SENTINEL_PORT),
        service=service,
        tls=tls,
        sentinel_tls=sentinel_tls,
        options=_database(rest, ours),
        sentinel_options=theirs,
    )


def socket_address(path: Path) -> str:
    """Return the address of the socket at a path, of any bytes."""
    return f"unix://{quote(os.fsencode(path))}"


def _socket(text: str) -> str:
    if BROKEN.search(text):
        raise BadAddress("has a % that begins no code; write % as %25")
    path = unquote_to_bytes(os.fsencode(text))
    if b"\0" in path:
        raise BadAddress("has a zero byte in its path")
    if len(path) > MAX_SOCKET_LENGTH:
        raise BadAddress(
            f"has a path of more than {MAX_SOCKET_LENGTH} bytes, too long for a socket"
        )
    return os.fsdecode(path)


def _credentials(text: str) -> dict[str, Any]:
    user, colon, password = text.partition(":")
    given = {"username": _decoded(user), "password": _decoded(password)}
    if text and not colon:  # as redis-py has it, a name alone is no password
        given.pop("password")
    return {name: value for name, value in given.items() if value}


def _hosts(text: str, port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_host(one.strip(), port) for one in text.split(","))


def _host(text: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\](?::([0-9]*))?", text)
    found = found or re.fullmatch(r"([^:\[\]\s]+)(?::([0-9]*))?", text)
    if found is None:
        raise BadAddress(
            "has a host that cannot be read, or its port is not a number up to 65535; an IPv6"
            " host stands in brackets: [::1]:6379"
        )
    number = int(found[2] or port)
    if not 0 < number <= 65535:
        raise BadAddress("has a port that is not a number from 1 up to 65535")
    name = _decoded(found[1])
    if not _is_host(name, in_brackets=text.startswith("[")):
        raise BadAddress("has a host that is neither a name nor an IP address")
    return name, number


def _is_host(name: str, *, in_brackets: bool) -> bool:
    try:
        if in_brackets:
            return bool(IPv6Address(name))
        return bool(name.encode("idna")) and not re.search(r"[\s\x00-\x1f\x7f]", name)
    except ValueError:
        return False


def _database(parts: list[str], options: dict[str, Any]) -> dict[str, Any]:
    if len(parts) > 1:
        raise BadAddress("has more in its path than belongs there")
    if parts:
        if not re.fullmatch("[0-9]{1,5}", parts[0]):
            raise BadAddress("has a database that is not a number")
        if options.setdefault("db", int(parts[0])) != int(parts[0]):
            raise BadAddress("names two databases, in its path and as db=")
    return options


def _decoded(text: str) -> str:
    if BROKEN.search(text):
        raise BadAddress("has a % that begins no code; write % as %25")
    try:
        text.encode()
        return unquote(text, errors="strict")
    except UnicodeError:
        raise BadAddress(NOT_UTF_8) from None


def _query(text: str, *, tls: bool, by_sentinel: bool) -> dict[str, Any]:
    known = dict(OPTIONS)
    if by_sentinel:
        known |= {SENTINEL + name: read for name, read in OPTIONS.items() if name in SENTINELS_OWN}
        known[SENTINEL + "ssl"] = _yes
    given: dict[str, Any] = {}
    if BROKEN.search(text):
        raise BadAddress("has a % that begins no code; write % as %25")
    try:
        text.encode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise BadAddress(NOT_UTF_8) from None
    for name, value in pairs:
        if name not in known and "@" in text:  # the end of a password, as likely as not
            raise BadAddress(UNREADABLE)
        if name not in known or not re.search(rf"(^|&){name}=", text):
            shown = name if re.fullmatch("[a-z_]{1,40}", name) else "one"
            raise BadAddress(f"has an option that is not known, {shown}{hint(name, known)}")
        if name in given:
            raise BadAddress(f"names the option {name} twice")
        try:
            given[name] = known[name](value)
        except (ValueError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise BadAddress(f"has the option {name}, which {said}") from None
    for name in given:
        by_tls = given.get("sentinel_ssl", tls) if name.startswith(SENTINEL) else tls
        if name.removeprefix(SENTINEL).startswith("ssl_") and not by_tls:
            raise BadAddress(f"has the option {name}, which needs TLS: rediss instead of redis")
        if name.endswith("ssl_keyfile") and name.replace("key", "cert") not in given:
            raise BadAddress(f"has the option {name}, which needs {name.replace('key', 'cert')}")
    return given


def _text(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def _yes(value: str) -> bool:
    if value.lower() not in YES + NO:
        raise ValueError("must be true or false")
    return value.lower() in YES


def _number(value: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return int(value)


def _seconds(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", value) or float(value) == 0:
        raise ValueError("must be a number of seconds above 0")
    return float(value)


def _file(value: str) -> str:
    path = Path(_text(value))
    if not path.is_file():
        raise ValueError("is not a file that can be read")
    with path.open("rb"):
        return value


def _folder(value: str) -> str:
    if not Path(_text(value)).is_dir():
        raise ValueError("is not a folder")
    return value


def _client_name(value: str) -> str:
    if not re.fullmatch("[!-~]+", value):
        raise ValueError("must be of letters, digits and signs of ASCII, without spaces")
    return value


def _tls_version(value: str) -> int:
    known = {int(one): one.name for one in ssl.TLSVersion if one >= ssl.TLSVersion.TLSv1_2}
    if not value.isascii() or not value.isdigit() or int(value) not in known:
        said = ", ".join(f"{number} ({name})" for number, name in known.items())
        raise ValueError(f"must be one of {said}")
    return int(value)


def _by(package: str, module: str) -> Callable[[str], bool]:
    """Read yes or no; yes needs a package that redis-py does not bring along."""

    def read(value: str) -> bool:
        if (wanted := _yes(value)) and find_spec(module) is None:
            raise ValueError(f"needs the Python package {package}, which is not installed")
        return wanted

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


# What redis-py's `from_url` takes and does not stand against how we use it.
OPTIONS: dict[str, Callable[[str], Any]] = {
    "db": _number,
    "username": _text,
    "password": _text,
    "client_name": _client_name,
    "protocol": lambda value: int(_one_of("2", "3")(value)),
    "socket_timeout": _seconds,
    "socket_connect_timeout": _seconds,
    "socket_keepalive": _yes,
    "health_check_interval": _number,
    "max_connections": _number,
    "ssl_ca_certs": _file,
    "ssl_ca_path": _folder,
    "ssl_ca_data": _text,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": _text,
    "ssl_cert_reqs": _one_of("none", "optional", "required"),
    "ssl_check_hostname": _yes,
    "ssl_min_version": _tls_version,
    "ssl_ciphers": _text,
    "ssl_validate_ocsp": _by("cryptography", "cryptography"),
    "ssl_validate_ocsp_stapled": _by("pyopenssl", "OpenSSL"),
}
SENTINELS_OWN = {n for n in OPTIONS if n.startswith(("ssl_", "socket_"))} | {"username", "password"}
