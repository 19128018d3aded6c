"""Reading ahead: in order, together, and no further than there is room."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.eventlog import RecordedCommit
from libs.readmodel import reading
from libs.readmodel.reading import LogEnded, ReadAhead


def commit(position: int) -> RecordedCommit:
    return RecordedCommit("game", "g", position, {}, [])


class Source:
    """A log that says how far it was read."""

    def __init__(self, *batches: int, then: Exception | None = None) -> None:
        self.sizes = batches
        self.read = 0
        self.is_closed = False
        self._then = then

    async def follow(self) -> AsyncIterator[list[RecordedCommit]]:
        try:
            for size in self.sizes:
                first = self.read + 1
                self.read += size
                yield [commit(first + index) for index in range(size)]
            if self._then is not None:
                raise self._then
            while self._then is None:
                await asyncio.sleep(0.01)
                yield []
        finally:
            self.is_closed = True


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_takes_all_that_has_arrived_in_order() -> None:
    source = Source(2, 3, 1)
    async with ReadAhead(source.follow(), events_max=100) as ahead:
        await _settle()
        assert [each.position for each in await ahead.take()] == [1, 2, 3, 4, 5, 6]
        assert await ahead.take() == []


async def test_reads_no_further_when_there_is_no_room() -> None:
    source = Source(*[10] * 50)
    async with ReadAhead(source.follow(), events_max=25) as ahead:
        await _settle()
        assert source.read == 30
        taken = [each.position for each in await ahead.take()]
        await _settle()
        assert source.read == 60
        while len(taken) < 500:
            taken += [each.position for each in await ahead.take()]
    assert taken == list(range(1, 501))


async def test_gives_what_was_read_before_it_says_what_went_wrong() -> None:
    source = Source(3, then=ConnectionError("the log broke"))
    async with ReadAhead(source.follow(), events_max=100) as ahead:
        await _settle()
        assert len(await ahead.take()) == 3
        with pytest.raises(ConnectionError):
            await ahead.take()


async def test_says_so_when_a_log_ends() -> None:
    async def ending() -> AsyncIterator[list[RecordedCommit]]:
        yield [commit(1)]

    async with ReadAhead(ending(), events_max=100) as ahead:
        assert len(await ahead.take()) == 1
        with pytest.raises(LogEnded):
            await ahead.take()


async def test_gives_nothing_when_the_log_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SILENCE_SECONDS_MAX", 0.05)

    async def silent() -> AsyncIterator[list[RecordedCommit]]:
        await asyncio.get_running_loop().create_future()
        yield []

    async with ReadAhead(silent(), events_max=100) as ahead:
        assert await ahead.take() == []


async def test_lets_go_of_the_log_when_it_is_left() -> None:
    source = Source(*[10] * 50)
    async with ReadAhead(source.follow(), events_max=25):
        await _settle()
    assert source.is_closed
