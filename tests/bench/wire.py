"""A load generator's connection to NATS: requests and their replies, at a tenth of what they cost
in a client that can do everything else, so that the generator takes little from what it measures.

source    https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import asyncio
from base64 import b64encode
from typing import cast
from urllib.parse import urlsplit

import nkeys
import orjson

NO_RESPONDERS = b"503"
CONNECT_SECONDS_MAX = 10.0


class NobodyThere(Exception):
    """No one is subscribed to the subject."""


class Wire(asyncio.Protocol):
    """One connection, in the name of a service."""

    def __init__(self, seed: str, inbox: str) -> None:
        self._seed = seed
        self._inbox = inbox
        self._buffer = bytearray()
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._number = 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, url: str, *, seed: str, user: str) -> "Wire":
        """Connect to `nats://host:port` with a user's key."""
        address = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            lambda: cls(seed, f"_INBOX_{user}.wire"), address.hostname or "", address.port or 0
        )
        await asyncio.wait_for(wire._ready, CONNECT_SECONDS_MAX)
        return wire

    async def request(self, subject: str, payload: bytes, timeout_seconds: float) -> bytes:
        """One request and its reply. raises   NobodyThere, TimeoutError"""
        self._number += 1
        token = b"%d" % self._number
        future = self._waiting[token] = asyncio.get_running_loop().create_future()
        self._transport.write(
            b"PUB %s %s.%s %d\r\n%s\r\n"
            % (subject.encode(), self._inbox.encode(), token, len(payload), payload)
        )
        timer = asyncio.get_running_loop().call_later(timeout_seconds, _give_up, future)
        try:
            reply: bytes = await future
        finally:
            timer.cancel()
            del self._waiting[token]
        return reply

    def close(self) -> None:
        self._transport.close()

    # ------------------------------------------------------------------ protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("NATS closed the connection"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start = 0
        while (end := buffer.find(b"\r\n", start)) >= 0:
            line = bytes(buffer[start:end])
            if not line.startswith((b"MSG", b"HMSG")):
                self._on_control(line)
                start = end + 2
                continue
            words = line.split(b" ")
            size = int(words[-1])
            if len(buffer) < end + 4 + size:
                break
            self._on_message(words, bytes(buffer[end + 2 : end + 2 + size]))
            start = end + 4 + size
        del buffer[:start]

    def _on_message(self, words: list[bytes], content: bytes) -> None:
        future = self._waiting.get(words[1].rpartition(b".")[2])
        if future is None or future.done():
            return
        if words[0] == b"HMSG" and NO_RESPONDERS in content[: int(words[-2])].split(b"\r\n")[0]:
            future.set_exception(NobodyThere(words[1].decode()))
        else:
            future.set_result(content[int(words[-2]) :] if words[0] == b"HMSG" else content)

    def _on_control(self, line: bytes) -> None:
        word = line.split(b" ", 1)[0]
        if word == b"INFO":
            self._authenticate(orjson.loads(line[5:]))
        elif word == b"PING":
            self._transport.write(b"PONG\r\n")
        elif word == b"PONG":
            if not self._ready.done():
                self._ready.set_result(None)
        elif word == b"-ERR":
            self._ready.cancel()
            raise ConnectionError(line.decode())

    def _authenticate(self, about: dict[str, object]) -> None:
        if self._ready.done():
            return  # The server tells us news about itself.
        keys = nkeys.from_seed(bytearray(self._seed.encode()))
        options = {
            "nkey": keys.public_key.decode(),
            "sig": b64encode(keys.sign(str(about["nonce"]).encode())).decode(),
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            "lang": "python",
            "version": "0",
        }
        self._transport.write(
            b"CONNECT %s\r\nSUB %s.* 1\r\nPING\r\n" % (orjson.dumps(options), self._inbox.encode())
        )


def _give_up(future: asyncio.Future[bytes]) -> None:
    if not future.done():
        future.set_exception(TimeoutError("no reply in time"))
