"""Waiting for what will be: never by sleeping a while and hoping."""

import asyncio
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.005


async def eventually(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool], *, timeout_seconds: float = 10.0
) -> None:
    """Return once the condition holds. raises   TimeoutError"""
    async with asyncio.timeout(timeout_seconds):
        while True:
            holds = condition()
            if holds is True or (not isinstance(holds, bool) and await holds):
                return
            await asyncio.sleep(LOOK_SECONDS)
