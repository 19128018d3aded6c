"""Viewers in their thousands, on raw sockets: each only counts the frames it is sent, so that the
audience takes little from what it watches.

source    RFC 6455
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from typing import cast

OPENED_AT_ONCE = 200
FRAME_SECONDS_MAX = 60.0
SHORT, EXTENDED = 126, 127

OnFrame = Callable[[bytes], None]


class Screen(asyncio.Protocol):
    """One WebSocket that is only listened to."""

    def __init__(self, path: str, hello: bytes | None, on_frame: OnFrame) -> None:
        """`hello` is sent once connected; `on_frame` is given the content of each frame."""
        self._path = path
        self._hello = hello
        self._on_frame = on_frame
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        key = b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            "".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        start = 0 if self._is_open else self._open(data)
        while (end := self._take(data, start)) > start:
            start = end
        self._buffer = data[start:]

    def _open(self, data: bytes) -> int:
        """Where the frames begin; 0 while the answer to our request is not complete."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if b" 101 " not in data[:32]:
            raise ConnectionError(data[:200].decode(errors="replace"))
        self._is_open = True
        if self._hello is not None:
            self._transport.write(_masked(self._hello))
        return end + 4

    def _take(self, data: bytes, start: int) -> int:
        """Take one frame, if all of it is there; returns where the next one begins."""
        if not self._is_open or len(data) < start + 2:
            return start
        length, head = data[start + 1], 2
        if length >= SHORT:
            head = 4 if length == SHORT else 10
            if len(data) < start + head:
                return start
            length = int.from_bytes(data[start + 2 : start + head])
        end = start + head + length
        if len(data) < end:
            return start
        if data[start] == 0x81:  # A text, whole; anything else is no news.
            self._on_frame(data[start + head : end])
        return end

    def close(self) -> None:
        self._transport.abort()


def _masked(text: bytes) -> bytes:
    """A text frame as a client must send it. The mask is of zeros: nobody is to be fooled here."""
    size = len(text)
    head = bytes([0x80 | size]) if size < SHORT else bytes([0x80 | SHORT]) + size.to_bytes(2)
    return b"\x81" + head + bytes(4) + text


class Audience:
    """Many screens, and how many frames they were sent in all."""

    def __init__(self) -> None:
        self.frames = 0
        self.newest = b""
        self._screens: list[Screen] = []
        self._wanted = 0
        self._reached = asyncio.Event()

    async def gather(self, count: int, port: int, path: str, hello: bytes | None) -> None:
        """Open as many screens at `ws://127.0.0.1:port/path`."""
        loop = asyncio.get_running_loop()
        for start in range(0, count, OPENED_AT_ONCE):
            opened = await asyncio.gather(
                *(
                    loop.create_connection(
                        lambda: Screen(path, hello, self._on_frame), "127.0.0.1", port
                    )
                    for _ in range(min(OPENED_AT_ONCE, count - start))
                )
            )
            self._screens += [screen for _, screen in opened]

    async def until(self, frames: int) -> None:
        """Wait until so many frames came in all. raises   TimeoutError"""
        self._wanted = frames
        self._reached.clear()
        if self.frames < frames:
            async with asyncio.timeout(FRAME_SECONDS_MAX):
                await self._reached.wait()

    def close(self) -> None:
        for screen in self._screens:
            screen.close()

    def _on_frame(self, content: bytes) -> None:
        self.frames += 1
        self.newest = content
        if self.frames == self._wanted:
            self._reached.set()
