"""Services in a process of their own, to be stopped, killed, or left alone with their chance."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from libs.stack.ports import free_ports
from libs.testkit.stack import RunningDatabase, RunningNats

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A process of services. `address` is that of its pages and API, without a path."""

    process: subprocess.Popen[bytes]
    address: str

    @property
    def live(self) -> str:
        return self.address.replace("http", "ws", 1) + "/v1/live"


@contextmanager
def services_elsewhere(
    specs: Sequence[str], nats_server: RunningNats, database: RunningDatabase
) -> Iterator[Elsewhere]:
    """Run services during the block, which is entered once they are ready."""
    port, health_port = free_ports(2)
    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": nats_server.url,
        "BACKLINE_DATABASE_URL": database.url,
        "BACKLINE_SECRETS": str(nats_server.secrets),
        "BACKLINE_PORT": str(port),
        "BACKLINE_HEALTH_PORT": str(health_port),
    }
    command = [sys.executable, "-m", "libs.chassis.cli", "run", *specs]
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{health_port}/health/ready")
            yield Elsewhere(process, f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert process.poll() is None, "the services ended"
        assert time.monotonic() < deadline, "the services were not ready in time"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.1)
