"""`backline import setlists`, from files to rows: everything arrives, and nothing arrives twice."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog_artists import ListArtists
from contracts.catalog_shows import GetShow, ListShows
from libs.kernel.messages import NOBODY
from libs.testkit.stack import RunningNats
from services.catalog.adapters.findings import Part
from services.catalog.cli.importing import import_setlists
from services.catalog.cli.report import Report
from services.catalog.cli.seeding import FIRST_SHOW, seed
from services.catalog.conftest import RunningCatalog, catalog

__all__ = ["catalog"]

pytestmark = [pytest.mark.connected, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
COLLECTIONS = ROOT.parent / "shared" / "data" / "setlists-realshows"
EXIT_SECONDS = 60

DIRTY = """\
1999/02/29:
  uuid: 00000000-0000-4000-8000-000000000001
  venue: Nowhere
1999/03/01:
  uuid: 00000000-0000-4000-8000-000000000002
  venue: Somewhere
  sets:
  - songs: [{name: Dark Star}, {name: }]
"""


async def test_seeds_real_shows_and_nothing_more_when_repeated(catalog: RunningCatalog) -> None:
    report = await seed(catalog.bus)
    assert report.counts[Part.SHOW].new == report.counts[Part.SETLIST].new == 22
    assert report.refusals == []
    position = await catalog.log.last_position()
    assert position == report.position

    again = await seed(catalog.bus)
    assert (again.total.new, again.total.changed) == (0, 0)
    assert again.total.unchanged == report.total.new
    assert await catalog.log.last_position() == position

    answer = await catalog.bus.ask(GetShow(show_id=FIRST_SHOW), caller=NOBODY, after=position)
    assert answer.result["show"]["local_date"] == "1972-05-26"
    assert answer.result["show"]["venue"] == "Lyceum"
    assert answer.result["show"]["artist"] == "Grateful Dead"
    assert answer.result["setlist"]["sets"][0]["songs"][0]["title"] == "Promised Land"


async def test_reports_what_it_refused_and_takes_the_rest(
    catalog: RunningCatalog, nats_server: RunningNats, tmp_path: Path
) -> None:
    (tmp_path / "1999.yaml").write_text(DIRTY)
    code, first = await run_import(nats_server, tmp_path)
    assert code == 0
    assert [(each["what"], each["line"]) for each in first["refusals"]] == [
        ("show", 1),
        ("performance", 8),
    ]
    assert first["by_kind"]["shows"] == {
        "read": 2,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "refused": 1,
    }
    _, second = await run_import(nats_server, tmp_path)
    assert (second["new"], second["changed"]) == (0, 0)
    assert second["unchanged"] == first["new"]
    assert second["refusals"] == first["refusals"]


async def test_fails_and_says_why_when_there_is_nothing_to_import(
    catalog: RunningCatalog, nats_server: RunningNats, tmp_path: Path
) -> None:
    code, report = await run_import(nats_server, tmp_path / "nowhere")
    assert code == 1
    assert [each["reason"] for each in report["refusals"]] == ["there is no such file"]


async def run_import(nats_server: RunningNats, path: Path) -> tuple[int, dict[str, Any]]:
    """Run the command as a person would; returns its exit code and its report."""
    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": nats_server.url,
        "BACKLINE_SECRETS": str(nats_server.secrets),
    }
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-P",
            "-m",
            "libs.chassis.cli",
            "import",
            "setlists",
            "--json",
            str(path),
        ),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(EXIT_SECONDS):
        output, errors = await process.communicate()
    assert output, errors.decode()
    assert process.returncode is not None
    return process.returncode, json.loads(output)


# --------------------------------------------------------------------------- real collections


@pytest.fixture
def collections() -> Path:
    if not COLLECTIONS.is_dir():
        pytest.skip(f"the collections are not at {COLLECTIONS}")
    return COLLECTIONS


def rows(pattern: str, *paths: Path) -> int:
    """How many lines of the files match: counted in another way than the readers do."""
    return sum(
        bool(re.match(pattern, line)) for path in paths for line in path.read_text().split("\n")
    )


def expected(folder: Path) -> dict[Part, int]:
    """How many shows and songs as played there are to read, by looking at the bare lines."""
    yaml = list(folder.rglob("[0-9]*.yaml"))
    exported = [
        json.loads(line)
        for path in folder.rglob("*.jsonl")
        for line in path.read_text().split("\n")
        if line.strip()
    ]
    tables = {name: list(folder.rglob(f"{name}.csv")) for name in ("shows", "setlists")}
    headers = {name: len(paths) for name, paths in tables.items()}
    return {
        Part.SHOW: rows(r"\d{4}/", *yaml) + len(exported) + rows(r"http", *tables["shows"]),
        Part.PERFORMANCE: rows(r"      :name:", *yaml)
        + sum(len(show["songs"]) for show in exported)
        + rows(r".+", *tables["setlists"])
        - headers["setlists"],
    }


async def test_imports_thousands_of_real_shows_and_adds_no_event_when_repeated(
    catalog: RunningCatalog, collections: Path
) -> None:
    first = await import_setlists(catalog.bus, [collections])
    for part, count in expected(collections).items():
        assert first.counts[part].read == count
        assert first.counts[part].new == count - first.counts[part].refused
    assert all(refusal.reason and refusal.where.line for refusal in first.refusals)
    position = await catalog.log.last_position()
    assert position == first.position == recorded(first)

    second = await import_setlists(catalog.bus, [collections])
    assert (second.total.new, second.total.changed) == (0, 0)
    assert second.total.unchanged == first.total.new
    assert second.refusals == first.refusals
    assert await catalog.log.last_position() == position

    artists = await catalog.bus.ask(ListArtists(), caller=NOBODY, after=position)
    assert (
        sum(artist["shows"] for artist in artists.result["artists"]) == first.counts[Part.SHOW].new
    )
    shows = await catalog.bus.ask(ListShows(limit=200), caller=NOBODY, after=position)
    assert len(shows.result["shows"]) == 200

    seeded = await seed(catalog.bus)
    assert (seeded.total.new, seeded.total.changed) == (0, 0)


def recorded(report: Report) -> int:
    """How many commits an import into an empty catalog made: one for each record."""
    records = set(Part) - {Part.PERFORMANCE, Part.FILE}
    return sum(report.counts[part].new for part in records)
