"""Names that one aggregate may hold: however many want one at once, one has it."""

import asyncio
from typing import Any

from libs.bus.wire import command_item
from libs.eventlog import MemoryLog
from libs.kernel.ids import new_id
from libs.owner.names import look_up
from libs.testkit.faulty_log import Fault, FaultyLog
from libs.testkit.lone_owner import LoneOwner
from libs.testkit.spec import DeciderSpec
from libs.testkit.toy_names import (
    PLAYER,
    BadgeReleased,
    BadgeTaken,
    NamePlayer,
    NameTaken,
    PlayerNamed,
    PlayerRetired,
    RetirePlayer,
)

spec = DeciderSpec(PLAYER)
ANN = PlayerNamed(player_id="p1", name="ann")


def named(player: str, name: str, **more: Any) -> dict[str, Any]:
    return _item("name-player", {"player_id": player, "name": name}, **more)


def retired(player: str) -> dict[str, Any]:
    return _item("retire-player", {"player_id": player})


def _item(command: str, args: dict[str, Any], command_id: str = "") -> dict[str, Any]:
    return command_item(
        f"toy.{command}",
        args,
        command_id=command_id or new_id(),
        actor="ann",
        roles=(),
        trace=None,
        correlation=None,
    )


async def ask(owner: LoneOwner, *items: dict[str, Any]) -> list[str]:
    """Whether each was carried out, or why not."""
    answers = await owner.ask(*items, slot=1)
    return [each["problem"]["code"] if "problem" in each else "ok" for each in answers]


async def holder(log: MemoryLog, name: str) -> str | None:
    assert PLAYER.claims is not None
    return (await look_up(log, PLAYER.claims, name)).holder


def owner_on(log: MemoryLog) -> LoneOwner:
    return LoneOwner(log, deciders=[PLAYER])


# ---------------------------------------------------------------------------------- the toy's rules


def test_takes_a_name_that_nobody_holds() -> None:
    spec.given().when(NamePlayer(player_id="p1", name="ann"), holders={"ann": None}).then(
        ANN, BadgeTaken(name="ann", holder="p1")
    )


def test_refuses_a_name_that_somebody_holds() -> None:
    wanted = NamePlayer(player_id="p1", name="ann")
    spec.given().when(wanted, holders={"ann": "p2"}).then_rejected(NameTaken)


def test_gives_the_name_back_when_the_player_retires() -> None:
    spec.given(ANN).when(RetirePlayer(player_id="p1"), holders={"ann": "p1"}).then(
        PlayerRetired(player_id="p1"), BadgeReleased(name="ann", holder="p1")
    )


# ---------------------------------------------------------------------------------- the owner


async def test_gives_one_of_many_the_name_they_all_want_at_once() -> None:
    log = MemoryLog("toy")
    async with owner_on(log).running() as one, owner_on(log).running() as other:
        asked = [ask((one, other)[n % 2], named(f"p{n}", "ann")) for n in range(200)]
        codes = [code for each in await asyncio.gather(*asked) for code in each]
    assert codes.count("ok") == 1
    assert codes.count("toy.name-taken") == 199
    winner = f"p{codes.index('ok')}"
    assert await holder(log, "ann") == winner
    for number in range(200):
        history = await log.load("player", f"p{number}")
        assert len(history.commits) == (f"p{number}" == winner)


async def test_passes_a_name_on_when_it_is_given_back() -> None:
    log = MemoryLog("toy")
    async with owner_on(log).running() as owner:
        assert await ask(owner, named("p1", "ann"), named("p1", "bea")) == ["ok", "ok"]
        assert await ask(owner, named("p2", "ann")) == ["ok"]
        assert await ask(owner, named("p2", "bea")) == ["toy.name-taken"]
        assert await ask(owner, retired("p1")) == ["ok"]
        assert await ask(owner, named("p3", "bea")) == ["ok"]
    assert [await holder(log, name) for name in ("ann", "bea")] == ["p2", "p3"]


async def test_decides_on_what_the_same_batch_has_taken() -> None:
    log = FaultyLog("toy")
    async with owner_on(log).running() as owner:
        log.open.clear()
        first = owner.send(named("p0", "zoe"), slot=1)
        rest = owner.send(named("p1", "ann"), retired("p1"), named("p1", "ann"), slot=1)
        await asyncio.sleep(0.05)
        log.open.set()
        for reply in (first, rest):
            assert all("answer" in each for each in await asyncio.wait_for(reply, 5))
    assert await holder(log, "ann") == "p1"


async def test_keeps_name_and_player_together_whatever_the_log_does() -> None:
    for fault in (Fault.LOST, Fault.UNANSWERED, Fault.LATE):
        log = FaultyLog("toy")
        async with owner_on(log).running() as owner:
            log.faults.append(fault)
            reply = owner.send(named("p1", "ann", command_id="c1"), slot=1)
            if fault is Fault.LATE:
                await asyncio.sleep(0.02)
                await log.land_late()
            (answer,) = await asyncio.wait_for(reply, 5)
        assert answer["answer"]["name"] == "ann", fault
        assert await holder(log, "ann") == "p1"
        assert len((await log.load("player", "p1")).commits) == 1


async def test_gives_the_first_answer_again_to_a_late_retry() -> None:
    log = MemoryLog("toy")
    async with owner_on(log).running() as owner:
        assert await ask(owner, named("p1", "ann", command_id="c1")) == ["ok"]
    async with owner_on(log).running() as successor:
        assert await ask(successor, named("p1", "ann", command_id="c1")) == ["ok"]
    assert len((await log.load("player", "p1")).commits) == 1
