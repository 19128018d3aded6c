"""The frames a server sends, as bytes that are made once and written to many.

A frame differs between viewers only in the `id` each has chosen, and in what its transport puts
around it. So a frame is kept as what comes before and after the id, and encoded once for each
distinct id.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from libs.kernel.errors import Problem
from libs.live.patch import Json

PING = b"\x89\x00"
"""A WebSocket ping without payload."""

PONG = b'{"op":"pong"}'


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame about one operation. `tail` is its JSON from behind the id; `cursor` may be empty."""

    op: str
    tail: bytes
    cursor: str = ""

    def json(self, subscription_id: bytes) -> bytes:
        """The frame for the subscription with this id (in JSON)."""
        return b'{"op":"%b","id":%b%b' % (self.op.encode(), subscription_id, self.tail)


Encoding = Callable[[Frame, bytes], bytes]
"""How a transport writes a frame for a subscription id (in JSON). Compared by identity."""


def result_frame(position: int, cursor: str, result: bytes) -> Frame:
    """The whole answer; `result` in JSON."""
    tail = b',"position":%d,"cursor":"%b","result":%b}' % (position, cursor.encode(), result)
    return Frame("result", tail, cursor)


def change_frame(position: int, cursor: str, patch: bytes) -> Frame:
    """What changed since the last frame; `patch` in JSON."""
    tail = b',"position":%d,"cursor":"%b","patch":%b}' % (position, cursor.encode(), patch)
    return Frame("change", tail, cursor)


def resumed_frame(position: int, cursor: str) -> Frame:
    """What the client came with is where we go on from."""
    return Frame("resumed", b',"position":%d,"cursor":"%b"}' % (position, cursor.encode()), cursor)


def error_frame(problem: Problem) -> Frame:
    """An operation was refused, or a subscription ended."""
    return Frame("error", b',"problem":%b}' % orjson.dumps(problem))


def reply_frame(position: int | None, result: Json) -> Frame:
    """A command was carried out."""
    where = b"null" if position is None else b"%d" % position
    return Frame("reply", b',"position":%b,"result":%b}' % (where, orjson.dumps(result)))


# ---------------------------------------------------------------------------------- WebSocket


def text_message(payload: bytes) -> bytes:
    """A whole text message of a server: one frame, not masked (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65536:
        return struct.pack(">BBH", 0x81, 126, size) + payload
    return struct.pack(">BBQ", 0x81, 127, size) + payload


def to_websocket(frame: Frame, subscription_id: bytes) -> bytes:
    """The frame as a WebSocket message."""
    return text_message(frame.json(subscription_id))


# ---------------------------------------------------------------------------------- events

KEEP_ALIVE = b": still here\n\n"


def to_event(frame: Frame, subscription_id: bytes) -> bytes:
    """The frame as a server-sent event, whose id is the cursor."""
    cursor = b"id: %b\n" % frame.cursor.encode() if frame.cursor else b""
    return b"%bdata: %b\n\n" % (cursor, frame.json(subscription_id))
