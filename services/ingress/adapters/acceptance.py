"""Accepting a delivery: from a request whose signature is right to a record in the log.

Only what is needed to put it in its place is read here. What it says is found out later, by whoever
processes it: a partner that is answered has been answered, whatever its body turns out to hold.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final

import structlog

from contracts.ingress import DeliveryMalformed, DeliveryNotTaken
from contracts.ingress_private import OpenPayloads, ReceiveDelivery
from libs.bus import Bus
from libs.kernel.clock import Clock
from libs.kernel.errors import BacklineError
from libs.kernel.ids import derive_id
from libs.kernel.messages import service_caller
from libs.telemetry import inject
from services.ingress.adapters.endpoints import Endpoint
from services.ingress.adapters.signatures import Headers, Verified, verify
from services.ingress.domain import partners
from services.ingress.domain.partners.reading import text

OURSELVES: Final = service_caller("ingress")
PATIENCE_SECONDS: Final = 8.0
"""Partners wait for ten seconds and more; then they send it again."""

RETRY_SECONDS: Final = 5.0
LATE_ARRIVALS: Final = timedelta(hours=1)
_TRACE_ID: Final = slice(3, 35)

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Acceptance:
    """What it takes to accept deliveries.

    tolerance_seconds  how old a signature may be
    payload_days       how long payloads are kept
    """

    bus: Bus
    clock: Clock
    tolerance_seconds: int
    payload_days: int
    _opened: set[str] = field(default_factory=set)

    async def accept(self, endpoint: Endpoint, headers: Headers, body: bytes) -> str:
        """Check a delivery and record it, once. Returns its id.

        raises   SignatureRefused, DeliveryMalformed; DeliveryNotTaken when it may not be in the log
        """
        now = self.clock()
        verified = verify(
            endpoint, headers, body, now=now, tolerance_seconds=self.tolerance_seconds
        )
        command = command_of(endpoint, headers, body, verified, now)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._open_payloads(endpoint, command.payload_key, now)
                # Sent again, it is the same command: its first answer is its answer.
                answer = await self.bus.send(
                    command,
                    caller=OURSELVES,
                    command_id=command.delivery_id,
                    traceparent=inject(),
                )
        except (BacklineError, TimeoutError) as error:
            logger.error(  # What went wrong is its code; there is no bug of ours here.
                "A delivery could not be recorded.",
                partner=endpoint.partner,
                endpoint=endpoint.name,
                code=getattr(error, "code", "timeout"),
            )
            raise DeliveryNotTaken(retry_after_seconds=RETRY_SECONDS) from error
        delivery_id: str = answer["delivery_id"]
        return delivery_id

    async def _open_payloads(self, endpoint: Endpoint, payload_key: str, now: datetime) -> None:
        """See to it that the day's payloads have their end, before the first is recorded."""
        if payload_key in self._opened:
            return
        day_ends_at = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        command = OpenPayloads(
            payload_key=payload_key,
            partner=endpoint.partner,
            endpoint=endpoint.name,
            day_ends_at=day_ends_at + LATE_ARRIVALS,
            until=day_ends_at + timedelta(days=self.payload_days),
        )
        await self.bus.send(command, caller=OURSELVES, command_id=derive_id("open", payload_key))
        self._opened.add(payload_key)


def payload_key_of(endpoint: Endpoint, at: datetime) -> str:
    """The key of what arrives at an endpoint on one day (UTC)."""
    return f"payloads_{endpoint.partner}_{endpoint.name}_{at.astimezone(UTC).date()}"


def command_of(
    endpoint: Endpoint, headers: Headers, body: bytes, verified: Verified, now: datetime
) -> ReceiveDelivery:
    """The command that records a delivery. raises   DeliveryMalformed"""
    try:
        written = body.decode()
        about = partners.about(endpoint.profile, partners.parse(written))
    except ValueError:  # Not UTF-8, or not JSON.
        raise DeliveryMalformed from None
    place = (endpoint.partner, endpoint.name)
    known_by = verified.provider_id or verified.digest
    key = about.key or f"delivery {known_by}"
    return ReceiveDelivery(
        delivery_id=derive_id(*place, key, known_by, prefix="dlv_"),
        inbox_id=derive_id(*place, key, prefix="inb_"),
        partner=endpoint.partner,
        endpoint=endpoint.name,
        profile=endpoint.profile,
        provider_id=verified.provider_id,
        digest=verified.digest,
        event_type=about.event_type,
        sent_at=verified.sent_at or now,
        received_at=now,
        secret_number=verified.secret_number,
        content_type=text(headers.get(b"content-type", b"").decode("latin-1")),
        body=written,
        body_bytes=len(body),
        payload_key=payload_key_of(endpoint, now),
        trace_id=(inject() or "")[_TRACE_ID],
    )
