"""Which sender a request is of: its address, or for IPv6 the /64 network of one site."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from relay.delivery.addresses import Network

SUBNET = 64  # bits


def sender_of(peer: str, forwarded: str | None = None, proxies: tuple[Network, ...] = ()) -> str:
    """Return the sender of a request: the nearest address that is none of our proxies'.

    `forwarded` is the header X-Forwarded-For, which counts only as far as proxies of ours wrote it.
    """
    if proxies and forwarded:
        chain = [part.strip() for part in forwarded.split(",")]
        while chain and _is_in(peer, proxies) and _address(chain[-1]):
            peer = chain.pop()
    if ":" not in peer:
        return peer
    address = _address(peer)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> SUBNET << SUBNET))
    return peer if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        address = ip_address(text)
        return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    return None


def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)
