"""Which addresses we may post to: public ones, and private networks that an operator allowed.

A host name is resolved once and each of its addresses is checked. Connections go to the checked
addresses, so a name that resolves differently later changes nothing.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

MAX_URL_LENGTH = 2048
LOWEST_FREE_PORT = 1024
HTTPS_PORT = 443
NAT64 = ip_network("64:ff9b::/96")
# Never public, whatever Python's own table says: site-local addresses, addresses for
# documentation, and the former 6to4 relays.
RESERVED_NETWORKS = tuple(map(ip_network, ("fec0::/10", "3fff::/20", "192.88.99.0/24")))


class Forbidden(Exception):
    """We must not post to this address; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL. `path` includes the query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = HTTPS_PORT if self.secure else 80
        return host if self.port == default else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Return the parts of a URL; raises Forbidden when we can never post to it."""
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise Forbidden("the address must be plain ASCII of at most 2048 characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("this is not an address") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Forbidden("the address must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Forbidden("the address must hold no user, password or fragment")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, parts.hostname, port or (HTTPS_PORT if secure else 80), path)


def check_addresses(target: Target, found: Sequence[str], networks: Sequence[Network]) -> list[str]:
    """Return the addresses to connect to; raises Forbidden when one is not allowed."""
    if not found:
        raise Forbidden(f"{target.host} has no address")
    addresses = [ip_address(text.partition("%")[0]) for text in found]
    for address in addresses:
        if any(address in network for network in networks):
            continue
        if not is_public(address):
            raise Forbidden(f"{target.host} leads to {address}, which is not a public address")
        if not target.secure:
            raise Forbidden("http:// is for named private networks only; use https://")
        if target.port != HTTPS_PORT and target.port < LOWEST_FREE_PORT:
            raise Forbidden(f"port {target.port} belongs to another service")
    return [str(address) for address in addresses]


def check_literal(target: Target, networks: Sequence[Network]) -> None:
    """Check a host that is written as an address; a name is not resolved."""
    try:
        address = ip_address(target.host)
    except ValueError:
        return
    check_addresses(target, [str(address)], networks)


def is_public(address: Address) -> bool:
    """Report whether an address is public, also when it wraps an IPv4 address."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        for inner in _unwrapped(address):
            if not is_public(inner):
                return False
    if any(address in network for network in RESERVED_NETWORKS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: IPv6Address) -> list[IPv4Address]:
    found = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        found += address.teredo
    return [inner for inner in found if inner is not None]


def resolve(host: str, port: int, seconds: float = 5.0) -> list[str]:
    """Return a name's addresses in the system's order; raises OSError, or Forbidden when slow."""
    found: list[str] = []
    fault: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except (OSError, UnicodeError) as error:
            fault.append(error if isinstance(error, OSError) else OSError(str(error)))

    # The system's look-up has no timeout, so a slow one is abandoned in its own thread.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if fault:
        raise fault[0]
    if asking.is_alive():
        raise Forbidden(f"looking up {host} took longer than {seconds:g} s")
    return found
