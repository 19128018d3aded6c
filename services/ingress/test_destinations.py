"""Where messages may be sent: nowhere inside, however it is written."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ingress_webhooks import WebhookUrlRefused
from services.ingress.adapters.destinations import Destinations, Unresolvable, is_public

OUTSIDE = Destinations()
ANYWHERE = Destinations(is_private_allowed=True)
PRIVATE = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254"),
    *("172.16.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:db8::1"),
    *("::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe", "2001:0:1::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_knows_an_address_of_our_own_network(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_knows_an_address_of_the_internet(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_says_the_same_of_an_address_inside_of_another(address: IPv4Address) -> None:
    number = int(address)
    mapped = IPv6Address(f"::ffff:{address}")
    translated = IPv6Address(int(ip_network("64:ff9b::/96").network_address) + number)
    tunnelled = IPv6Address((0x2002 << 112) + (number << 80))
    known = is_public(address)
    assert [is_public(each) for each in (mapped, translated, tunnelled)] == [known] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com:port/",
        "https:///path",
        "file:///etc/passwd",
        "https://exämple.com/",
        "https://[::1",
        "gopher://example.com/",
    ],
)
def test_refuses_an_address_before_anything_is_asked(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        OUTSIDE.check(url)


@pytest.mark.parametrize("host", ["localhost", "0177.0.0.1", "2130706433", "0x7f.1", "127.1"])
async def test_refuses_a_name_that_leads_inside(host: str) -> None:
    with pytest.raises((WebhookUrlRefused, Unresolvable)):
        await OUTSIDE.find(f"https://{host}/")


async def test_says_that_a_name_is_unknown() -> None:
    with pytest.raises(Unresolvable):
        await OUTSIDE.find("https://no-such-host.invalid/")


async def test_connects_to_the_very_address_that_was_looked_at() -> None:
    found = await OUTSIDE.find("https://1.1.1.1:8443/a/b?c=d")
    assert found.url == "https://1.1.1.1:8443/a/b?c=d"
    assert (found.host, found.host_header) == ("1.1.1.1", "1.1.1.1:8443")
    inside = await ANYWHERE.find("http://localhost:8080/hook")
    assert inside.address in {"127.0.0.1", "::1"}
    assert (inside.host, inside.host_header) == ("localhost", "localhost:8080")
    assert "localhost" not in inside.url
