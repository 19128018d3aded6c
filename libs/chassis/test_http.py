"""The HTTP servers: who gets a request, how applications start, and how all of it ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from libs.chassis.asgi import Receive, Scope, Send, StartFailed, lifespan, respond
from libs.chassis.http import REQUESTS_FINISH_SECONDS, HttpServer, Mounts, PortTaken, listen
from libs.telemetry import service_name


class Named:
    """An application that says its name, the path, and the service it runs for."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        text = f"{self._name} {scope['path']} {service_name()}"
        await respond(send, 200, "text/plain", text.encode())


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """A stream of events that never ends by itself."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(mounts: Mounts) -> AsyncIterator[HttpServer]:
    server = HttpServer(mounts, listen("127.0.0.1", 0, "BACKLINE_PORT"))
    task = asyncio.create_task(server.serve())
    await server.started()
    try:
        yield server
    finally:
        server.stop()
        await task


async def get(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return answer


async def test_gives_a_request_to_the_longest_prefix_when_several_fit() -> None:
    mounts = Mounts({"/health": Named("health")})
    with (
        mounts.mount(Named("web"), ["/"], "web"),
        mounts.mount(Named("api"), ["/v1", "/docs"], "gateway"),
    ):
        async with serving(mounts) as server:
            assert (await get(server.port, "/v1/live")).endswith("api /v1/live gateway")
            assert (await get(server.port, "/docs")).endswith("api /docs gateway")
            assert (await get(server.port, "/v1x")).endswith("web /v1x web")
            assert (await get(server.port, "/health/live")).endswith("health /health/live ")


async def test_answers_with_a_problem_when_nobody_serves_the_path() -> None:
    mounts = Mounts({"/health": Named("health")})
    async with serving(mounts) as server:
        starting = await get(server.port, "/v1")
        with mounts.mount(Named("api"), ["/v1"], "gateway"):
            unknown = await get(server.port, "/v2")
        gone = await get(server.port, "/v1")
    assert starting.startswith("HTTP/1.1 503")
    assert unknown.startswith("HTTP/1.1 404")
    assert '"code":"not-found"' in unknown
    assert "application/problem+json" in unknown
    assert gone.startswith("HTTP/1.1 503")


def test_refuses_a_prefix_when_it_is_taken() -> None:
    mounts = Mounts({})
    with (
        mounts.mount(Named("web"), ["/"], "web"),
        pytest.raises(ValueError, match="/ is already served by web"),
        mounts.mount(Named("other"), ["/"], "other"),
    ):
        raise AssertionError("mounted twice")


async def test_ends_a_stream_when_it_does_not_end_by_itself_in_time() -> None:
    mounts = Mounts({})
    with mounts.mount(endless, ["/"], "gateway"):
        async with serving(mounts) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await reader.readuntil(b"data: 1")
            stopped_at = time.monotonic()
    assert time.monotonic() - stopped_at < REQUESTS_FINISH_SECONDS + 2
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
    writer.close()


async def test_speaks_websockets_in_one_way_when_two_are_asked_for() -> None:
    class Gateway(asyncio.Protocol):
        pass

    class Other(asyncio.Protocol):
        pass

    async with serving(Mounts({})) as server:
        server.speak_websockets_with(Gateway)
        server.speak_websockets_with(Gateway)
        with pytest.raises(ValueError, match="in one way"):
            server.speak_websockets_with(Other)


def test_names_the_setting_when_the_port_is_taken() -> None:
    with listen("127.0.0.1", 0, "BACKLINE_PORT") as taken:
        taken.listen()
        with pytest.raises(PortTaken, match=r"BACKLINE_PORT: cannot listen on 127\.0\.0\.1:"):
            listen("127.0.0.1", taken.getsockname()[1], "BACKLINE_PORT")


# ---------------------------------------------------------------------------------- lifespan


async def test_starts_and_stops_an_application_when_it_knows_the_lifespan() -> None:
    told = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        for step in ("startup", "shutdown"):
            told.append((await receive())["type"])
            await send({"type": f"lifespan.{step}.complete"})

    async with lifespan(application):
        assert told == ["lifespan.startup"]
    assert told == ["lifespan.startup", "lifespan.shutdown"]


async def test_says_why_when_an_application_does_not_start() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no templates"})

    with pytest.raises(StartFailed, match="no templates"):
        async with lifespan(application):
            raise AssertionError("started")


async def test_serves_all_the_same_when_an_application_knows_no_lifespan() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"

    async with lifespan(application):
        pass


async def test_lets_the_error_out_when_the_block_fails() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise AssertionError("told to stop in order, after an error")

    with pytest.raises(KeyError):
        async with lifespan(application):
            raise KeyError
