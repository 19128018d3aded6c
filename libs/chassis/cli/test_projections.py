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

from contracts.voting import BallotOpened, BallotPrepared, Candidate, VoteCast
from libs.eventlog import JetStreamLog
from libs.kernel.ids import new_id
from libs.testkit.builders import commit_of
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats

pytestmark = pytest.mark.connected

ROOT = Path(__file__).parents[3]
VOTES = 3


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


async def voted(nats_server: RunningNats) -> str:
    """Record the votes of a ballot of its own. Returns its show."""
    show_id = new_id("shw_")
    prepared = BallotPrepared(
        show_id=show_id,
        candidates=[Candidate(song_id="sng_1", title="Ripple")],
        opens_at=None,
        closes_at=None,
        votes_per_voter=1,
        changeable=True,
    )
    votes = [
        VoteCast(show_id=show_id, voter_id=new_id("usr_"), song_id="sng_1", vote_id=new_id())
        for _ in range(VOTES)
    ]
    commit = commit_of(show_id, prepared, BallotOpened(show_id=show_id), *votes, aggregate="ballot")
    async with bus_of("voting", nats_server) as bus:
        log = await JetStreamLog.open(bus.connection, "voting")
        await log.append([commit])
    return show_id


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
    environment: dict[str, str], nats_server: RunningNats, database: RunningDatabase
) -> None:
    show_id = await voted(nats_server)
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
        of_show = "select count(*) from voting.votes where show_id = $1"
        assert await connection.fetchval(of_show, show_id) == VOTES
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
