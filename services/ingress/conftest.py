"""Ingress as it runs, for the tests of this room, and partners who sign as the real ones do."""

import asyncio
import hmac
import json
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from libs.bus import Bus
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller
from libs.testkit.otlp import collector
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats

ADMIN = Caller(user_id="usr_admin", roles=("admin",))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + b64encode(b"the one that is being replaced").decode()
META_SECRET = "8d7b2a5c1f0e4d3b9a6c7e8f01234567"
ENDPOINTS = {
    "partner/main": {"profile": "standard", "secrets": [SECRET, OLD_SECRET]},
    "polar/main": {"profile": "polar", "secrets": ["polar_whs_AbCdEf0123456789"]},
    "clerk/main": {"profile": "clerk", "secrets": [SECRET]},
    "luma/main": {"profile": "luma", "secrets": ["whsec_luma_example_secret_0001"]},
    "meta/page": {"profile": "meta", "secrets": [META_SECRET], "verify_token": "meatyhamhock"},
    "box/plain": {
        "profile": "hmac",
        "secrets": ["box-secret-0001"],
        "signature_header": "x-box-signature",
        "signature_prefix": "sha256=",
    },
}

DATA = Path(__file__).parents[2].parent / "shared/data"
needs_data = pytest.mark.skipif(
    not DATA.exists() and not os.environ.get("CI"),
    reason="what partners have published is not beside this checkout",
)


def signed(body: bytes, *, secret: str = SECRET, delivery: str = "", **more: Any) -> dict[str, str]:
    """The headers of Standard Webhooks for a body, now."""
    delivery = delivery or new_id("msg_")
    timestamp = str(more.get("timestamp") or int(system_clock().timestamp()))
    key = b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, b".".join((delivery.encode(), timestamp.encode(), body)), sha256)
    return {
        "content-type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{b64encode(mac).decode()}",
    }


def signed_by_luma(body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """The headers of Luma, which signs the timestamp and the body, and not the id."""
    at = str(timestamp or int(system_clock().timestamp()))
    key = b"whsec_luma_example_secret_0001"
    mac = hmac.digest(key, b".".join((at.encode(), body)), sha256).hex()
    return {
        "content-type": "application/json",
        "webhook-id": new_id("wh_"),
        "webhook-timestamp": at,
        "webhook-signature": f"t={at},v1={mac}",
    }


def signed_by_meta(body: bytes) -> dict[str, str]:
    """The header of Meta."""
    mac = hmac.digest(META_SECRET.encode(), body, sha256).hex()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={mac}"}


def signed_by_polar(body: bytes, delivery: str, timestamp: int | None = None) -> dict[str, str]:
    """The headers of Polar, whose key is the secret as it stands."""
    secret = b64encode(b"polar_whs_AbCdEf0123456789").decode()
    return signed(body, secret=secret, delivery=delivery, timestamp=timestamp)


@dataclass
class House:
    """Ingress, reached as partners reach it and as administrators do."""

    client: httpx2.AsyncClient
    bus: Bus

    async def deliver(
        self, body: Any, path: str = "partner/main", headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Send a delivery; signed by Standard Webhooks unless it has headers."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if headers is None:
            headers = signed(content)
        return await self.client.post(f"/hooks/{path}", content=content, headers=headers)

    async def ask(self, query: str, **args: Any) -> dict[str, Any]:
        """A question of an administrator."""
        return (await self.bus.ask_raw(f"ingress.{query}", args, caller=ADMIN)).result

    async def send(self, command: str, **args: Any) -> dict[str, Any]:
        """A command of an administrator."""
        return await self.bus.send_raw(f"ingress.{command}", args, caller=ADMIN)

    async def settled(self, delivery_id: str, status: str = "processed") -> dict[str, Any]:
        """A delivery, once it has a status, and what came of it came of it."""
        async with asyncio.timeout(15):
            while True:
                listed = await self.ask("list-deliveries", limit=200)
                known = {each["delivery_id"] for each in listed["deliveries"]}
                if delivery_id in known:
                    delivery = await self.ask("get-delivery", delivery_id=delivery_id)
                    if delivery["status"] == status:
                        return delivery
                await asyncio.sleep(0.02)


@pytest.fixture
async def house(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setenv("BACKLINE_INGRESS_ENDPOINTS", json.dumps(ENDPOINTS))
    async with (
        running_services(["ingress"], nats_server, database) as settings,
        bus_of("gateway", nats_server) as bus,
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=20
        ) as client,
    ):
        yield House(client, bus)


@pytest.fixture
async def bus_of_ingress(nats_server: RunningNats) -> AsyncIterator[Bus]:
    """The bus as ingress itself sees it."""
    async with bus_of("ingress", nats_server) as bus:
        yield bus


__all__ = ["collector"]
