"""Figures of webhooks: how soon a delivery is in the log and answered, at a steady pace."""

import asyncio
import hmac
import json
import time
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256

from nats.aio.client import Client

from contracts.ingress import DeliveryStatus
from contracts.ingress_views import ListDeliveries
from libs.bus import Bus
from libs.eventlog.jetstream import JetStreamLog
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller
from tests.bench.bus import Run
from tests.bench.figure import Figure, Measured, side_by_side
from tests.bench.stack import BenchStack, bench_stack

RATES = (100, 250)
"""Paces below the one that the target is about, to see from where on it holds."""

RATE = 500
SECONDS = 20
WARM_UP_SECONDS = 2
CONNECTIONS = 64
BODY_BYTES = 1_500
BEHIND_SECONDS_MAX = 120
ABOUT_EACH = 4
"""Deliveries about the same thing, as a subscription's active, updated, cycled and paid."""

TITLE = "webhooks at 500/s, to the fsynced 202"
TARGET = "p99 ≤ 20 ms"
NOTE = (
    f"{BODY_BYTES:,} bytes and more each, signed as Standard Webhooks has it, {ABOUT_EACH} about a "
    f"thing, over {CONNECTIONS} kept connections; waiting for a free one counts. Everything behind "
    "runs as well: each is processed, told to its object, and projected. No peer runs beside it."
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_KEY = b64decode(SECRET.removeprefix("whsec_"))
_ENDPOINTS = {"partner/main": {"profile": "standard", "secrets": [SECRET]}}
_PARTS = (
    ("ingress.owner", ("ingress.owner",)),
    ("ingress.http", ("ingress.http",)),
    (
        "ingress.behind",
        ("ingress.process-managers", "ingress.projections", "ingress.queries"),
    ),
)


def _request(thing: str, number: int) -> bytes:
    """A signed delivery, as it goes over the wire."""
    document = {
        "type": "subscription.updated",
        "timestamp": f"2026-11-20T20:00:{number % 60:02}Z",
        "data": {"id": thing, "status": "active", "note": "x" * BODY_BYTES},
    }
    body = json.dumps(document).encode()
    delivery, now = new_id("msg_").encode(), str(int(time.time())).encode()
    mac = b64encode(hmac.digest(_KEY, b".".join((delivery, now, body)), sha256))
    return (
        b"POST /hooks/partner/main HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        b"webhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n"
        b"Content-Length: %d\r\n\r\n%b"
    ) % (delivery, now, mac, len(body), body)


class _Partner:
    """Partners on kept connections, one request at a time on each."""

    def __init__(self, stack: BenchStack) -> None:
        self._port = stack.port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )

    async def open(self) -> None:
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def deliver(self, request: bytes, due_at: float) -> float:
        """Send a delivery; the seconds from when it was due until it was answered.

        Waiting for a free connection counts: a partner does not slow down because we do.
        """
        reader, writer = await self._free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.decode())
        self._free.put_nowait((reader, writer))
        return time.perf_counter() - due_at

    def close(self) -> None:
        while not self._free.empty():
            self._free.get_nowait()[1].close()


async def _steadily(partner: _Partner, rate: int, seconds: int) -> Run:
    """Deliver so many a second, for so long."""
    count = rate * seconds
    things = [new_id("sub_") for _ in range(count // ABOUT_EACH + 1)]
    began_at = time.perf_counter() + 0.05
    async with asyncio.TaskGroup() as tasks:
        sent = []
        for number in range(count):
            due_at = began_at + number / rate
            if (pause := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            request = _request(things[number // ABOUT_EACH], number)
            sent.append(tasks.create_task(partner.deliver(request, due_at)))
    return Run(count, seconds, [task.result() for task in sent])


async def _all_processed(stack: BenchStack) -> None:
    """Return once nothing that was accepted by now is still waiting to be processed."""
    client = await stack.connect("ingress")
    log = await JetStreamLog.open(client, "ingress")
    accepted = await log.last_position()
    async with asyncio.timeout(BEHIND_SECONDS_MAX):
        while await _waiting(client, accepted):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await client.close()


async def _waiting(client: Client, position: int) -> bool:
    """Whether a delivery waits, as the read model has it; True while that is behind `position`."""
    query = ListDeliveries(status=DeliveryStatus.WAITING, limit=1)
    admin = Caller(user_id="bench", roles=("admin",))
    try:
        answer = await Bus(client).ask(query, caller=admin, after=position)
    except (RemoteProblem, Unavailable):
        return True
    return bool(answer.result["deliveries"])


async def acceptance(*, quick: bool) -> Figure:
    """Webhooks at 500/s: from when each was due to its 202, which says that it is on disk.

    Everything behind runs as well: each is processed, told to its object, and projected.
    """

    async def ours() -> Measured:
        settings = {"BACKLINE_INGRESS_ENDPOINTS": json.dumps(_ENDPOINTS)}
        async with bench_stack(_PARTS, with_database=True, settings=settings) as stack:
            partner = _Partner(stack)
            await partner.open()
            await _steadily(partner, RATE, WARM_UP_SECONDS)
            await _all_processed(stack)
            seconds = 4 if quick else SECONDS
            below = {}
            for rate in RATES:
                run = await _steadily(partner, rate, seconds)
                below[f"p99_ms_at_{rate}"] = run.percentile_ms(0.99)
            await _all_processed(stack)
            meter = stack.cpu_meter()
            run = await _steadily(partner, RATE, seconds)
            partner.close()
            answered_at = time.perf_counter()
            await _all_processed(stack)
            behind_ms = (time.perf_counter() - answered_at) * 1000
            run = replace(run, cpu=meter.seconds())
            details = {"behind_ms": behind_ms, **below, **run.details()}
            return Measured("Backline", details["p99_ms"], "ms", details)

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure("webhooks", TITLE, TARGET, measured, notes=[NOTE])
