"""An artist's records at Spotify, page by page: all of them, and no more than there may be."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import orjson
import pytest
import uvicorn

from contracts.catalog_songs import RegisterSong
from libs.chassis.asgi import Receive, Scope, Send, respond
from libs.stack.ports import free_ports
from services.catalog.adapters.findings import Fact, Refusal
from services.catalog.adapters.partners import spotify
from services.catalog.adapters.partners.http import Http, Manners
from services.catalog.adapters.partners.page import Page
from services.catalog.adapters.partners.spotify import Spotify
from services.catalog.adapters.partners.trouble import Garbled
from services.catalog.domain.syncs import Target

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARTIST = "0SandboxHarbourLights0"
LIST = re.compile(r"/v1/(artists|albums)/([^/]+)/(albums|tracks)")

type Lists = Callable[[str, int, int], tuple[Sequence[Mapping[str, Any]], bool]]
"""What is in a list (`albums`, or the album's id) from an offset on, a page of it, and whether more
comes."""


def whole(lists: Mapping[str, Sequence[Mapping[str, Any]]], page_size: int) -> Lists:
    """Lists that are served in pages of a size, whatever is asked for."""

    def page(name: str, offset: int, limit: int) -> tuple[Sequence[Mapping[str, Any]], bool]:
        found = lists.get(name, [])
        end = offset + min(limit, page_size)
        return found[offset:end], end < len(found)

    return page


@asynccontextmanager
async def served(lists: Lists) -> AsyncIterator[Spotify]:
    """Spotify with these lists, during the block."""

    async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl(scope["query_string"].decode()))
        found = LIST.fullmatch(scope["path"])
        body: dict[str, Any] = {"id": ARTIST, "name": "The Harbour Lights"}
        if scope["path"] == "/api/token":
            body = {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}
        elif found is not None:
            name = "albums" if found.group(1) == "artists" else found.group(2)
            items, has_more = lists(name, int(asked["offset"]), int(asked["limit"]))
            body = {"items": items, "next": "https://api.spotify.com/…" if has_more else None}
        await respond(send, 200, "application/json", orjson.dumps(body))

    (port,) = free_ports(1)
    config = uvicorn.Config(answer, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody.
        await asyncio.sleep(0.01)
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False
        ) as client:
            http = Http(client, Manners(10_000, _nothing, _closed, 0.01), lambda: NOW)
            yield Spotify(http, http, ("app", "secret"), lambda: NOW)
    finally:
        server.should_exit = True
        await serving


async def _nothing() -> None: ...


async def _closed(_seconds: float) -> None: ...


def album(number: int) -> dict[str, Any]:
    return {"id": f"alb{number}", "name": f"Record {number}", "release_date": str(1900 + number)}


def track(name: str) -> dict[str, Any]:
    return {"id": f"trk-{name}", "name": name, "artists": [{"id": ARTIST}]}


async def read(source: Spotify) -> Page:
    target = Target.of(f"spotify-artist-{ARTIST}")
    return await source.page(target, source.first(target), None, NOW)


def songs(page: Page) -> dict[str, str | None]:
    """The songs, and the records they came out on."""
    told = [each.telling for each in page.findings if isinstance(each, Fact)]
    return {each.title: each.release for each in told if isinstance(each, RegisterSong)}


@pytest.mark.parametrize("page_size", [50, 7, 1])
async def test_reads_all_pages_however_short_they_are(page_size: int) -> None:
    lists = {
        "albums": [album(number) for number in range(23)],
        **{f"alb{number}": [track(f"Song {number}"), track("Ebb")] for number in range(22)},
        "alb22": [track(f"Tide {number}") for number in range(120)],
    }
    async with served(whole(lists, page_size)) as source:
        page = await read(source)
    assert len(songs(page)) == 22 + 1 + 120
    assert songs(page)["Ebb"] == "Record 0", "what came out first, whichever page it is on"
    assert not [each for each in page.findings if isinstance(each, Refusal)]


@pytest.mark.parametrize("name", ["albums", "alb0"])
async def test_ends_when_pages_go_in_a_circle(name: str) -> None:
    lists = whole({"albums": [album(0)], "alb0": [track("Ebb")]}, 50)

    def circle(asked: str, offset: int, limit: int) -> tuple[Sequence[Mapping[str, Any]], bool]:
        return lists(asked, 0, limit) if asked != name else (lists(asked, 0, limit)[0], True)

    async with served(circle) as source:
        with pytest.raises(Garbled, match="in a circle"):
            await read(source)


async def test_takes_no_more_than_it_may_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spotify, "ALBUMS_MAX", 3)
    monkeypatch.setattr(spotify, "TRACKS_MAX", 60)

    def endless(name: str, offset: int, limit: int) -> tuple[Sequence[Mapping[str, Any]], bool]:
        numbers = range(offset, offset + limit)
        if name == "albums":
            return [album(number) for number in numbers], True
        return [track(f"{name} {number}") for number in numbers], name == "alb1"

    async with served(endless) as source:
        page = await read(source)
    reasons = [str(each.reason) for each in page.findings if isinstance(each, Refusal)]
    assert reasons == [
        "more than 3 records: the others are left out",
        "more than 60 tracks: the others are left out",
    ]
    assert len(songs(page)) == 50 + 60 + 50
