"""The way to the other services: the bus."""

from collections.abc import Mapping
from typing import Any

from libs.bus import Bus
from libs.kernel.messages import service_caller
from services.web.adapters.asking import Answer


class BusAsk:
    """Ask over the bus, as the service `web`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._caller = service_caller("web")

    async def __call__(self, query: str, args: Mapping[str, Any]) -> Answer:
        answer = await self._bus.ask_raw(query, dict(args), caller=self._caller)
        return {"position": answer.position, "cursor": None, "result": answer.result}
