"""Who answers is who was meant: certificates are checked for the name, not for the address."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.kernel.clock import system_clock
from services.ingress.adapters.destinations import Destinations
from services.ingress.adapters.sender import sending_client

ANYWHERE = Destinations(is_private_allowed=True)


def certificate_for(name: str, folder: Path) -> Path:
    """A key and its certificate, for one name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = system_clock()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def partner(certificate: Path) -> AsyncIterator[tuple[int, list[str | None]]]:
    """Somebody who answers 204 over TLS; its port, and the names it was called by."""
    called: list[str | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def remember(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        called.append(name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = remember
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], called


async def post(port: int, trusted: ssl.SSLContext | None) -> int:
    """Send something to the partner by its name, as the sender does. Returns the status."""
    destination = await ANYWHERE.find(f"https://localhost:{port}/hook")
    url = destination.url.replace("[::1]", "127.0.0.1")  # It listens there alone.
    async with sending_client(trusted) as client:
        headers = {"host": destination.host_header}
        extensions = {"sni_hostname": destination.host}
        answer = await client.post(url, content=b"{}", headers=headers, extensions=extensions)
    return answer.status_code


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_reaches_a_partner_by_its_name_at_the_address_that_was_looked_at(
    tmp_path: Path,
) -> None:
    certificate = certificate_for("localhost", tmp_path)
    async with partner(certificate) as (port, called):
        assert await post(port, trusting(certificate)) == 204
        assert called == ["localhost"]


async def test_tells_nothing_to_somebody_with_the_certificate_of_another(tmp_path: Path) -> None:
    certificate = certificate_for("somebody.example", tmp_path)
    async with partner(certificate) as (port, _):
        with pytest.raises(httpx2.ConnectError, match="Hostname mismatch"):
            await post(port, trusting(certificate))


async def test_tells_nothing_to_somebody_whose_certificate_nobody_believes(tmp_path: Path) -> None:
    certificate = certificate_for("localhost", tmp_path)
    async with partner(certificate) as (port, _):
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await post(port, None)
