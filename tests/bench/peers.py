"""Peers: the same rule (one vote per voter and show, and a counter) where teams usually put it.

PostgreSQL and Redis run with every acknowledged write fsynced, as the log does.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from libs.kernel.ids import new_id
from libs.stack.ports import free_ports
from libs.stack.postgres import Postgres
from libs.stack.processes import Child
from libs.testkit.waiting import eventually
from tests.bench.bus import SONGS, Run

SHOW = "show_0"
SERIALIZATION_FAILURES = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

_SCHEMA = """
drop table if exists vote, counter;
create table vote (
    show_id text, voter_id text, song_id text not null, vote_id text not null,
    cast_at timestamptz not null default now(), primary key (show_id, voter_id)
);
create table counter (show_id text, song_id text, votes bigint not null, primary key (show_id,
song_id));
"""
_INSERT = """
insert into vote (show_id, voter_id, song_id, vote_id) values ($1, $2, $3, $4)
on conflict do nothing returning vote_id
"""
_COUNT = """
insert into counter (show_id, song_id, votes) values ($1, $2, 1)
on conflict (show_id, song_id) do update set votes = counter.votes + 1
"""


async def postgres(server: Postgres, *, isolation: str, clients: int, seconds: float) -> Run:
    """Vote by vote in PostgreSQL, several clients at once on one show.

    isolation   `read_committed`, or `serializable` with retries
    """
    connections = [await asyncpg.connect(server.superuser_url()) for _ in range(clients)]
    await connections[0].execute(_SCHEMA)
    latencies: list[float] = []
    ends_at = time.perf_counter() + seconds

    async def client(connection: asyncpg.Connection, number: int) -> None:
        while time.perf_counter() < ends_at:
            sent_at = time.perf_counter()
            await _vote_until_done(connection, isolation, SONGS[(number + len(latencies)) % 25])
            latencies.append(time.perf_counter() - sent_at)

    started = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, connection in enumerate(connections):
                tasks.create_task(client(connection, number))
        passed = time.perf_counter() - started
    finally:
        for connection in connections:
            await connection.close()
    return Run(len(latencies), passed, latencies)


async def _vote_until_done(connection: asyncpg.Connection, isolation: str, song_id: str) -> None:
    voter_id = new_id("usr_")
    while True:
        try:
            async with connection.transaction(isolation=isolation):
                if await connection.fetchval(_INSERT, SHOW, voter_id, song_id, new_id()):
                    await connection.execute(_COUNT, SHOW, song_id)
        except SERIALIZATION_FAILURES:
            continue
        else:
            return


_SCRIPT = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
  return 1
end
return 0
"""


@asynccontextmanager
async def redis_server() -> AsyncIterator[tuple[str, int] | None]:
    """A redis-server with `appendfsync always`; None where it is not installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="backline-redis-") as name:
        port = free_ports(1)[0]
        arguments = (
            *(binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", name),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        )
        child = Child("redis-server", arguments, Path(name) / "log")
        child.start()
        try:
            await eventually(lambda: _ping(port))
            yield "127.0.0.1", port
        finally:
            await asyncio.to_thread(child.stop)


async def redis(address: tuple[str, int], *, pipeline: int, clients: int, seconds: float) -> Run:
    """Votes by a Lua script, pipelined: each client sends many, then reads their answers."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(_resp("SCRIPT", "LOAD", _SCRIPT))
    await reader.readline()
    digest = (await reader.readline()).decode().strip()
    writer.close()
    latencies: list[float] = []
    done = 0
    ends_at = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection(*address)
        while time.perf_counter() < ends_at:
            commands = [
                _resp("EVALSHA", digest, "2", "votes:show_0", "tally:show_0", new_id("usr_"), song)
                for song in SONGS * (pipeline // 25)
            ]
            sent_at = time.perf_counter()
            writer.write(b"".join(commands))
            await reader.readexactly(len(b":1\r\n") * len(commands))
            latencies.append(time.perf_counter() - sent_at)
            done += len(commands)
        writer.close()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(client())
    return Run(done, time.perf_counter() - started, latencies)


def _resp(*parts: str) -> bytes:
    body = b"".join(b"$%d\r\n%s\r\n" % (len(part.encode()), part.encode()) for part in parts)
    return b"*%d\r\n%s" % (len(parts), body)


async def _ping(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


# ---------------------------------------------------------------------------------- nchan


def has_nchan() -> bool:
    """Whether nginx with its module nchan is installed."""
    return shutil.which("nginx") is not None and _NCHAN_MODULE.exists()


@asynccontextmanager
async def nchan_server() -> AsyncIterator[int]:
    """An nginx worker that publishes at `/publish` to the WebSockets at `/watch`; its port."""
    with tempfile.TemporaryDirectory(prefix="backline-nchan-") as name:
        port = free_ports(1)[0]
        child = _nginx(Path(name), port)
        child.start()
        try:
            await eventually(lambda: _listens(port))
            yield port
        finally:
            await asyncio.to_thread(child.stop)


def _nginx(directory: Path, port: int) -> Child:
    path = directory / "nginx.conf"
    path.write_text(_NGINX.format(module=_NCHAN_MODULE, directory=directory, port=port))
    arguments = (shutil.which("nginx") or "nginx", "-p", str(directory), "-c", str(path))
    return Child("nginx", arguments, directory / "log")


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


_NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

_NGINX = """\
load_module {module};
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port};
        location = /publish {{ nchan_publisher; nchan_channel_id show; }}
        location = /watch {{
            nchan_subscriber websocket;
            nchan_channel_id show;
            nchan_subscriber_first_message newest;
        }}
    }}
}}
"""
