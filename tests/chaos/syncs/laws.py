"""What must be true of a catalog that was synced, whatever was killed meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from contracts.catalog_syncs import SyncAdvanced, SyncBegan, SyncFinished, SyncRequested
from libs.eventlog.model import RecordedCommit
from services.catalog.tables import metadata
from tests.chaos.house import House

SERVICE = "catalog"
OF_SYNCS = frozenset({"sync", "quota"})
TOLD_MAX = 3

type Stream = tuple[str, str]
type Streams = Mapping[Stream, Counter[str]]
type Tables = Mapping[str, Counter[str]]


@dataclass
class Runs:
    """How runs went on.

    continued   begun by a worker where another one had come to
    violations  what was read again, or passed over
    """

    begun: int = 0
    continued: int = 0
    pages: int = 0
    violations: list[str] = field(default_factory=list)


def runs_of(commits: Sequence[RecordedCommit]) -> Runs:
    """Whether every run went on behind the last page that was done, and did no page twice."""
    runs = Runs()
    following: dict[str, str | None] = {}
    done: dict[str, set[str]] = {}
    for event in (each.data for commit in commits for each in commit.events):
        match event:
            case SyncRequested(sync_id=sync_id, afresh=True):
                done[sync_id] = set()
            case SyncBegan(sync_id=sync_id, is_first=is_first):
                runs.begun += 1
                runs.continued += not is_first
                if is_first and done.get(sync_id):
                    runs.violations.append(f"{sync_id} began anew behind {following[sync_id]}")
            case SyncAdvanced(sync_id=sync_id, page=page):
                runs.pages += 1
                before = done.setdefault(sync_id, set())
                if before and page != following[sync_id]:
                    wanted = following[sync_id]
                    runs.violations.append(f"{sync_id} read {page}, and {wanted} was next")
                if page in before:
                    runs.violations.append(f"{sync_id} did {page} twice")
                before.add(page)
                following[sync_id] = event.next
            case SyncFinished(sync_id=sync_id):
                if following.get(sync_id) is not None:
                    runs.violations.append(f"{sync_id} ended before {following[sync_id]}")
                done[sync_id] = set()
    return runs


def streams_of(commits: Sequence[RecordedCommit]) -> Streams:
    """What was recorded of each record: how often each event, without the time it was told at."""
    found: dict[Stream, Counter[str]] = {}
    for commit in commits:
        if commit.aggregate in OF_SYNCS:
            continue
        stream = found.setdefault((commit.aggregate, commit.aggregate_id), Counter())
        for event in commit.events:
            said = dict(vars(event.data))
            said.pop("as_of", None)
            stream[f"{event.type} {_canonical(said)}"] += 1
    return found


async def tables_of(house: House) -> Tables:
    """The rows of every table of records, without the times at which sources said things."""
    connection = await asyncpg.connect(house.database.superuser_url)
    try:
        return {
            name: Counter(
                [
                    _canonical(_timeless(dict(row)))
                    for row in await connection.fetch(f"select * from {SERVICE}.{name}")
                ]
            )
            for name in metadata.tables
        }
    finally:
        await connection.close()


def differences(
    what: str, ours: Mapping[Any, Counter[str]], other: Mapping[Any, Counter[str]]
) -> list[str]:
    """What is not the same in two catalogs, in words: lost, doubled, or nobody's."""
    found = []
    for key in sorted(ours.keys() | other.keys()):
        mine, peaceful = ours.get(key, Counter()), other.get(key, Counter())
        for text, count in list((mine - peaceful).items())[:TOLD_MAX]:
            found.append(f"{what} {key}: {count} too many of {text}")
        for text, count in list((peaceful - mine).items())[:TOLD_MAX]:
            found.append(f"{what} {key}: {count} too few of {text}")
    return found


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row; of what sources say, only what they say."""
    if "fields" in row:
        said = orjson.loads(row["fields"])
        row["fields"] = {name: each["value"] for name, each in said.items()}
    return row


def _canonical(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str).decode()
