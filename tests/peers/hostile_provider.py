"""A provider that answers whatever a test wants it to: what no honest one can be brought to say.

Where a real provider serves, tests use that (`openid_provider`); this one is the attacker.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID: Final = "us"
KEY: Final = RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256", "use": "sig"})
SAME_ID: Final = RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256", "use": "sig"})
"""Of somebody else, under the same id."""


@dataclass
class Answer:
    """What a path answers.

    body           bytes as they are, anything else as JSON
    pause_seconds  before each byte of it
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0


class Hostile:
    """The provider: its `answers` by path, and what it was asked, path by path."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.asked: list[str] = []
        self.requests: list[str] = []
        self.answers: dict[str, Answer] = {
            "/.well-known/openid-configuration": Answer(self.metadata()),
            "/jwks": Answer({"keys": [KEY.as_dict(private=False)]}),
        }

    def metadata(self, **changes: Any) -> dict[str, Any]:
        """The discovery document of an honest provider, with some changes."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
            **changes,
        }

    def claims(self, nonce: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The claims of a good id token, with some changes; those that are None are left out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "ann",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": "ann@example.org",
            "email_verified": True,
            **(changes or {}),
        }
        return {name: value for name, value in claims.items() if value is not None}

    def will_give(self, id_token: str | None, **changes: Any) -> None:
        """Have the token endpoint answer with an id token."""
        answer = {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token, **changes}
        self.answers["/token"] = Answer(answer)

    def sign(self, claims: Mapping[str, Any], key: RSAKey = KEY) -> str:
        return jwt.encode({"alg": "RS256", "kid": "k1"}, dict(claims), key)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and hang up."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.asked.append(path)
            self.requests.append(head.decode() + (await self._body(head, reader)).decode())
            await self._send(writer, self.answers.get(path, Answer({"error": "not_found"}, 404)))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # Whoever asked has gone, as a client should that has had enough.
        finally:
            writer.close()

    async def _body(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return await reader.readexactly(int(line.partition(b":")[2]))
        return b""

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers = {"Connection": "close", "Content-Type": "application/json", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} X"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        if answer.pause_seconds:
            for each in body:
                writer.write(bytes([each]))
                await writer.drain()
                await asyncio.sleep(answer.pause_seconds)
        else:
            writer.write(body)
        await writer.drain()


@asynccontextmanager
async def running_hostile(context: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """One that serves on loopback, as long as the block lasts; over TLS if a context is given."""
    waiting: asyncio.Future[Hostile] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (await waiting).serve(reader, writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        hostile = Hostile(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        waiting.set_result(hostile)
        yield hostile
