"""What is no HTTP is refused like everything else."""

import asyncio
import json

import pytest

from libs.chassis.asgi import Receive, Scope, Send, respond
from libs.chassis.http import HttpServer, listen
from libs.chassis.http_protocol import HEAD_BYTES_MAX


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await respond(send, 200, "text/plain", b"hello")


async def say(request: bytes) -> bytes:
    """All that is answered to these bytes."""
    server = HttpServer(hello, listen("127.0.0.1", 0, "BACKLINE_PORT"))
    task = asyncio.create_task(server.serve())
    await server.started()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for start in range(0, len(request), 10_000):
            writer.write(request[start : start + 10_000])
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        server.stop()
        await task


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"NONSENSE / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ],
)
async def test_answers_with_a_problem_when_it_is_no_http(request_bytes: bytes) -> None:
    head, _, body = (await say(request_bytes)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["code"] == "request-unreadable"


async def test_answers_with_a_problem_when_the_head_does_not_end() -> None:
    endless = b"GET / HTTP/1.1\r\nx: " + b"x" * (HEAD_BYTES_MAX + 50_000)
    head, _, body = (await say(endless)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["code"] == "head-too-large"


async def test_answers_as_ever_when_it_is_http() -> None:
    answer = await say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"hello")
