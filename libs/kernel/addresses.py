"""Where a request comes from, as far as attempts are counted by it."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

IPV6_PREFIX = 64
"""What a household or a rented server has of IPv6: to count each address would count nothing."""

ADDRESS_LENGTH_MAX = 64
"""Of any address there is, its zone included. What is longer is none, and not worth remembering."""


def network_of(peer: str, forwarded: str = "", proxies: int = 0) -> str:
    """The address of a client: an IPv4 address, or the /64 of an IPv6 one.

    peer       who connected to us
    forwarded  the header `X-Forwarded-For` as it came; who connected to us has added the last entry
    proxies    how many proxies of ours stand in front of us; what is said beyond them is anybody's
    """
    seen = peer
    if proxies and forwarded:
        entries = forwarded.split(",")
        seen = entries[-proxies].strip() if proxies <= len(entries) else peer
    return _network(seen) if len(seen) <= ADDRESS_LENGTH_MAX else "unknown"


@lru_cache(maxsize=4096)
def _network(seen: str) -> str:
    try:
        address = ip_address(seen)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
