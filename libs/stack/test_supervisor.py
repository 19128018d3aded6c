"""The supervisor, run as a process of its own with toy services that only say they are ready."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from libs.stack.ports import free_ports

pytestmark = [
    pytest.mark.connected,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

TOY = """
import http.server, os, sys, threading
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *ignored): pass
def serve(variable):
    http.server.HTTPServer(("127.0.0.1", int(os.environ[variable])), Ready).serve_forever()
if os.path.exists(os.environ["TOY"] + "/misconfigured"):
    print("there is no such setting", flush=True)
    sys.exit(78)
open(os.environ["TOY"] + "/" + sys.argv[1] + ".pid", "w").write(str(os.getpid()))
print('{"level": "warning", "event": "Toy is up.", "name": "%s"}' % sys.argv[1], flush=True)
if sys.argv[1] == "gateway":
    threading.Thread(target=serve, args=["BACKLINE_PORT"], daemon=True).start()
serve("BACKLINE_HEALTH_PORT")
"""

RUN = """
import asyncio, os, pathlib, sys
from libs.stack.data_lock import DataInUse
from libs.stack.processes import ChildFailed
from libs.stack.supervisor import Plan, Supervisor

class Printed:
    def step(self, text): print("step:", text, flush=True)
    def ready(self): print("ready", flush=True)
    def trouble(self, text): print("trouble:", text, flush=True)
    def news(self, process, line): print("news:", process, line, flush=True)

data, port, toy, job = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
plan = Plan(
    data=data,
    port=port,
    has_gateway=True,
    before={"preparing": [sys.executable, "-c", job]},
    processes={name: [sys.executable, "-c", toy, name] for name in ("gateway", "owner")},
    after={},
    environment=os.environ,
)
try:
    asyncio.run(Supervisor(plan, Printed()).run())
except DataInUse as refusal:
    print(refusal); sys.exit(3)
except ChildFailed as failure:
    print(failure); sys.exit(1)
"""


class Running:
    """A supervisor, and what it has printed so far."""

    def __init__(self, directory: Path, job: str = "pass") -> None:
        self.data = directory / "data"
        self.directory = directory
        self.port = free_ports(1)[0]
        self._printed = directory / f"printed.{self.port}"
        with self._printed.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(self.data), str(self.port), TOY, job],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TOY": str(directory)},
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    def until_printed(self, text: str, timeout_seconds: float = 30.0) -> None:
        self.until(lambda: text in self.printed or self.process.poll() is not None, timeout_seconds)
        assert text in self.printed, self.printed

    def until(self, condition: Callable[[], bool], timeout_seconds: float = 15.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.02)

    def everyone(self) -> dict[int, str]:
        """Every living process that has inherited our environment, with its program."""
        marker = f"TOY={self.directory}".encode()
        found = {}
        for directory in Path("/proc").iterdir():
            try:
                if marker in (directory / "environ").read_bytes().split(b"\0"):
                    program = (directory / "cmdline").read_bytes().split(b"\0")[0]
                    found[int(directory.name)] = Path(program.decode()).name
            except OSError:
                continue
        return found

    def pid_of(self, program: str) -> int:
        return next(pid for pid, name in self.everyone().items() if name == program)

    def toy_pid(self, name: str) -> int:
        return int((self.directory / f"{name}.pid").read_text())

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running(directory: Path, job: str = "pass") -> Iterator[Running]:
    supervisor = Running(directory, job)
    try:
        yield supervisor
    finally:
        supervisor.process.kill()
        supervisor.process.wait()
        supervisor.until(lambda: not supervisor.everyone())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_everything_in_order_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as supervisor:
        supervisor.until_printed("ready\n")
        assert supervisor.answers()
        supervisor.until_printed("news: owner warning: Toy is up. name=owner")
        environment = (supervisor.data / "environment").read_text()
        assert f"BACKLINE_PORT={supervisor.port}\n" in environment
        supervisor.process.send_signal(number)
        assert supervisor.process.wait(20) == 0
        assert not supervisor.everyone()
        assert not (supervisor.data / "environment").exists()
        assert "trouble" not in supervisor.printed
        postgres = (supervisor.data / "logs" / "postgres.log").read_text()
        assert "database system is shut down" in postgres


def test_leaves_no_process_and_can_come_back_when_it_was_killed(tmp_path: Path) -> None:
    with running(tmp_path) as supervisor:
        supervisor.until_printed("ready\n")
        assert {"nats-server", "postgres"} <= set(supervisor.everyone().values())
        supervisor.process.kill()
        supervisor.process.wait()
        with running(tmp_path) as successor:
            successor.until_printed("ready\n")


def test_says_who_holds_the_data_when_it_is_started_twice(tmp_path: Path) -> None:
    with running(tmp_path) as supervisor:
        supervisor.until_printed("ready\n")
        before = supervisor.everyone()
        second = Running(tmp_path)
        assert second.process.wait(10) == 3
        assert f"is in use by process {supervisor.process.pid}" in second.printed
        assert supervisor.everyone() == before
        assert supervisor.answers()


def test_starts_again_what_was_killed(tmp_path: Path) -> None:
    with running(tmp_path) as supervisor:
        supervisor.until_printed("ready\n")
        owner = supervisor.toy_pid("owner")
        os.kill(owner, signal.SIGKILL)
        supervisor.until_printed("trouble: owner was ended by SIGKILL; starting it again in 0.1 s")
        supervisor.until(lambda: supervisor.toy_pid("owner") != owner)
        for program in ("nats-server", "postgres"):
            pid = supervisor.pid_of(program)
            os.kill(pid, signal.SIGKILL)
            supervisor.until_printed(f"trouble: {program} was ended by SIGKILL")
            supervisor.until(partial(_is_back, supervisor, program, pid))
        assert supervisor.process.poll() is None


def _is_back(supervisor: Running, program: str, former: int) -> bool:
    everyone = supervisor.everyone()
    return former not in everyone and program in everyone.values()


def test_ends_with_the_reason_when_a_job_fails(tmp_path: Path) -> None:
    with running(tmp_path, job="raise SystemExit('no such stream')") as supervisor:
        assert supervisor.process.wait(20) == 1
        assert "preparing failed (ended with 1)" in supervisor.printed
        assert "no such stream" in supervisor.printed
        assert not supervisor.everyone()


def test_ends_with_the_reason_when_a_process_cannot_run_with_its_settings(tmp_path: Path) -> None:
    job = f"open({str(tmp_path / 'misconfigured')!r}, 'w').close()"
    with running(tmp_path, job=job) as supervisor:
        assert supervisor.process.wait(20) == 1
        assert "cannot run with these settings (ended with 78)" in supervisor.printed
        assert "there is no such setting" in supervisor.printed
        assert not supervisor.everyone()


def test_stops_when_it_is_told_to_while_still_starting(tmp_path: Path) -> None:
    with running(tmp_path, job="import time; time.sleep(60)") as supervisor:
        supervisor.until_printed("step: preparing")
        supervisor.process.send_signal(signal.SIGINT)
        assert supervisor.process.wait(20) == 0
        assert not supervisor.everyone()
