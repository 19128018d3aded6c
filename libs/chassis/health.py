"""Health, readiness and metrics of one process, over HTTP.

GET /health/live    200 while the process can answer at all
GET /health/ready   200 when every part serves and NATS and PostgreSQL answer; else 503, and why
GET /metrics        Prometheus text
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
import structlog
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from libs.chassis.asgi import Receive, Scope, Send, respond

PROBE_TIMEOUT_SECONDS: Final = 1.0
PROBE_FRESH_SECONDS: Final = 1.0

Probe = Callable[[], Awaitable[None]]
"""Returns when what it asks about is fine; raises, or takes too long, when it is not."""


logger = structlog.get_logger(__name__)


class Health:
    """What is known about the health of this process.

    A part is announced, then reported ready; a probe is asked, at most once a second.
    """

    def __init__(self) -> None:
        self._parts: dict[str, bool] = {}
        self._probes: dict[str, Probe] = {}
        self._answers: dict[str, tuple[float, str | None]] = {}
        self.is_stopping = False

    def announce(self, part: str) -> None:
        """A part has begun and does not serve yet."""
        self._parts[part] = False

    def report_ready(self, part: str) -> None:
        """A part serves."""
        was_waiting = not all(self._parts.values())
        self._parts[part] = True
        if was_waiting and all(self._parts.values()):
            logger.info("Ready.")

    def add_probe(self, name: str, probe: Probe) -> None:
        """Ask something from now on."""
        self._probes[name] = probe

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether the process is ready, and the document that says what is not."""
        names = list(self._probes)
        failures = dict(zip(names, await asyncio.gather(*map(self._ask, names)), strict=True))
        is_ready = not self.is_stopping and all(self._parts.values()) and not any(failures.values())
        return is_ready, {
            "status": self._status(is_ready=is_ready),
            "parts": {
                name: "ready" if serves else "starting" for name, serves in self._parts.items()
            },
            "depends_on": {name: failure or "ready" for name, failure in failures.items()},
        }

    def _status(self, *, is_ready: bool) -> str:
        if is_ready:
            return "ready"
        return "stopping" if self.is_stopping else "not ready"

    async def _ask(self, name: str) -> str | None:
        """What is wrong with a dependency; None when nothing is. Fresh for a second."""
        asked_at, failure = self._answers.get(name, (float("-inf"), None))
        if time.monotonic() - asked_at < PROBE_FRESH_SECONDS:
            return failure
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                await self._probes[name]()
        except TimeoutError:
            failure = "does not answer"
        except Exception as error:  # noqa: BLE001  # Whatever it is, it is the answer.
            failure = type(error).__name__
        else:
            failure = None
        self._answers[name] = (time.monotonic(), failure)
        return failure

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request, as an ASGI application."""
        match scope["path"]:
            case "/health/live":
                await _respond_json(send, 200, {"status": "live"})
            case "/health/ready":
                is_ready, document = await self.readiness()
                await _respond_json(send, 200 if is_ready else 503, document)
            case "/metrics":
                await respond(send, 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
            case _:
                await _respond_json(send, 404, {"status": "no such page"})


async def _respond_json(send: Send, status: int, document: Mapping[str, Any]) -> None:
    await respond(send, status, "application/json", orjson.dumps(document))
