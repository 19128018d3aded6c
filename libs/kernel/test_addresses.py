import pytest

from libs.kernel.addresses import network_of


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "network"),
    [
        ("203.0.113.7", "", 0, "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", 0, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "", 0, "203.0.113.7"),
        ("10.0.0.1", "198.51.100.9", 0, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9", 1, "198.51.100.9"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.9", 1, "198.51.100.9"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.9, 10.0.0.2", 2, "198.51.100.9"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense", 1, "unknown"),
        ("10.0.0.1", "1" * 60_000, 1, "unknown"),
        ("10.0.0.1", "1" * 60_000, 0, "10.0.0.1"),
    ],
)
def test_takes_the_word_of_our_own_proxies_alone(
    peer: str, forwarded: str, proxies: int, network: str
) -> None:
    assert network_of(peer, forwarded, proxies) == network
