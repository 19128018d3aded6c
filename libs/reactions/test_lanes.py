"""Lanes: order within a key, none between keys, and a bound."""

import asyncio

import pytest

from libs.reactions.lanes import Lanes, Work


class Recorder:
    """Work that says when it was done, once it is let."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def work(self, name: str, *, held: bool = False) -> Work:
        gate = self.gates[name] = asyncio.Event()
        if not held:
            gate.set()

        async def run() -> None:
            await gate.wait()
            self.done.append(name)

        return run


async def turns() -> None:
    """Let everybody do what can be done."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_works_in_order_when_the_key_is_the_same() -> None:
    recorder = Recorder()
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, 10)
        await lanes.put("a", recorder.work("a1", held=True))
        await lanes.put("a", recorder.work("a2"))
        await turns()
        assert recorder.done == []
        recorder.gates["a1"].set()
    assert recorder.done == ["a1", "a2"]


async def test_does_not_wait_when_another_key_does() -> None:
    recorder = Recorder()
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, 10)
        await lanes.put("a", recorder.work("a1", held=True))
        await lanes.put("b", recorder.work("b1"))
        await turns()
        assert recorder.done == ["b1"]
        recorder.gates["a1"].set()


async def test_takes_no_more_when_too_much_is_unfinished() -> None:
    recorder = Recorder()
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, 2)
        await lanes.put("a", recorder.work("a1", held=True))
        await lanes.put("b", recorder.work("b1", held=True))
        third = tasks.create_task(lanes.put("c", recorder.work("c1")))
        await turns()
        assert not third.done()
        recorder.gates["b1"].set()
        await turns()
        assert recorder.done == ["b1", "c1"]
        recorder.gates["a1"].set()


async def test_works_again_for_a_key_when_it_had_nothing_to_do() -> None:
    recorder = Recorder()
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, 1)
        for name in ("a1", "a2"):
            await lanes.put("a", recorder.work(name))
            await turns()
            assert recorder.done[-1] == name


async def test_ends_the_group_when_work_raises() -> None:
    async def broken() -> None:
        raise KeyError("a bug")

    with pytest.raises(ExceptionGroup) as crash:
        async with asyncio.TaskGroup() as tasks:
            await Lanes(tasks, 1).put("a", broken)
    assert crash.group_contains(KeyError)
