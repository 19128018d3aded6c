"""`backline projections` against a running service."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from libs.testkit.services import running_services
from libs.testkit.stack import RunningDatabase, RunningNats

pytestmark = pytest.mark.connected

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def environment(
    nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[dict[str, str]]:
    async with running_services(["catalog.projections"], nats_server, database) as settings:
        yield {
            "PATH": os.environ["PATH"],
            "BACKLINE_NATS_URL": settings.nats_url,
            "BACKLINE_DATABASE_URL": settings.database_url,
            "BACKLINE_SECRETS": str(settings.secrets),
        }


async def backline(*arguments: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run `backline`; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "libs.chassis.cli",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


async def standing(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """How a projection stands."""
    code, out, errors = await backline("projections", "list", "--json", environment=environment)
    assert code == 0, errors
    found: dict[str, Any] = next(each for each in orjson.loads(out) if each["name"] == name)
    return found


async def test_lists_how_projections_stand_and_rebuilds_one(environment: dict[str, str]) -> None:
    async with asyncio.timeout(40):
        while (before := await standing("catalog.records", environment))["state"] != "following":
            continue
    assert before["log"] == "catalog"
    assert before["gap"] == 0
    assert before["lag_seconds"] == 0
    code, out, errors = await backline("projections", "list", environment=environment)
    assert code == 0, errors
    assert "catalog.records" in out

    code, out, errors = await backline(
        "projections", "rebuild", "catalog.records", "--json", environment=environment
    )
    assert code == 0, errors
    (rebuilt,) = orjson.loads(out)
    assert rebuilt["generation"] == before["generation"] + 1


async def test_rebuilds_itself_when_nobody_runs_the_projection(
    environment: dict[str, str], database: RunningDatabase
) -> None:
    before = await standing("voting.votes", environment)
    code, out, errors = await backline(
        "projections", "rebuild", "voting.votes", "--json", environment=environment
    )
    assert code == 0, errors
    (rebuilt,) = orjson.loads(out)
    assert rebuilt["name"] == "voting.votes"
    assert rebuilt["generation"] > before["generation"]
    connection = await asyncpg.connect(database.url_of("voting"))
    try:
        assert await connection.fetchval("select to_regclass('voting.votes')") is not None
        await connection.execute("drop schema voting cascade")
    finally:
        await connection.close()


async def test_says_what_there_is_when_a_name_is_unknown(environment: dict[str, str]) -> None:
    code, _, errors = await backline(
        "projections", "rebuild", "voting.talley", environment=environment
    )
    assert code == 2
    assert "there is no projection voting.talley; there are" in errors
    assert "voting.tally" in errors
    code, _, errors = await backline("projections", "rebuild", environment=environment)
    assert code == 2
    assert "--all" in errors
