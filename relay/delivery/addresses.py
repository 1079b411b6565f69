"""Where we may post to: public addresses, and private networks that an operator has named.

The name is looked up once, each address it has is judged, and connections go to those that were
judged: a name that later leads elsewhere changes nothing.
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
# Not of the open internet, whatever the table that comes with this Python says: site-local
# addresses, those for documentation, and the former relays of 6to4.
RESERVED_NETWORKS = tuple(map(ip_network, ("fec0::/10", "3fff::/20", "192.88.99.0/24")))


class Forbidden(Exception):
    """We do not post there; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `target` is path and query."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS_PORT if self.secure else 80
        return host if self.port == usual else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Take an address apart; raises Forbidden for what could never be posted to."""
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
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, parts.hostname, port or (HTTPS_PORT if secure else 80), target)


def check_addresses(place: Target, found: Sequence[str], networks: Sequence[Network]) -> list[str]:
    """Give the addresses to connect to, all that the name has; raises Forbidden if one is bad."""
    if not found:
        raise Forbidden(f"{place.host} has no address")
    addresses = [ip_address(text.partition("%")[0]) for text in found]
    for address in addresses:
        named = any(address in network for network in networks)
        if named:
            continue
        if not is_public(address):
            raise Forbidden(f"{place.host} leads to {address}, which is not a public address")
        if not place.secure:
            raise Forbidden("http:// is for named private networks only; use https://")
        if place.port != HTTPS_PORT and place.port < LOWEST_FREE_PORT:
            raise Forbidden(f"port {place.port} belongs to another service")
    return [str(address) for address in addresses]


def check_literal(place: Target, networks: Sequence[Network]) -> None:
    """Judge a host that is written as an address, without looking anything up."""
    try:
        address = ip_address(place.host)
    except ValueError:
        return
    check_addresses(place, [str(address)], networks)


def is_public(address: Address) -> bool:
    """Whether an address is of the open internet, whatever it is wrapped in."""
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
    """Give the addresses of a name, in the system's order; raises OSError, or Forbidden if slow."""
    found: list[str] = []
    fault: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except (OSError, UnicodeError) as error:
            fault.append(error if isinstance(error, OSError) else OSError(str(error)))

    # The system's own lookup knows no deadline, so it is left behind when it takes too long.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if fault:
        raise fault[0]
    if asking.is_alive():
        raise Forbidden(f"looking up {host} took longer than {seconds:g} s")
    return found
