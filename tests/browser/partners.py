"""The partners that the catalog asks, as `backline sandbox` serves them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.browser.house import wait_until

UP_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0


class Partners:
    """What they do and say next."""

    def __init__(self, port: int) -> None:
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0)

    def order(self, partner: str, fault: str, **more: Any) -> None:
        """Have the next requests to a partner meet a fault."""
        self._put("faults", {"partner": partner, "fault": fault, **more})

    def change(self, partner: str, item_id: str, change: dict[str, Any]) -> None:
        """Have a partner tell something else."""
        self._put("changes", {"partner": partner, "id": item_id, "change": change})

    def is_up(self) -> bool:
        try:
            return self._client.delete("/_sandbox").is_success
        except httpx2.TransportError:
            return False

    def close(self) -> None:
        self._client.close()

    def _put(self, what: str, body: dict[str, Any]) -> None:
        response = self._client.put(f"/_sandbox/{what}", json=body)
        assert response.status_code == 204, response.text


@contextmanager
def running_partners(port: int) -> Iterator[Partners]:
    """The partners at a port, during the block."""
    settings = {name: value for name, value in os.environ.items() if "BACKLINE_" not in name}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "libs.chassis.cli", "sandbox", "--port", str(port)],
        env=settings,
        stdout=subprocess.DEVNULL,
    )
    partners = Partners(port)
    try:
        wait_until(partners.is_up, UP_SECONDS_MAX)
        yield partners
    finally:
        partners.close()
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS_MAX)
