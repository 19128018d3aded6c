"""A stage on a real port, with the real pages in front of it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn

from libs.kernel.errors import Unavailable
from services.web.adapters.asking import Answer
from services.web.api.pages import create_pages
from services.web.settings import Settings
from tests.browser.fake_gateway import FakeGateway
from tests.browser.stage import Stage

START_SECONDS = 10


class Theatre:
    """A stage on a real port, for tests that run in another thread."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.gateway = FakeGateway(self.stage, create_pages(Settings(), self._ask, _refuse))
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self.gateway, log_level="warning", lifespan="on", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="theatre", daemon=True)

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    def open(self) -> None:
        self._thread.start()
        assert self._started.wait(START_SECONDS)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()

    def do(self, act: Callable[[], Any]) -> Any:
        """Do something where the stage lives, and wait until it is done."""

        async def acting() -> Any:
            return act()

        assert self._loop
        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(START_SECONDS)

    async def _ask(self, query: str, args: Mapping[str, Any]) -> Answer:
        result = self.stage.ask(query, args)
        cursor = self.gateway.cursor_for(result)
        return {"position": self.stage.position, "cursor": cursor, "result": result}

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._started.set)
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())


async def _refuse(name: str, _args: dict[str, Any], _command_id: str | None) -> dict[str, Any]:
    raise Unavailable(f"nobody carries out {name} on a stage")
