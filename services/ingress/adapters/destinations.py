"""Where messages may be sent: to the public internet, and never into our own network.

Whoever may register a webhook could otherwise have us call what only we can reach. A name is
resolved here, each of its addresses is looked at, and the connection is made to the very address
that was looked at: a name that says something else a moment later changes nothing.
source    https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from contracts.ingress_webhooks import WebhookUrlRefused

RESOLVE_SECONDS: Final = 5.0
_NAT64: Final = ip_network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}
_LAST_32_BITS: Final = 0xFFFFFFFF


class Unresolvable(Exception):
    """A name that nobody knows just now."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to connect for a URL.

    address   the one that was looked at
    url       with the address in place of the name
    host      what to say to the other side, for TLS and HTTP
    """

    address: str
    url: str
    host: str
    host_header: str


@dataclass(frozen=True, slots=True)
class Destinations:
    """is_private_allowed   for development: our own network and plain http are allowed too."""

    is_private_allowed: bool = False

    def check(self, url: str) -> None:
        """Refuse what can be refused without asking anybody. raises   WebhookUrlRefused"""
        self._parse(url)

    async def find(self, url: str) -> Destination:
        """Where to connect. raises   WebhookUrlRefused, Unresolvable"""
        host, port, scheme = self._parse(url)
        addresses = await _resolve(host, port)
        if not self.is_private_allowed and not all(map(is_public, addresses)):
            raise WebhookUrlRefused("it leads into a private network")
        address = addresses[0]
        parts = urlsplit(url)
        shown = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        tail = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        is_usual = port == _PORTS[scheme]
        named = f"[{host}]" if ":" in host else host
        return Destination(
            address=str(address),
            url=f"{scheme}://{shown}:{port}{tail}",
            host=host,
            host_header=named if is_usual else f"{named}:{port}",
        )

    def _parse(self, url: str) -> tuple[str, int, str]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise WebhookUrlRefused("it is no address") from None
        if parts.scheme not in _PORTS or not host or parts.username is not None:
            raise WebhookUrlRefused("it is no address, or holds a name or password")
        if not host.isascii():
            raise WebhookUrlRefused("write the name of the host in ASCII (xn--…)")
        if not self.is_private_allowed:
            if parts.scheme != "https":
                raise WebhookUrlRefused("it must be https")
            literal = _literal(host)
            if literal is not None and not is_public(literal):
                raise WebhookUrlRefused("it leads into a private network")
        return host, port or _PORTS[parts.scheme], parts.scheme


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public internet, also inside of another address."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & _LAST_32_BITS)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.scope_id is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


async def _resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """Every address of a host. raises   Unresolvable"""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        raise Unresolvable("its name cannot be resolved") from None
    addresses = [ip_address(str(entry[4][0])) for entry in found]
    if not addresses:
        raise Unresolvable("its name has no address")
    return addresses
