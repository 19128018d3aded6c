"""What is asked of others' servers: over https, by one at a time, and never too often."""

import asyncio
import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from libs.kernel.clock import system_clock
from libs.testkit.clock import FakeClock
from services.auth.adapters.foreign import outward
from services.auth.adapters.foreign.documents import Documents
from services.auth.adapters.foreign.errors import AnswerRefused, Misconfigured, Unreachable
from services.auth.adapters.foreign.outward import checked_url, get_json, get_object
from tests.peers.hostile_provider import Answer, running_hostile


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.org",
        "https://login.example.org:8443/tenant?x=y",
        "http://127.0.0.1:9000/",
        "http://[::1]:9000/",
        "http://localhost/",
    ],
)
def test_asks_over_https_and_on_loopback(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "login.example.org",
        "//login.example.org/",
        "http://login.example.org/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://127.0.0.1@evil.example/",
        "https://user:password@login.example.org/",
        "https://login.example.org/#fragment",
        "https:///path",
        "https://login.example.org:port/",
        "https://[::1",
        "https://lögin.example.org/",
        "file:///etc/passwd",
        "https://login.example.org/" + "x" * 3000,
    ],
)
def test_asks_nowhere_else(url: object) -> None:
    with pytest.raises(Misconfigured):
        checked_url(url)


async def test_takes_nothing_from_a_server_that_nobody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = system_clock()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    async with running_hostile(context) as server:
        server.answers["/"] = Answer({"told": "lies"})
        url = server.issuer.replace("http:", "https:")
        with pytest.raises(Unreachable):
            await get_json(f"{url}/")
        assert server.asked == []
        # Whom this machine trusts, it asks.
        trusting = ssl.create_default_context(cafile=str(pem))
        monkeypatch.setattr(outward, "_tls", lambda: trusting)
        assert await get_json(f"{url}/") == {"told": "lies"}


async def test_follows_nobody_elsewhere() -> None:
    async with running_hostile() as server, running_hostile() as elsewhere:
        server.answers["/"] = Answer({}, 307, {"Location": f"{elsewhere.issuer}/"})
        with pytest.raises(AnswerRefused):
            await get_json(f"{server.issuer}/", bearer="a token")
        assert elsewhere.asked == []


@pytest.mark.parametrize("status", [201, 304, 400, 401, 404])
async def test_takes_no_answer_but_a_plain_one(status: int) -> None:
    async with running_hostile() as server:
        server.answers["/"] = Answer({"sub": "ann"}, status)
        with pytest.raises(AnswerRefused):
            await get_object(f"{server.issuer}/")


async def test_finds_nobody_where_nobody_listens() -> None:
    with pytest.raises(Unreachable):
        await get_json("http://127.0.0.1:9/")


# ---------------------------------------------------------------------------------- documents


async def test_asks_once_for_all_who_want_the_same() -> None:
    asked: list[str] = []

    async def fetch(name: str) -> str:
        asked.append(name)
        await asyncio.sleep(0)
        return name.upper()

    documents = Documents(fetch, FakeClock())
    assert await asyncio.gather(*(documents.get("a") for _ in range(50))) == ["A"] * 50
    assert await asyncio.gather(*(documents.get("a", again=True) for _ in range(50))) == ["A"] * 50
    assert asked == ["a"]


async def test_keeps_no_more_documents_than_it_may() -> None:
    asked: list[int] = []

    async def fetch(number: int) -> int:
        asked.append(number)
        return number

    documents = Documents(fetch, FakeClock(), documents_max=3)
    for number in (1, 2, 3, 1, 4, 1, 2):  # The fourth takes the place of the one not used longest.
        assert await documents.get(number) == number
    assert asked == [1, 2, 3, 4, 2]


async def test_asks_a_server_that_has_come_back() -> None:
    clock = FakeClock()
    async with running_hostile() as server:
        documents: Documents[str, object] = Documents(get_json, clock)
        url = f"{server.issuer}/x"
        with pytest.raises(AnswerRefused):
            await documents.get(url)
        server.answers["/x"] = Answer(["there"])
        with pytest.raises(Unreachable):
            await documents.get(url)
        clock.advance(seconds=10)
        assert await documents.get(url) == ["there"]
        assert server.asked == ["/x", "/x"]
