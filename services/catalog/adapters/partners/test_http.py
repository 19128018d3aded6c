"""Asking over HTTP: what fails is told apart, believed and reported, without our keys in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from contracts.catalog_syncs import PageMark
from services.catalog.adapters.partners.http import (
    ATTEMPTS_MAX,
    RETRY_SECONDS_MAX,
    Http,
    Manners,
)
from services.catalog.adapters.partners.trouble import Absent, Away, Denied, Garbled, Limited
from services.catalog.conftest import RunningSandbox, sandbox

__all__ = ["sandbox"]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATH = "/rest/1.0/artist/6faa7ca7-0d99-4a5e-bfa6-1fd5037520c6/setlists"
HEADERS = {"accept": "application/json", "x-api-key": "secret-key"}


class Book:
    """Counts what is asked, and remembers when it is told no."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed: list[float] = []

    async def take(self) -> None:
        self.taken += 1

    async def close(self, seconds: float) -> None:
        self.closed.append(seconds)


@asynccontextmanager
async def asking(url: str, book: Book, *, verify: bool = True) -> AsyncIterator[Http]:
    async with httpx2.AsyncClient(
        base_url=url, timeout=0.5, trust_env=False, verify=verify
    ) as client:
        manners = Manners(1000, book.take, book.close, retry_seconds=0.01)
        yield Http(client, manners, lambda: NOW)


async def test_says_when_a_name_cannot_be_found() -> None:
    book = Book()
    async with asking("https://nobody.invalid", book) as http:
        with pytest.raises(Away, match=r"nobody\.invalid/x: not reachable"):
            await http.get("/x", params={"apikey": "secret-key"})
    assert book.taken == ATTEMPTS_MAX


async def test_says_when_a_connection_is_not_secure(sandbox: RunningSandbox) -> None:
    async with asking(sandbox.url.replace("http:", "https:"), Book()) as http:
        with pytest.raises(Away, match="no secure connection"):
            await http.get("/setlistfm/x")


async def test_says_when_nobody_listens() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with asking(f"http://127.0.0.1:{port}", Book()) as http:
        with pytest.raises(Away, match="not reachable"):
            await http.get("/x")


async def test_tells_refusals_apart_and_keeps_our_key_out(sandbox: RunningSandbox) -> None:
    async with asking(f"{sandbox.url}/setlistfm", Book()) as http:
        with pytest.raises(Denied, match=r"403, Forbidden") as denied:
            await http.get(PATH, headers={"accept": "application/json"})
        with pytest.raises(Absent, match=r"404, not found") as absent:
            await http.get("/rest/1.0/artist/nobody/setlists", headers=HEADERS)
        for refused in (denied, absent):
            assert "secret" not in str(refused.value)
    async with asking(f"{sandbox.url}/ticketmaster", Book()) as http:
        with pytest.raises(Denied, match="Invalid ApiKey"):
            await http.get("/discovery/v2/events.json")
        params = {"apikey": "secret-key", "size": "200", "page": "7"}
        with pytest.raises(Denied, match="API Limits Exceeded") as beyond:
            await http.get("/discovery/v2/events.json", params=params)
        assert "secret" not in str(beyond.value)


async def test_asks_a_few_times_and_then_not_any_more(sandbox: RunningSandbox) -> None:
    book = Book()
    await sandbox.order("setlistfm", "broken", times=ATTEMPTS_MAX - 1)
    async with asking(f"{sandbox.url}/setlistfm", book) as http:
        await http.get(PATH, headers=HEADERS)
        assert book.taken == ATTEMPTS_MAX
        await sandbox.order("setlistfm", "broken", times=ATTEMPTS_MAX)
        with pytest.raises(Away, match="500, Internal Server Error"):
            await http.get(PATH, headers=HEADERS)
        for fault, reason in (("html", "HTML"), ("truncated", "not JSON"), ("large", "more than")):
            sandbox.world.faults.clear()
            await sandbox.order("setlistfm", fault, times=ATTEMPTS_MAX)
            with pytest.raises((Away, Garbled), match=reason):
                await http.get(PATH, headers=HEADERS)


async def test_believes_a_partner_that_says_when_to_come_back(sandbox: RunningSandbox) -> None:
    book = Book()
    await sandbox.order("setlistfm", "limited", times=9, retry_after=4000)
    async with asking(f"{sandbox.url}/setlistfm", book) as http:
        with pytest.raises(Limited) as limited:
            await http.get(PATH, headers=HEADERS)
    assert limited.value.retry_after_seconds == 4000
    assert (book.taken, book.closed) == (1, [4000])


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": format_datetime(NOW + timedelta(minutes=2), usegmt=True)}, 120.0),
        ({"retry-after": format_datetime(NOW - timedelta(days=2), usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "999999999"}, RETRY_SECONDS_MAX),
        ({"rate-limit-reset": str(int(NOW.timestamp() * 1000) + 90_000)}, 90.0),
        ({"rate-limit-reset": "never"}, None),
        ({}, None),
    ],
)
async def test_reads_when_to_come_back_in_every_way_it_is_said(
    headers: dict[str, str], seconds: float | None
) -> None:
    async with asking("http://127.0.0.1:1", Book()) as http:
        assert http._retry_after(headers) == seconds


async def test_is_told_that_nothing_has_changed(sandbox: RunningSandbox) -> None:
    async with asking(f"{sandbox.url}/setlistfm", Book()) as http:
        first = await http.get(PATH, headers=HEADERS)
        assert first.mark().etag
        again = await http.get(PATH, headers=HEADERS, mark=first.mark())
        assert (again.is_unchanged, again.body) == (True, b"")
        other = await http.get(PATH, headers=HEADERS, mark=PageMark(etag='"another"'))
        assert not other.is_unchanged
