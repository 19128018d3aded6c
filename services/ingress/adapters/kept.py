"""What is kept in the log: payloads that are processed again, and the keys they are read with."""

import structlog

from contracts.ingress import (
    DeliveryReceived,
    ForgetPayloads,
    PayloadsOpened,
    PayloadsStillOpen,
    PayloadsUnknown,
    ReplayDelivery,
)
from contracts.ingress_private import ProcessAgain, RecordForgotten
from libs.eventlog import EventLog
from libs.eventlog.vault import Vault
from libs.kernel.messages import Origin

logger = structlog.get_logger(__name__)


class Kept:
    """Looks up, in the log of ingress, what commands about payloads need."""

    def __init__(self, log: EventLog, vault: Vault) -> None:
        self._log = log
        self._vault = vault

    async def replay(self, command: ReplayDelivery, _origin: Origin) -> ProcessAgain:
        """Find what was delivered. That it is not there is for the inbox to say."""
        history = await self._log.load("inbox", command.inbox_id)
        body = None
        for commit in history.commits:
            for recorded in commit.events:
                received = recorded.data
                if (
                    isinstance(received, DeliveryReceived)
                    and received.delivery_id == command.delivery_id
                ):
                    body = received.body
        return ProcessAgain(inbox_id=command.inbox_id, delivery_id=command.delivery_id, body=body)

    async def forget(self, command: ForgetPayloads, origin: Origin) -> RecordForgotten:
        """Destroy a key, once nothing can arrive any more that it is for.

        raises   PayloadsUnknown, PayloadsStillOpen; Unavailable
        """
        history = await self._log.load("payloads", command.payload_key)
        opened = [
            recorded.data
            for commit in history.commits
            for recorded in commit.events
            if isinstance(recorded.data, PayloadsOpened)
        ]
        if not opened:
            raise PayloadsUnknown
        if origin.at < opened[0].day_ends_at:
            raise PayloadsStillOpen
        await self._vault.destroy(command.payload_key)
        logger.info("The key of a day's payloads is destroyed.", payload_key=command.payload_key)
        return RecordForgotten(payload_key=command.payload_key)
