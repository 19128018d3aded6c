"""Waiting for what will be: never by sleeping a while and hoping."""

import asyncio
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.005
PATIENCE_SECONDS = 30.0
"""How long a machine that is busy with something else may take: no test waits for it in vain."""


async def eventually(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool],
    *,
    timeout_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Return once the condition holds. raises   TimeoutError"""
    async with asyncio.timeout(timeout_seconds):
        while True:
            holds = condition()
            if holds is True or (not isinstance(holds, bool) and await holds):
                return
            await asyncio.sleep(LOOK_SECONDS)
