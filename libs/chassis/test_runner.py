"""The runner: what starts, what ends a process, and in which order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

import services
from libs.chassis.asgi import Receive, Scope, Send, respond
from libs.chassis.http import PortTaken, listen
from libs.chassis.runner import (
    EXIT_CRASHED,
    EXIT_MISCONFIGURED,
    PartEnded,
    UnknownService,
    load_app,
    run,
)
from libs.chassis.service import App, Part, Runtime
from libs.chassis.settings import ProcessSettings
from libs.kernel.errors import Unavailable
from libs.stack.ports import free_ports


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a service `toy` whose parts are the given coroutine functions."""
    room = tmp_path / "toy"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "app.py").write_text("def create_app(settings):\n    return app\n")
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path)])

    def install(**parts: Callable[[Runtime], Awaitable[None]]) -> None:
        import importlib

        module = importlib.import_module("services.toy.app")
        module.__dict__["app"] = App("toy", [Part(name, run) for name, run in parts.items()])

    yield install
    for name in [name for name in sys.modules if name.startswith("services.toy")]:
        del sys.modules[name]


@pytest.fixture
def settings() -> ProcessSettings:
    (port,) = free_ports(1)
    return ProcessSettings(port=port)


async def until_cancelled() -> None:
    await asyncio.get_running_loop().create_future()


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def fetch(url: str) -> tuple[int, bytes]:
    def get() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    return await asyncio.to_thread(get)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await respond(send, 200, "text/plain", f"hello from {scope['path']}".encode())


async def test_ends_in_order_when_told_to_stop(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    order = []

    async def owner(runtime: Runtime) -> None:
        runtime.ready("owner")
        stop()
        try:
            await until_cancelled()
        finally:
            order.append("owner")

    toy(owner=owner)
    await run(["toy"], settings)
    assert order == ["owner"]


async def test_runs_only_the_named_part_when_a_spec_names_one(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    ran = []

    async def owner(runtime: Runtime) -> None:
        ran.append("owner")
        stop()
        await until_cancelled()

    async def queries(runtime: Runtime) -> None:
        ran.append("queries")

    toy(owner=owner, queries=queries)
    await run(["toy.owner"], settings)
    assert ran == ["owner"]


async def test_ends_with_the_error_when_a_part_crashes(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    was_cancelled = asyncio.Event()

    async def owner(runtime: Runtime) -> None:
        try:
            await until_cancelled()
        finally:
            was_cancelled.set()

    async def queries(runtime: Runtime) -> None:
        raise KeyError("a bug")

    toy(owner=owner, queries=queries)
    with pytest.raises(ExceptionGroup) as crash:
        await run(["toy"], settings)
    assert crash.group_contains(KeyError, match="a bug")
    assert was_cancelled.is_set()


async def test_ends_with_an_error_when_a_part_returns(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    async def owner(runtime: Runtime) -> None:
        return

    toy(owner=owner)
    with pytest.raises(ExceptionGroup) as crash:
        await run(["toy"], settings)
    assert crash.group_contains(PartEnded, match="toy.owner")


async def test_starts_a_part_again_when_what_it_needs_is_away(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    tries = []

    async def owner(runtime: Runtime) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("the log is away")
        stop()
        await until_cancelled()

    toy(owner=owner)
    await run(["toy"], settings)
    assert len(tries) == 3


async def test_serves_pages_and_health_when_a_part_answers_http(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    seen: dict[str, tuple[int, bytes]] = {}

    async def http(runtime: Runtime) -> None:
        await runtime.http(hello, prefixes=["/v1"])

    async def asker(runtime: Runtime) -> None:
        base = f"http://127.0.0.1:{settings.port}"
        while "toy.http" not in str(seen.get("ready", "")):
            try:
                seen["ready"] = await fetch(f"{base}/health/ready")
            except OSError:
                await asyncio.sleep(0.01)
        seen["not ready"] = seen["ready"]
        runtime.ready("asker")
        seen["ready"] = await fetch(f"{base}/health/ready")
        for path in ("/v1/voting/get-tally", "/v1", "/v10", "/health/live", "/metrics"):
            seen[path] = await fetch(base + path)
        stop()
        await until_cancelled()

    toy(http=http, asker=asker)
    async with asyncio.timeout(20):
        await run(["toy"], settings)
    status, body = seen["not ready"]
    assert status == 503
    assert json.loads(body)["parts"] == {"toy.http": "ready", "toy.asker": "starting"}
    assert seen["ready"][0] == 200
    assert seen["/v1/voting/get-tally"] == (200, b"hello from /v1/voting/get-tally")
    assert seen["/v1"][0] == 200
    assert seen["/v10"][0] == 404
    assert json.loads(seen["/v10"][1])["code"] == "not-found"
    assert seen["/health/live"] == (200, b'{"status":"live"}')
    assert b"python_info" in seen["/metrics"][1]


async def test_says_which_setting_to_change_when_the_port_is_taken(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    async def http(runtime: Runtime) -> None:
        await runtime.http(hello, prefixes=["/"])

    toy(http=http)
    with listen("127.0.0.1", settings.port, "") as taken:
        taken.listen()
        with pytest.raises(ExceptionGroup) as refusal:
            await run(["toy"], settings)
    assert refusal.group_contains(PortTaken, match="BACKLINE_PORT")


async def test_names_what_there_is_when_a_spec_is_unknown(
    toy: Callable[..., None], settings: ProcessSettings
) -> None:
    with pytest.raises(UnknownService, match=r"there is no service tour; there are .*toy"):
        load_app("tour")
    toy(owner=lambda _: until_cancelled())
    with pytest.raises(UnknownService, match="toy has no part ownr; it has owner"):
        await run(["toy.ownr"], settings)


# ---------------------------------------------------------------------------------- a whole process

PROCESS = """
import asyncio, sys, services
from pathlib import Path
services.__path__.append(sys.argv[1])
from libs.chassis.runner import main
sys.exit(main(["toy"]))
"""


def start(room: Path, body: str, **variables: str) -> subprocess.Popen[str]:
    """A process that runs a service `toy` with one part, `owner`, of the given body."""
    (room / "toy").mkdir()
    (room / "toy" / "__init__.py").write_text("")
    part = "async def owner(runtime):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    (room / "toy" / "app.py").write_text(
        "import asyncio, time\n"
        "from libs.chassis.service import App, Part\n"
        f"{part}\n"
        "def create_app(settings):\n"
        "    return App('toy', [Part('owner', owner)])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(room)],
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **variables},
    )


def read_until(process: subprocess.Popen[str], message: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if message in line:
            return line
    raise AssertionError(f"{message!r} never came")


def test_exits_with_zero_when_stopped_by_a_signal(tmp_path: Path) -> None:
    with start(tmp_path, "runtime.ready('owner')\nawait asyncio.sleep(60)") as process:
        read_until(process, "Starting.")
        read_until(process, "Ready.")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_logs_the_bug_whole_and_exits_with_one_when_a_part_crashes(tmp_path: Path) -> None:
    with start(tmp_path, "raise KeyError('a bug')") as process:
        line = json.loads(read_until(process, "A part crashed."))
        assert process.wait(10) == EXIT_CRASHED
    assert line["part"] == "toy.owner"
    assert line["service"] == "toy"
    assert "app.py" in line["exception"]
    assert "KeyError: 'a bug'" in line["exception"]


def test_prints_what_to_change_when_a_setting_is_wrong(tmp_path: Path) -> None:
    with start(tmp_path, "pass", BACKLINE_PORT="many", BACKLINE_NATS_URI="x") as process:
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(10) == EXIT_MISCONFIGURED
    assert said == (
        "backline: BACKLINE_NATS_URI: there is no such setting; did you mean BACKLINE_NATS_URL?\n"
    )


def test_ends_all_the_same_when_a_part_hangs_in_its_last_words(tmp_path: Path) -> None:
    body = """
        runtime.ready('owner')
        try:
            await asyncio.sleep(60)
        finally:
            time.sleep(60)
    """
    with start(tmp_path, body, BACKLINE_STOP_TIMEOUT_SECONDS="0.5") as process:
        read_until(process, "Ready.")
        asked_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(10) == EXIT_CRASHED
    assert time.monotonic() - asked_at < 5
    assert "app.py" in said
