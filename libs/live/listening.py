"""Hearing core NATS for the hub, through the connection of a bus."""

from typing import Any

from libs.bus import Bus
from libs.live.hub import Listen, OnMessage, StopListening
from libs.telemetry.names import TRACEPARENT


def listening_on(bus: Bus) -> Listen:
    """The way to hear what this bus's connection may hear.

    What is asked over the bus after `listen` has returned is answered with the subscription in
    place: both go the same way, in order.
    """
    connection = bus.connection

    async def listen(subject: str, on_message: OnMessage) -> StopListening:
        async def on_nats_message(message: Any) -> None:
            headers = message.headers
            on_message(message.subject, message.data, headers and headers.get(TRACEPARENT))

        subscription = await connection.subscribe(subject, cb=on_nats_message)

        async def stop() -> None:
            if not (connection.is_closed or connection.is_draining):
                await subscription.unsubscribe()

        return stop

    return listen
