"""Real sockets: our protocol class in a real uvicorn on uvloop, and a client that is not ours."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import orjson
import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from libs.kernel.clock import system_clock
from libs.kernel.errors import Rejected, Unauthenticated
from libs.kernel.messages import Caller
from libs.live.cursor import CursorSigner
from libs.live.hub import LiveHub
from libs.live.limits import Limits
from libs.live.question import Questions
from libs.live.server import LiveServer
from libs.live.test_world import Service, make_registry
from libs.live.websocket import LiveWebSocket

HOT = {"op": "subscribe", "id": 1, "query": "demo.get-hot", "args": {"thing": "b"}, "cursor": None}
MINE = {"op": "subscribe", "id": 2, "query": "demo.get-mine"}


def on_uvloop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        uvloop.run(bounded())

    return run


@dataclass(frozen=True)
class Who:
    caller: Caller
    expires_at: float


class Gateway:
    """A live server over the pretend service, and what its clients' commands came to."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.sent: list[tuple[str, Any, str | None, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.token_seconds = 60.0
        signer = CursorSigner(b"secret")
        self.hub = LiveHub(service, service.listen, signer, limits)
        self.live = LiveServer(
            hub=self.hub,
            questions=Questions(make_registry(), asked_by="gateway"),
            verify=self._verify,
            send=self._send,
            clock=system_clock,
            path="/v1/live",
            origins=["https://listed.example"],
            limits=limits,
        )
        self.sockets: list[LiveWebSocket] = []
        self.port = 0

    async def _verify(self, token: str, address: str) -> Who:
        assert address == "127.0.0.1"
        await self.gate.wait()
        if token == "bad":
            raise Unauthenticated("no such token")
        return Who(Caller(token, ("member",)), time.time() + self.token_seconds)

    async def _send(
        self, name: str, args: Any, *, key: str | None, caller: Caller, address: str
    ) -> Any:
        assert address == "127.0.0.1"
        self.sent.append((name, args, key, caller.user_id))
        await self.gate.wait()
        if name == "demo.refuse":
            raise Rejected("never")
        if name == "demo.break":
            raise RuntimeError("a bug")
        return {"echo": args, "position": 7}

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/live"

    def protocol_class(self) -> type[LiveWebSocket]:
        gateway = self

        class OurWebSocket(LiveWebSocket):
            server = gateway.live

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                gateway.sockets.append(self)

        return OurWebSocket


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def running(service: Service | None = None, **limits: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(service or Service(), replace(Limits(), **limits))
    protocol: Any = gateway.protocol_class()
    config = uvicorn.Config(
        nothing_here, port=0, ws=protocol, http="httptools", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    gateway.port = bound.getsockname()[1]
    ready = asyncio.Event()
    live = asyncio.create_task(gateway.live.run(ready.set))
    serving = asyncio.create_task(server._serve([bound]))
    await ready.wait()
    await until(lambda: server.started)
    try:
        yield gateway
    finally:
        await gateway.live.drain()
        server.should_exit = True
        await serving
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # What is waited for belongs to someone else.
            await asyncio.sleep(0.005)


async def say(client: ClientConnection, *frames: dict[str, Any]) -> None:
    for frame in frames:
        await client.send(orjson.dumps(frame), text=True)


async def hear(client: ClientConnection, op: str | None = None) -> Any:
    """The next frame; with `op`, the next one of that kind."""
    async with asyncio.timeout(10):
        while True:
            frame = orjson.loads(await client.recv())
            if op is None or frame["op"] == op:
                return frame


async def closed_with(client: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(10):
        await client.wait_closed()
        assert client.close_code is not None
        return client.close_code, client.close_reason or ""


# ---------------------------------------------------------------------------------- live queries


@on_uvloop
async def test_shows_a_result_then_changes_when_subscribed() -> None:
    service = Service()
    async with running(service) as gateway, connect(gateway.url) as client:
        await say(client, HOT)
        result = await hear(client)
        assert result["op"] == "result"
        assert result["id"] == 1
        assert result["result"] == {"thing": "b", "parts": {}, "order": []}
        service.write("b", "x", 3)
        change = await hear(client)
        assert (change["op"], change["id"], change["position"]) == ("change", 1, 1)
        assert {"op": "add", "path": "/parts/x", "value": 3} in change["patch"]
        await say(client, {"op": "unsubscribe", "id": 1}, {"op": "ping"})
        service.write("b", "x", 4)
        assert await hear(client) == {"op": "pong"}
        await say(client, HOT)
        assert (await hear(client))["result"]["parts"] == {"x": 4}


@on_uvloop
async def test_resumes_without_a_result_when_nothing_changed() -> None:
    async with running() as first, running() as second:
        async with connect(first.url) as client:
            await say(client, HOT)
            cursor = (await hear(client))["cursor"]
        async with connect(second.url) as client:
            await say(client, {**HOT, "cursor": cursor})
            frame = await hear(client)
            assert frame["op"] == "resumed"
            assert "result" not in frame


@on_uvloop
async def test_resumes_with_the_changes_when_they_are_still_known() -> None:
    service = Service()
    async with running(service) as gateway, connect(gateway.url) as watching:
        await say(watching, HOT)
        cursor = (await hear(watching))["cursor"]
        for amount in (1, 2):
            service.write("b", "x", amount)
            await hear(watching, "change")
        async with connect(gateway.url) as client:
            await say(client, {**HOT, "cursor": cursor})
            frames = [await hear(client) for _ in range(3)]
            assert [frame["op"] for frame in frames] == ["resumed", "change", "change"]
            assert frames[0]["position"] == 0


@on_uvloop
async def test_resets_when_a_cursor_is_from_elsewhere() -> None:
    service = Service()
    async with running(service) as gateway, connect(gateway.url) as client:
        await say(client, {**HOT, "args": {"thing": "alice"}})
        other = (await hear(client))["cursor"]
        await say(client, {"op": "unsubscribe", "id": 1})
        for number, cursor in enumerate([other, "nonsense", "", "A" * 76, other[:-4] + "AAAA"]):
            await say(client, {**HOT, "id": number, "cursor": cursor})
            assert (await hear(client))["op"] == "result"


@on_uvloop
async def test_shows_everyone_the_same_when_200_watch() -> None:
    service = Service()
    async with running(service) as gateway, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(gateway.url)) for _ in range(200)]
        for client in clients:
            await say(client, HOT)
        results = {(await client.recv()) for client in clients}
        assert len(results) == 1
        service.write("b", "x", 3)
        assert len({(await client.recv()) for client in clients}) == 1
        assert service.questions == 1
        assert gateway.live.connections == 200


# ---------------------------------------------------------------------------------- who it is


@on_uvloop
async def test_asks_again_in_the_new_name_when_the_caller_changes() -> None:
    service = Service()
    service.write("alice", "x", 1)
    async with running(service) as gateway, connect(gateway.url) as client:
        await say(client, HOT, MINE)
        assert (await hear(client, "error"))["problem"]["code"] == "unauthenticated"
        await hear(client, "result")
        await say(client, {"op": "auth", "token": "alice"}, MINE)
        ready = await hear(client, "ready")
        assert ready["session"]["user_id"] == "alice"
        assert ready["session"]["roles"] == ["member"]
        assert (await hear(client, "result"))["result"]["thing"] == "alice"
        await say(client, {"op": "auth", "token": "alice"})
        await hear(client, "ready")
        await say(client, {"op": "auth", "token": "b"})
        await hear(client, "ready")
        frame = await hear(client)
        assert (frame["op"], frame["id"], frame["result"]["thing"]) == ("result", 2, "b")
        await say(client, {"op": "auth", "token": None})
        assert (await hear(client)) == {"op": "ready", "session": None}
        frame = await hear(client)
        assert (frame["id"], frame["problem"]["code"]) == (2, "unauthenticated")


@on_uvloop
async def test_stays_who_it_was_when_a_token_is_refused() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        await say(client, {"op": "auth", "token": "alice"}, {"op": "auth", "token": "bad"}, MINE)
        await hear(client, "ready")
        refused = await hear(client)
        assert (refused["op"], refused["id"]) == ("error", None)
        assert (await hear(client))["result"]["thing"] == "alice"


@on_uvloop
async def test_takes_frames_in_order_when_a_token_is_checked_for_long() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        gateway.gate.clear()
        command = {"op": "command", "id": 5, "command": "demo.do"}
        await say(client, {"op": "auth", "token": "alice"}, MINE, command, {"op": "ping"})
        await asyncio.sleep(0.05)
        assert gateway.sent == []
        gateway.gate.set()
        assert (await hear(client))["op"] == "ready"
        await hear(client, "reply")
        assert gateway.sent == [("demo.do", {}, None, "alice")]


@on_uvloop
async def test_closes_when_the_token_expires() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        gateway.token_seconds = 0.2
        await say(client, {"op": "auth", "token": "alice"}, HOT)
        assert await closed_with(client) == (4401, "token-expired")


@on_uvloop
async def test_stays_open_when_the_token_is_renewed_in_time() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        gateway.token_seconds = 1.5
        await say(client, {"op": "auth", "token": "alice"})
        gateway.token_seconds = 60
        await say(client, {"op": "auth", "token": "alice"})
        await asyncio.sleep(1.6)  # Until the first one would be over.
        await say(client, {"op": "ping"})
        await hear(client, "pong")


# ---------------------------------------------------------------------------------- commands


@on_uvloop
async def test_replies_to_commands_when_many_are_under_way() -> None:
    async with running(commands_max=10) as gateway, connect(gateway.url) as client:
        gateway.gate.clear()
        for number in range(300):
            await say(
                client,
                {
                    "op": "command",
                    "id": f"c{number}",
                    "command": "demo.do",
                    "args": {"padding": "x" * 3000},
                    "key": f"k{number}",
                },
            )
        await until(lambda: len(gateway.sent) >= 10)
        await asyncio.sleep(0.2)
        assert len(gateway.sent) < 200  # The rest waits in the socket.
        gateway.gate.set()
        replies = {(await hear(client, "reply"))["id"] for _ in range(300)}
        assert replies == {f"c{number}" for number in range(300)}
        assert gateway.sent[3][2] == "k3"


@on_uvloop
async def test_answers_with_an_error_when_a_command_is_refused() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        await say(client, {"op": "command", "id": 1, "command": "demo.refuse", "args": {}})
        frame = await hear(client)
        assert (frame["op"], frame["id"], frame["problem"]["code"]) == ("error", 1, "rejected")
        await say(client, {"op": "command", "id": 2, "command": "demo.break", "args": {}})
        frame = await hear(client)
        assert frame["problem"]["code"] == "internal"
        assert "bug" not in frame["problem"]["detail"]
        await say(client, {"op": "command", "id": 3, "command": "demo.do", "args": {"a": 1}})
        reply = {"echo": {"a": 1}, "position": 7}
        assert await hear(client) == {"op": "reply", "id": 3, "position": 7, "result": reply}


# ---------------------------------------------------------------------------------- bad input


BAD_FRAMES: list[tuple[dict[str, Any], str, Any]] = [
    ({"op": "dance", "id": 9}, "live.op-unknown", 9),
    ({"op": "subscribe", "query": "demo.get-hot"}, "live.frame-invalid", None),
    ({**HOT, "id": -1}, "live.frame-invalid", -1),
    ({**HOT, "id": True}, "live.frame-invalid", None),
    ({**HOT, "id": 1.5}, "live.frame-invalid", None),
    ({**HOT, "id": "x" * 65}, "live.frame-invalid", "x" * 64),
    ({**HOT, "more": 1}, "live.frame-invalid", 1),
    ({**HOT, "cursor": 5}, "live.frame-invalid", 1),
    ({**HOT, "args": []}, "live.frame-invalid", 1),
    ({**HOT, "query": "demo.nothing"}, "query-unknown", 1),
    ({**HOT, "query": "\x00" * 5000}, "query-unknown", 1),
    ({**HOT, "args": {}}, "arguments-invalid", 1),
    ({**HOT, "args": {"thing": "b", "more": 1}}, "arguments-invalid", 1),
    ({**HOT, "args": {"thing": 2**70}}, "arguments-invalid", 1),
    ({"op": "unsubscribe", "id": 77}, "live.subscription-unknown", 77),
    ({"op": "auth"}, "live.frame-invalid", None),
    ({"op": "auth", "token": 1}, "live.frame-invalid", None),
    ({"op": "command", "id": 4, "command": 5}, "live.frame-invalid", 4),
    ({"op": "command", "id": 4, "command": "a", "key": ""}, "live.frame-invalid", 4),
    ({"op": "command", "id": 4, "command": "a", "key": "é"}, "live.frame-invalid", 4),
    ({"op": "command", "id": 4, "command": "a", "key": "x" * 129}, "live.frame-invalid", 4),
]


@on_uvloop
async def test_answers_and_goes_on_when_a_frame_cannot_be_obeyed() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        for frame, code, frame_id in BAD_FRAMES:
            await client.send(json.dumps(frame))
            answer = await hear(client)
            assert (answer["op"], answer["id"]) == ("error", frame_id), frame
            assert answer["problem"]["code"] == code, frame
        await say(client, {"op": "ping"})
        await hear(client, "pong")


@on_uvloop
async def test_refuses_subscriptions_when_there_are_too_many_or_the_id_is_taken() -> None:
    async with running(subscriptions_max=2) as gateway, connect(gateway.url) as client:
        await say(client, HOT, HOT)
        assert (await hear(client, "error"))["problem"]["code"] == "live.subscription-exists"
        await say(client, {**HOT, "id": 2}, {**HOT, "id": 3})
        assert (await hear(client, "error"))["problem"]["code"] == "live.too-many-subscriptions"


GARBAGE: list[tuple[bytes, int]] = [
    (b"\x81\x85\0\0\0\0hello", 4500),
    (b"\x81\x80\0\0\0\0", 4500),
    (b"\x81\x84\0\0\0\0[{}]", 4500),
    (b"\x81\x84\0\0\0\0null", 4500),
    (b'\x81\x88\0\0\0\0{"op":1}', 4500),
    (b"\x81\x87\0\0\0\0" + b'{"a":1}', 4500),
    (b"\x82\x82\0\0\0\0{}", 4500),
    (b'\x81\x84\0\0\0\0"\xff\xfe"', 1007),
    (b"\x81\x02{}", 1002),
    (b"\xc1\x82\0\0\0\0{}", 1002),
    (b"\x83\x82\0\0\0\0{}", 1002),
    (b"\x80\x82\0\0\0\0{}", 1002),
    (b"\x89\xfe\x01\x00\0\0\0\0" + b"x" * 256, 1002),
    (b"\x81\xff" + struct.pack(">Q", 2**20) + b"\0\0\0\0" + b"x" * 70_000, 1009),
    (b"\x01\xfe\xff\xff\0\0\0\0" + b"x" * 65535 + b"\x80\x82\0\0\0\0xx", 1009),
    (b"\x88\x82\0\0\0\0\x03\xe8", 1000),
]


@on_uvloop
async def test_closes_the_one_connection_when_it_sends_garbage() -> None:
    async with running(goodbye_seconds=0.05) as gateway, connect(gateway.url) as other:
        await say(other, HOT)
        await hear(other)
        for message, code in GARBAGE:
            reader, writer = await opened(gateway)
            writer.write(message)
            head = await reader.readexactly(2)
            assert head[0] == 0x88, message
            payload = await reader.readexactly(head[1])
            assert int.from_bytes(payload[:2]) == code, message
            assert await reader.read() == b""
            writer.close()
        await say(other, {"op": "ping"})
        await hear(other, "pong")
        await until(lambda: gateway.live.connections == 1)


async def opened(gateway: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket of which the test writes and reads every byte itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@on_uvloop
async def test_reads_a_message_when_it_comes_in_pieces() -> None:
    async with running() as gateway, connect(gateway.url) as client:
        text = orjson.dumps(HOT).decode()
        await client.send(iter([text[:7], text[7:20], text[20:]]))
        assert (await hear(client))["op"] == "result"


# ---------------------------------------------------------------------------------- the handshake


async def refused(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = orjson.loads(response.body or b"")
    assert problem["status"] == response.status_code
    return response.status_code, problem["code"]


@on_uvloop
async def test_refuses_the_handshake_when_path_origin_or_request_is_wrong() -> None:
    async with running() as gateway:
        root = f"ws://127.0.0.1:{gateway.port}"
        assert await refused(f"{root}/v1/other") == (404, "live.path-unknown")
        assert await refused(gateway.url, origin="https://evil.example") == (
            403,
            "live.origin-refused",
        )
        for origin in ("https://listed.example", f"http://127.0.0.1:{gateway.port}"):
            async with connect(f"{gateway.url}?a=b", origin=origin):  # type: ignore[arg-type]
                pass
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(
            b"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"live.handshake-invalid" in answer
        writer.close()


@on_uvloop
async def test_refuses_connections_when_it_is_full_or_draining() -> None:
    async with running(connections_max=1) as gateway:
        async with connect(gateway.url) as client:
            assert await refused(gateway.url) == (503, "live.full")
            await say(client, HOT)
            await hear(client)
            await gateway.live.drain()
            assert await closed_with(client) == (4000, "draining")
        assert await refused(gateway.url) == (503, "live.draining")


# ---------------------------------------------------------------------------------- slow and silent


@on_uvloop
async def test_holds_little_and_catches_up_when_a_reader_is_slow() -> None:
    service = Service()
    async with running(service, buffer_bytes_max=32_768) as gateway:
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", gateway.port))
        reader.setblocking(False)
        async with connect(gateway.url, sock=reader, max_queue=1, compression=None) as client:
            await say(client, HOT)
            assert (await hear(client))["op"] == "result"
            client.transport.pause_reading()
            most = 0
            for number in range(40):
                service.write("b", "xyz"[number % 3] * 20_000, number + 1, notice_delays=())
                await asyncio.sleep(0.11)
                transport = gateway.sockets[0]._transport
                most = max(most, transport.get_write_buffer_size())
            assert most > 0
            assert most < 32_768 + 3 * 2 * 21_000  # One frame, at most, goes beyond the limit.
            session = gateway.sockets[0]._session
            assert session is not None
            assert session._is_paused
            client.transport.resume_reading()
            seen = []
            while True:
                frame = await hear(client)
                seen.append(frame["op"])
                if frame["op"] == "result":
                    break
            assert len(seen) < 40
            assert frame["result"] == service.result("b")
            service.write("b", "last", 1)
            assert (await hear(client))["op"] == "change"


@on_uvloop
async def test_lets_go_of_a_reader_when_it_reads_nothing_for_too_long() -> None:
    service = Service()
    async with running(service, buffer_bytes_max=16_384, slow_seconds_max=0.3) as gateway:
        client = await connect(gateway.url, max_queue=1, compression=None)
        await say(client, HOT)
        await hear(client)
        client.transport.pause_reading()
        number = 0
        while gateway.live.connections:
            number += 1
            service.write("b", f"{number}-" + "x" * 50_000, 1, notice_delays=())
            await asyncio.sleep(0.02)
        client.transport.abort()


@on_uvloop
async def test_closes_when_there_is_no_sign_of_life() -> None:
    async with (
        running(ping_seconds=0.1, silence_seconds_max=0.5) as gateway,
        connect(gateway.url, ping_interval=None) as lively,
    ):
        reader, writer = await opened(gateway)
        heard = await reader.read()
        assert heard.startswith(b"\x89\x00")
        assert heard.endswith(b"\x88\x08\x0f\xa2silent")
        writer.close()
        await say(lively, {"op": "ping"})
        await hear(lively, "pong")
