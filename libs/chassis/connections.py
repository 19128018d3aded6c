"""Connections to NATS, each as the service it belongs to.

NATS being away is no error: it is tried again for ever. What cannot be mended by waiting, such as a
refused subject, is said aloud.
"""

from collections.abc import Callable
from typing import Final

import structlog
from nats.aio.client import Client

from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.telemetry import metrics

RECONNECT_SECONDS: Final = 0.2
PING_SECONDS: Final = 5
PINGS_UNANSWERED_MAX: Final = 2
DRAIN_SECONDS: Final = 3
PENDING_BYTES_MAX: Final = 64 * 1024 * 1024
"""What may wait to be written, or for NATS to come back: several batches of the largest size."""

_LATE_ANSWER: Final = 'permissions violation for publish to "_inbox_'
"""We may answer whoever asked us, as long as the connection lasts over which they did. An answer
that comes after a reconnect is refused, and nobody waits for it: they have asked again.
"""

OnBroken = Callable[[Exception], None]
"""Called when a connection cannot go on and no waiting will help: the process should end."""

logger = structlog.get_logger(__name__)


class NatsRefused(Exception):
    """NATS refused a subject to one of our services: a bug, or someone where they should not be."""


class NatsClosed(Exception):
    """NATS ended a connection for good (wrong credentials, a message beyond all limits)."""


async def connect_nats(
    service: str,
    settings: ProcessSettings,
    secrets: Secrets,
    on_broken: OnBroken,
) -> Client:
    """Connect to NATS as a service, waiting until it is there; it reconnects by itself for ever.

    on_broken   told when NATS ended the connection for good; and, with `settings.strict`, when it
                refused a subject
    """
    client = _Connection()
    watch = _Watch(client, service, on_broken, is_strict=settings.strict)
    await client.connect(
        servers=settings.nats_url.split(","),
        name=service,
        inbox_prefix=f"_INBOX_{service}".encode(),
        nkeys_seed_str=secrets.read(f"{service}.nats"),
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # Slept with, as a float.
        ping_interval=PING_SECONDS,
        max_outstanding_pings=PINGS_UNANSWERED_MAX,
        drain_timeout=DRAIN_SECONDS,
        pending_size=PENDING_BYTES_MAX,
        error_cb=watch.on_error,
        disconnected_cb=watch.on_disconnected,
        reconnected_cb=watch.on_connected,
        closed_cb=watch.on_closed,
    )
    await watch.on_connected()
    return client


class _Connection(Client):
    """A client that remembers who closed it: we, or nats-py because of what the server said."""

    is_closed_by_us = False

    async def close(self) -> None:
        self.is_closed_by_us = True
        await super().close()

    async def drain(self) -> None:
        self.is_closed_by_us = True
        await super().drain()


class _Watch:
    """What a connection goes through, as log lines and metrics."""

    def __init__(
        self, client: _Connection, service: str, on_broken: OnBroken, *, is_strict: bool
    ) -> None:
        self._client = client
        self._service = service
        self._on_broken = on_broken
        self._is_strict = is_strict
        self._is_connected = False
        self._has_complained = False
        self._was_late = False
        self._connected = metrics.NATS_CONNECTED.labels(service)
        self._violations = metrics.NATS_PERMISSION_VIOLATIONS.labels(service)

    async def on_connected(self) -> None:
        self._is_connected = True
        self._has_complained = self._was_late = False
        self._connected.set(1)
        logger.info("Connected to NATS.", service=self._service)

    async def on_disconnected(self) -> None:
        self._connected.set(0)
        if self._is_connected and not self._client.is_closed_by_us:
            logger.warning("Lost NATS; reconnecting.", service=self._service)
        self._is_connected = False

    async def on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if _LATE_ANSWER in text.lower():
            if not self._was_late:  # Once a connection: there may be thousands.
                self._was_late = True
                logger.warning("An answer came too late to be delivered.", service=self._service)
        elif "permissions violation" in text.lower():
            self._violations.inc()
            logger.error("NATS refused us a subject.", service=self._service, detail=text)
            if self._is_strict:
                self._on_broken(NatsRefused(f"{self._service}: {text}"))
        elif self._is_connected:
            logger.warning("Trouble with NATS.", service=self._service, detail=text)
        elif not self._has_complained:  # Once an outage: a try is made every fifth of a second.
            self._has_complained = True
            logger.warning("Cannot reach NATS; trying on.", service=self._service, detail=text)

    async def on_closed(self) -> None:
        if not self._client.is_closed_by_us:
            self._on_broken(NatsClosed(f"{self._service}: {self._client.last_error}"))
