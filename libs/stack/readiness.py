"""Waiting until a started program really serves."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus

from libs.stack.processes import Child

_RETRY_SECONDS = 0.02
_PROBE_TIMEOUT_SECONDS = 2.0


def answers_ok(url: str) -> bool:
    """Ask an address of this machine once whether it answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def wait_ready(child: Child, is_ready: Callable[[], bool], *, timeout_seconds: float) -> None:
    """Wait until the probe says yes.

    raises   ChildFailed when the program ends or the timeout passes first
    """
    deadline = time.monotonic() + timeout_seconds
    while not _settled(child, is_ready, deadline, timeout_seconds):
        time.sleep(_RETRY_SECONDS)


async def until_ready(
    child: Child, is_ready: Callable[[], bool], *, timeout_seconds: float
) -> None:
    """As `wait_ready`, without holding up the event loop between probes."""
    deadline = time.monotonic() + timeout_seconds
    # Asking is the only way: another program cannot set an event of ours.
    while not _settled(child, is_ready, deadline, timeout_seconds):  # noqa: ASYNC110
        await asyncio.sleep(_RETRY_SECONDS)


def _settled(
    child: Child, is_ready: Callable[[], bool], deadline: float, timeout_seconds: float
) -> bool:
    if not child.is_running:
        raise child.failure("ended before it was ready")
    if is_ready():
        return True
    if time.monotonic() > deadline:
        raise child.failure(f"was not ready after {timeout_seconds:g} s")
    return False
