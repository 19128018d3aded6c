"""The write path on a log in memory: what is refused, what fails, and who is harmed by it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.eventlog import Commit, codec
from libs.kernel.errors import NotFound
from libs.kernel.ids import new_id
from libs.kernel.messages import Origin, view
from libs.owner import HotView, batch, hot, lane, lookups, tracing
from libs.testkit.builders import commit_of
from libs.testkit.faulty_log import Fault, FaultyLog
from libs.testkit.lone_owner import EVERY_SLOT, Answer, LoneOwner, item
from libs.testkit.toy import (
    DrawByName,
    DrawTicket,
    Place,
    Raffle,
    RaffleClosed,
    RaffleOpened,
    TicketDrawn,
)
from libs.testkit.waiting import eventually


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PAUSE_AFTER_OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "PAUSE_AFTER_OUTAGE_SECONDS", 0.0)


@pytest.fixture
def log() -> FaultyLog:
    return FaultyLog("toy")


@pytest.fixture
async def owner(log: FaultyLog) -> AsyncIterator[LoneOwner]:
    async with LoneOwner(log).running() as owner:
        yield owner


async def opened(log: FaultyLog, *raffles: str) -> None:
    """Open raffles, behind the owner's back."""
    for raffle in raffles:
        await log.append([commit_of(raffle, RaffleOpened(raffle_id=raffle))])


async def drawn(log: FaultyLog, raffle: str = "r1") -> list[str]:
    """Who has a ticket, as the log has it."""
    history = await log.load("raffle", raffle)
    events = [event.data for commit in history.commits for event in commit.events]
    return [event.guest_id for event in events if isinstance(event, TicketDrawn)]


def draw(actor: str, raffle: str = "r1", **more: Any) -> dict[str, Any]:
    return item("draw-ticket", raffle, actor=actor, **more)


def codes(answers: list[Answer]) -> list[str]:
    return [answer["problem"]["code"] if "problem" in answer else "ok" for answer in answers]


# ---------------------------------------------------------------------------------- what comes in


BAD = [
    {"id": ""},
    {"id": "x" * 65},
    {"id": "a b"},
    {"id": "ü"},
    {"id": "a.b"},
    {"id": 7},
    {"id": ["a"]},
    {"actor": "x" * 65},
    {"actor": "ann.bob"},
    {"actor": None},
    {"actor": {}},
    {"roles": 5, "actor": ""},
    {"args": []},
    {"args": None},
    {"args": {"raffle_id": "r1", "more": 1}},
    {"args": {"raffle_id": "r 1"}},
    {"args": {}},
    {"command": "toy.no-such"},
    {"command": ["toy.draw-ticket"]},
    {"trace": 7},
    {"correlation": {}},
    {"impersonator": 7},
    {"impersonator": "grace.hopper"},
    {"impersonator": "x" * 65},
]


@pytest.mark.parametrize("wrong", BAD, ids=str)
async def test_refuses_a_command_and_harms_no_other_when_it_is_malformed(
    log: FaultyLog, owner: LoneOwner, wrong: dict[str, Any]
) -> None:
    await opened(log, "r1")
    answers = await owner.ask(draw("ann"), {**draw("bob"), **wrong}, draw("cleo"))
    assert codes(answers)[0::2] == ["ok", "ok"]
    assert codes(answers)[1] in {"invalid", "unauthenticated"}
    assert await drawn(log) == ["ann", "cleo"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"7", b"\xff", b'[[], 7, "x", null]'])
async def test_refuses_a_message_when_it_holds_no_commands(
    owner: LoneOwner, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.testkit.lone_owner.orjson.dumps", lambda _: content)
    reply = owner.send(slot=1)
    monkeypatch.undo()
    assert set(codes(await asyncio.wait_for(reply, 5))) == {"invalid"}


async def test_refuses_a_command_when_its_sender_may_not(owner: LoneOwner, log: FaultyLog) -> None:
    await opened(log, "r1")
    answers = await owner.ask(
        item("close-raffle", "r1", actor="ann", roles=("member",)),
        item("close-raffle", "r1", actor="", roles=()),
        draw(""),
        draw("ann", roles=()),
    )
    assert codes(answers) == ["forbidden", "unauthenticated", "unauthenticated", "ok"]


async def test_refuses_with_the_kind_of_problem_that_the_rules_chose(owner: LoneOwner) -> None:
    (answer,) = await owner.ask(item("close-raffle", "r1", actor="mia", roles=("moderator",)))
    assert answer["problem"]["code"] == "toy.raffle-unknown"
    assert answer["problem"]["status"] == 404


async def test_refuses_an_id_when_somebody_else_has_used_it(
    owner: LoneOwner, log: FaultyLog
) -> None:
    await opened(log, "r1")
    [first] = await owner.ask(draw("ann", command_id="key_1"))
    assert codes(await owner.ask(draw("bob", command_id="key_1"))) == ["command-id-taken"]
    assert await owner.ask(draw("ann", command_id="key_1")) == [first]
    async with LoneOwner(log).running() as next_owner:
        assert codes(await next_owner.ask(draw("bob", command_id="key_1"))) == ["command-id-taken"]
    assert await drawn(log) == ["ann"]


async def test_frees_the_place_of_a_message_when_it_is_answered_in_whatever_way(
    log: FaultyLog,
) -> None:
    async with LoneOwner(log, slot_commands_max=3).running() as owner:
        await owner.ask(item("open-raffle", "r1"))
        for _ in range(3):
            owner.own(frozenset())
            assert codes(await owner.ask(draw("ann"), draw("bob"))) == ["owner-moved"] * 2
            owner.own(EVERY_SLOT)
            await owner.ask({}, draw("ann"), {}, slot=1)
            log.faults.append(Fault.LOST)
            await owner.ask(item("close-raffle", "r1"), item("open-raffle", "r1"))
        assert owner.inbox.commands_waiting == 0


async def test_takes_a_message_that_is_larger_than_the_bound_when_nothing_waits(
    log: FaultyLog,
) -> None:
    async with LoneOwner(log, slot_commands_max=3).running() as owner:
        await opened(log, "r1")
        assert codes(await owner.ask(*(draw(f"g{n}") for n in range(5)))) == ["ok"] * 5


# ---------------------------------------------------------------------------------- bugs


@pytest.mark.parametrize("place", list(Place))
async def test_harms_nobody_else_when_a_decider_has_a_bug(
    owner: LoneOwner, log: FaultyLog, place: Place
) -> None:
    await opened(log, "r1", "r2")
    poison = [item("break-raffle", "r1", place=place) for _ in range(8)]
    mixed = [each for n, bad in enumerate(poison) for each in (draw(f"g{n}"), bad)]
    answers, others = await asyncio.gather(
        owner.ask(*mixed), owner.ask(*(draw(f"g{n}", "r2") for n in range(8)))
    )
    assert codes(answers) == ["ok", "internal"] * 8
    assert answers[1]["problem"]["status"] == 500
    assert codes(others) == ["ok"] * 8
    assert await drawn(log) == await drawn(log, "r2") == [f"g{n}" for n in range(8)]
    numbers = [answer["answer"]["number"] for answer in answers[0::2]]
    assert numbers == list(range(1, 9)), "decided on what was thrown away"


async def test_harms_nobody_else_when_what_a_command_records_is_too_large(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(log, "r1")
    monkeypatch.setattr(codec, "COMMIT_BYTES_MAX", 600)  # One ticket, but no long names.
    large = draw("b" * 64, command_id="c" * 64)
    answers = await owner.ask(draw("ann"), large)
    assert answers[0]["answer"]["number"] == 1
    assert answers[1]["problem"]["kind"] == "too-large"
    assert await drawn(log) == ["ann"]


async def test_says_that_it_broke_when_an_answer_cannot_be_said(log: FaultyLog) -> None:
    async with LoneOwner(log, completers={DrawTicket: unsayable}).running() as owner:
        await opened(log, "r1")
        answers = await owner.ask(draw("ann"), item("close-raffle", "r1"))
        assert codes(answers) == ["internal", "ok"]
        assert codes(await owner.ask(item("open-raffle", "r1"))) == ["ok"]


async def unsayable(_command: Any, _answer: dict[str, Any], _origin: Origin) -> dict[str, Any]:
    return {"token": object()}


async def test_ends_the_owner_when_a_commit_breaks_in_a_way_nobody_foresaw(
    log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in memory then holds decisions that may never have been written."""
    owner = LoneOwner(log)
    await opened(log, "r1")
    replies = []

    def breaks(_drafts: Any) -> list[Any]:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(tracing, "start_commits", breaks)

    async def run_until_it_breaks() -> None:
        async with owner.running():
            replies.append(owner.send(draw("ann")))
            await asyncio.wait({owner.tasks[0]}, timeout=5)

    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        await run_until_it_breaks()
    assert not replies[0].done(), "answered, although it may not have been written"
    assert owner.aggregates.all() == []
    assert await drawn(log) == []


# ---------------------------------------------------------------------------------- the log


async def test_writes_all_others_when_one_of_many_streams_was_overtaken(
    owner: LoneOwner, log: FaultyLog
) -> None:
    raffles = [f"r{n}" for n in range(40)]
    await opened(log, *raffles)
    await asyncio.gather(*(owner.ask(draw("ann", raffle)) for raffle in raffles))
    history = await log.load("raffle", "r7")
    closed = RaffleClosed(raffle_id="r7")
    await log.append([commit_of("r7", closed, expected=history.revision)])
    log.open.clear()
    under_way = owner.send(draw("cleo", "r39"))
    await eventually(lambda: log.appends > 0 and owner.lane._committing is not None)
    replies = [owner.send(draw("bob", raffle)) for raffle in raffles]
    log.open.set()
    answers = [(await asyncio.wait_for(reply, 10))[0] for reply in replies]
    assert codes(await under_way) == ["ok"]
    refused = [raffle for raffle, code in zip(raffles, codes(answers), strict=True) if code != "ok"]
    assert refused == ["r7"]
    assert await drawn(log, "r7") == ["ann"]
    assert await drawn(log, "r8") == ["ann", "bob"]


async def test_goes_on_when_a_full_batch_is_taken_back(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "BATCH_COMMANDS_MAX", 10)
    await opened(log, "r1")
    log.open.clear()
    first = owner.send(draw("first"))
    await eventually(lambda: owner.lane._committing is not None)
    replies = [owner.send(*(draw(f"g{m}_{n}") for n in range(5))) for m in range(6)]
    await eventually(lambda: owner.lane._open.commands >= 10)
    log.faults.append(Fault.LOST)
    log.open.set()
    for reply in (first, *replies):
        assert set(codes(await asyncio.wait_for(reply, 5))) == {"ok"}
    assert len(set(await drawn(log))) == 31


async def test_refuses_on_the_truth_of_today_when_another_owner_has_moved_on(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "CONFIRMED_SECONDS_MAX", 0.05)
    assert codes(await owner.ask(draw("ann"))) == ["toy.raffle-not-open"]
    await opened(log, "r1")

    async def gets_a_ticket() -> bool:
        return codes(await owner.ask(draw("ann"))) == ["ok"]

    await eventually(gets_a_ticket, timeout_seconds=2)
    assert await drawn(log) == ["ann"]


async def test_answers_with_what_was_under_way_when_a_bug_threw_the_state_away_meanwhile(
    owner: LoneOwner, log: FaultyLog
) -> None:
    await opened(log, "r1")
    await owner.ask(draw("ann"))
    log.open.clear()
    closing = owner.send(item("close-raffle", "r1"))
    await eventually(lambda: log.appends == 3)
    before = owner.aggregates.get("raffle", "r1")
    broken = owner.send(item("break-raffle", "r1", place=Place.EVOLVE), draw("ann"))
    await eventually(lambda: owner.aggregates.get("raffle", "r1") not in (None, before))
    log.open.set()
    await asyncio.gather(closing, broken)
    await owner.ask(item("open-raffle", "r1"))
    history = await log.load("raffle", "r1")
    assert history.commits[-1].events[-1].data == RaffleOpened(raffle_id="r1")


async def test_asks_the_log_once_in_a_while_when_it_refuses_again_and_again(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = 0
    load = log.load

    async def counted(*arguments: Any) -> Any:
        nonlocal loads
        loads += 1
        return await load(*arguments)

    monkeypatch.setattr(log, "load", counted)
    for _ in range(50):
        assert codes(await owner.ask(draw("ann"))) == ["toy.raffle-not-open"]
    assert loads <= 2


async def test_reads_nothing_anew_when_its_slots_come_back(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(log, "r1")
    assert codes(await owner.ask(draw("ann"))) == ["ok"]
    monkeypatch.setattr(log, "load", None)  # Whoever reads now breaks.
    owner.own(frozenset())
    owner.own(EVERY_SLOT)
    assert codes(await owner.ask(draw("bob"))) == ["ok"]
    monkeypatch.undo()
    assert await drawn(log) == ["ann", "bob"]


async def test_refuses_only_what_the_log_confirms_when_its_slots_come_back(
    owner: LoneOwner, log: FaultyLog
) -> None:
    assert codes(await owner.ask(draw("ann"))) == ["toy.raffle-not-open"]
    owner.own(frozenset())
    await opened(log, "r1")
    owner.own(EVERY_SLOT)
    assert codes(await owner.ask(draw("ann"))) == ["ok"]
    assert await drawn(log) == ["ann"]


async def test_gives_up_with_a_hint_when_the_log_is_away_for_long(
    log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PATIENCE_SECONDS", 0.2)
    async with LoneOwner(log).running() as owner:
        await owner.ask(item("open-raffle", "r1"))
        log.faults.extend([Fault.LOST] * 1000)
        [answer] = await owner.ask(draw("ann"))
        assert answer["problem"]["kind"] == "unavailable"
        log.faults.clear()
        assert codes(await owner.ask(draw("ann"))) == ["ok"]
    assert await drawn(log) == ["ann"]


async def test_forgets_first_what_was_not_used_for_longest(log: FaultyLog) -> None:
    async with LoneOwner(log, live_max=2).running() as owner:
        for raffle in ("r1", "r2", "r1", "r3", "r1"):
            await owner.ask(item("open-raffle", raffle))
        await eventually(lambda: len(owner.aggregates.all()) == 2)
        assert {live.aggregate_id for live in owner.aggregates.all()} == {"r1", "r3"}


# ---------------------------------------------------------------------------------- lookups


async def by_name(command: Any, origin: Origin) -> DrawTicket:
    if command.name == "nobody":
        raise NotFound("nobody has this name")
    if command.name == "bug":
        raise RuntimeError("a bug in a lookup")
    if command.name == "slow":
        await asyncio.get_running_loop().create_future()
    assert origin.actor
    return DrawTicket(raffle_id=command.raffle_id)


async def test_decides_what_a_lookup_makes_of_a_command(
    log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "PATIENCE_SECONDS", 0.3)
    await opened(log, "r1")
    async with LoneOwner(log, resolvers={DrawByName: by_name}).running() as owner:
        names = ["ann", "nobody", "bug", "slow", "bob"]
        answers = await owner.ask(
            *(item("draw-by-name", "r1", actor=f"u_{name}", name=name) for name in names)
        )
        assert codes(answers) == ["ok", "not-found", "internal", "unavailable", "ok"]
    assert Counter(await drawn(log)) == Counter(["u_ann", "u_bob"])


async def test_looks_up_once_when_the_lookup_keeps_the_class(log: FaultyLog) -> None:
    seen = 0

    async def same(command: Any, _origin: Origin) -> Any:
        nonlocal seen
        seen += 1
        return command

    await opened(log, "r1")
    async with LoneOwner(log, resolvers={DrawTicket: same}).running() as owner:
        log.faults.append(Fault.LOST)
        assert codes(await owner.ask(draw("ann"))) == ["ok"]
    assert seen == 1


async def test_completes_an_answer_that_is_committed_and_no_other(log: FaultyLog) -> None:
    async def with_name(_command: Any, answer: dict[str, Any], origin: Origin) -> dict[str, Any]:
        if origin.actor == "bug":
            raise RuntimeError("a bug in a completer")
        assert await drawn(log)
        return {**answer, "name": origin.actor}

    async with LoneOwner(log, completers={DrawTicket: with_name}).running() as owner:
        assert codes(await owner.ask(draw("ann"))) == ["toy.raffle-not-open"]
        await owner.ask(item("open-raffle", "r1"))
        first, bug, second = await owner.ask(draw("ann"), draw("bug"), draw("bob"))
        assert (first["answer"]["name"], second["answer"]["name"]) == ("ann", "bob")
        assert codes([bug]) == ["internal"]
    assert await drawn(log) == ["ann", "bug", "bob"]


async def test_loads_a_few_at_a_time_when_many_are_asked_for(
    log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, most = 0, 0
    load = log.load

    async def counted(*arguments: Any) -> Any:
        nonlocal loading, most
        loading += 1
        most = max(most, loading)
        await asyncio.sleep(0)
        loading -= 1
        return await load(*arguments)

    monkeypatch.setattr(log, "load", counted)
    async with LoneOwner(log).running() as owner:
        await asyncio.gather(*(owner.ask(item("open-raffle", f"r{n}")) for n in range(200)))
    assert 1 < most <= lookups.LOADS_MAX


# ---------------------------------------------------------------------------------- hot results


@view
class Drawn:
    guests: list[str]
    position: int


def guests_of(_raffle_id: str, raffle: Raffle, position: int) -> Drawn:
    return Drawn(guests=list(raffle.tickets), position=position)


GUESTS = HotView("toy.get-guests", "raffle", guests_of)


@pytest.fixture
def quick_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "SPACING_SECONDS", 0.002)
    monkeypatch.setattr(hot, "LOOK_SECONDS", 0.001)


async def guests_at(log: FaultyLog, position: int) -> list[str]:
    history = await log.load("raffle", "r1")
    return [
        event.data.guest_id
        for commit in history.commits
        if commit.position <= position
        for event in commit.events
        if isinstance(event.data, TicketDrawn)
    ]


@pytest.mark.usefixtures("quick_hot")
async def test_tells_committed_truth_only_when_appends_fail(log: FaultyLog) -> None:
    async with LoneOwner(log, hot=[GUESTS]).running() as owner:
        await owner.ask(item("open-raffle", "r1"))
        for number in range(60):
            if number % 3 == 0:
                log.faults.append([Fault.LOST, Fault.UNANSWERED][number % 2])
            replies = [owner.send(draw(f"g{number}_{n}")) for n in range(3)]
            for reply in replies:
                assert codes(await asyncio.wait_for(reply, 5)) == ["ok"]
        end = await log.last_position()
        await eventually(lambda: owner.told[-1][1]["position"] == end)
    assert {subject for subject, _ in owner.told} == {"hot.toy.get-guests.r1"}
    assert len(owner.told) > 5
    for _, body in owner.told:
        assert body["result"]["position"] == body["position"]
        assert body["result"]["guests"] == await guests_at(log, body["position"])
        assert body["epoch"] == log.epoch


@pytest.mark.usefixtures("quick_hot")
async def test_rests_when_what_it_would_tell_is_no_longer_in_memory(log: FaultyLog) -> None:
    async with LoneOwner(log, hot=[GUESTS]).running() as owner:
        await owner.ask(item("open-raffle", "r1"))
        owner._hot._due["raffle", "gone"] = None
        owner._hot._woken.set()
        await eventually(lambda: not owner._hot._due)
        assert not owner._hot._woken.is_set()


@pytest.mark.usefixtures("quick_hot")
async def test_writes_all_the_same_when_a_hot_view_has_a_bug(log: FaultyLog) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a bug in a view")

    view = HotView("toy.get-guests", "raffle", broken)
    async with LoneOwner(log, hot=[view]).running() as owner:
        await owner.ask(item("open-raffle", "r1"))
        for number in range(20):
            assert codes(await owner.ask(draw(f"g{number}"))) == ["ok"]
        assert owner.told == []


# ---------------------------------------------------------------------------------- hand-over


async def test_finishes_the_commit_and_sends_the_rest_on_when_it_stops(log: FaultyLog) -> None:
    await opened(log, "r1")
    owner = LoneOwner(log)
    async with owner.running():
        await owner.ask(draw("zero"))
        log.open.clear()
        under_way = owner.send(draw("ann"))
        await eventually(lambda: owner.lane._committing is not None)
        still_open = owner.send(draw("bob"))
        await eventually(lambda: not owner.lane.is_settled(("raffle", "r1")))
        loading = owner.send(draw("cleo", "r2"))
        log.loadable.clear()
        asyncio.get_running_loop().call_later(0.05, log.open.set)
    assert codes(await asyncio.wait_for(under_way, 1)) == ["ok"]
    assert codes(await asyncio.wait_for(still_open, 1)) == ["owner-moved"]
    assert codes(await asyncio.wait_for(loading, 1)) == ["owner-moved"]
    log.loadable.set()
    assert await drawn(log) == ["zero", "ann"]
    # What is in memory is saved now: nothing may be in it that is not in the log.
    for live in owner.aggregates.all():
        assert list(live.state.tickets) == await drawn(log, live.aggregate_id)


async def test_draws_once_when_two_owners_decide_the_same_commands_at_once(log: FaultyLog) -> None:
    await opened(log, "r1")
    async with LoneOwner(log).running() as one, LoneOwner(log).running() as other:
        for number in range(20):
            commands = [draw(f"g{number}_{n}") for n in range(3)]
            ours, theirs = await asyncio.gather(one.ask(*commands), other.ask(*commands))
            assert ours == theirs
    everyone = Counter(await drawn(log))
    assert len(everyone) == 60
    assert set(everyone.values()) == {1}


async def test_takes_nothing_for_granted_when_a_slot_comes_back(log: FaultyLog) -> None:
    await opened(log, "r1")
    async with LoneOwner(log).running() as owner:
        await owner.ask(draw("ann"))
        owner.own(frozenset())
        async with LoneOwner(log).running() as other:
            await other.ask(item("close-raffle", "r1"))
        owner.own(EVERY_SLOT)
        assert codes(await owner.ask(draw("bob"))) == ["toy.raffle-not-open"]


async def test_gives_the_first_answer_when_the_same_command_comes_in_one_message(
    owner: LoneOwner, log: FaultyLog
) -> None:
    await opened(log, "r1")
    same = draw("ann", command_id=new_id())
    first, second = await owner.ask(same, same)
    assert first == second
    assert await drawn(log) == ["ann"]


async def test_commits_many_messages_at_once_when_they_come_faster_than_the_log_writes(
    owner: LoneOwner, log: FaultyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(log, "r1")
    await owner.ask(draw("first"))
    appends: list[list[Commit]] = []
    append = log.append

    async def counted(commits: Any) -> Any:
        appends.append(list(commits))
        await asyncio.sleep(0.01)
        return await append(commits)

    monkeypatch.setattr(log, "append", counted)
    await asyncio.gather(*(owner.ask(draw(f"g{n}")) for n in range(100)))
    assert len(appends) <= 3
    assert max(len(commits[0].events) for commits in appends) > 50


async def test_refuses_text_that_postgresql_cannot_hold_and_takes_what_only_looks_like_it(
    log: FaultyLog, owner: LoneOwner
) -> None:
    await opened(log, "r1")
    nul = {**draw("ann"), "correlation": "a\0b"}
    looks_like = {**draw("cleo"), "correlation": "\\u0000"}
    answers = await owner.ask(nul, draw("bob"), looks_like)
    assert codes(answers) == ["invalid", "ok", "ok"]
    assert await drawn(log) == ["bob", "cleo"]
