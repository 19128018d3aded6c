"""Votes on the bus: what an owner can decide, append and answer, without the edge."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from contracts.voting import VoteCast
from libs.bus.wire import command_item, command_subject
from libs.eventlog.codec import cloud_event, encode
from libs.eventlog.protocol import EXPECTED_REVISION
from libs.kernel.ids import new_id
from libs.kernel.messages import Role
from libs.kernel.slots import slot_of
from tests.bench.stack import BenchStack
from tests.bench.wire import NobodyThere, Wire

SONGS = [f"song_{number}" for number in range(25)]
OWNER = (("voting", ("voting.owner",)),)
REPLY_SECONDS_MAX = 30.0
ATTEMPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """Ready messages for the bus: subject, payload, and how many votes are in it."""

    messages: Sequence[tuple[str, bytes, int]]
    shows: Sequence[str]

    @property
    def votes(self) -> int:
        return sum(count for _, _, count in self.messages)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a load.

    latencies   of each message, in seconds
    cpu         seconds of a core that each process used
    """

    votes: int
    seconds: float
    latencies: Sequence[float]
    cpu: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.votes / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    def details(self) -> dict[str, float]:
        """The latencies, and microseconds of a core for each vote."""
        spent = {f"{name}_us": seconds / self.votes * 1e6 for name, seconds in self.cpu.items()}
        return {"p50_ms": self.percentile_ms(0.5), "p99_ms": self.percentile_ms(0.99), **spent}


def make_load(*, votes: int, shows: int, per_message: int) -> Load:
    """Votes of as many different voters, dealt to the shows in turn."""
    names = [f"show_{number}" for number in range(shows)]
    messages: list[tuple[str, bytes, int]] = []
    for start in range(0, votes, per_message):
        by_slot: dict[int, list[object]] = {}
        for number in range(start, min(start + per_message, votes)):
            show = names[number % shows]
            by_slot.setdefault(slot_of(show), []).append(_vote(show, SONGS[number % 25]))
        for slot, items in by_slot.items():
            subject = command_subject("voting", slot)
            messages.append((subject, orjson.dumps(items), len(items)))
    return Load(messages, names)


def _vote(show: str, song: str) -> object:
    return command_item(
        "voting.cast-vote",
        {"show_id": show, "song_id": song},
        command_id=new_id(),
        actor=new_id("usr_"),
        roles=(),
        trace=None,
        correlation=None,
    )


async def open_ballots(wire: Wire, shows: Sequence[str]) -> None:
    """Prepare and open a ballot for each show."""
    turns = asyncio.Semaphore(64)

    async def open_one(show: str) -> None:
        candidates = [{"song_id": song, "title": song} for song in SONGS]
        items = [
            _service_item("voting.set-up-ballot", {"show_id": show, "candidates": candidates}),
            _service_item("voting.open-ballot", {"show_id": show}),
        ]
        async with turns:
            reply = await ask(wire, command_subject("voting", slot_of(show)), orjson.dumps(items))
        for answer in orjson.loads(reply):
            if "problem" in answer:
                raise RuntimeError(answer["problem"])

    async with asyncio.TaskGroup() as tasks:
        for show in shows:
            tasks.create_task(open_one(show))


def _service_item(name: str, args: dict[str, object]) -> object:
    return command_item(
        name,
        args,
        command_id=new_id(),
        actor="svc_bench",
        roles=(Role.SERVICE,),
        trace=None,
        correlation=None,
    )


async def ask(wire: Wire, subject: str, payload: bytes) -> bytes:
    """A request, and again while no owner has the slot, or says nothing: on a machine without a
    moment to spare it may lose its place among the members.
    """
    deadline = time.perf_counter() + REPLY_SECONDS_MAX
    while True:
        try:
            return await wire.request(subject, payload, ATTEMPT_SECONDS)
        except (NobodyThere, TimeoutError):
            if time.perf_counter() > deadline:
                raise
        await asyncio.sleep(0.05)


async def send(stack: BenchStack, load: Load, *, in_flight: int, are_open: bool = False) -> Run:
    """Send a load, a bounded number of messages at a time; every vote must be acknowledged.

    are_open   the ballots are open already
    """
    wire = await stack.wire("gateway")
    try:
        if not are_open:
            await open_ballots(wire, load.shows)
        todo = iter(load.messages)
        latencies: list[float] = []
        acknowledged = 0

        async def sender() -> None:
            nonlocal acknowledged
            for subject, payload, _ in todo:
                sent_at = time.perf_counter()
                reply = await ask(wire, subject, payload)
                latencies.append(time.perf_counter() - sent_at)
                acknowledged += reply.count(b'"vote_id"')

        meter = stack.cpu_meter()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(in_flight):
                tasks.create_task(sender())
        seconds = time.perf_counter() - started
        cpu = meter.seconds()
    finally:
        wire.close()
    if acknowledged != load.votes:
        raise RuntimeError(f"{acknowledged} of {load.votes} votes were acknowledged")
    return Run(acknowledged, seconds, latencies, cpu)


async def ceiling(stack: BenchStack, *, votes: int, per_commit: int) -> Run:
    """The same bytes, appended by a loop that decides nothing: what JetStream itself can take."""
    payloads = [make_commit(per_commit, show="ceiling") for _ in range(20)]
    client = await stack.connect("voting")
    latencies: list[float] = []
    revision = 0
    try:
        meter = stack.cpu_meter()
        started = time.perf_counter()
        for number in range(votes // per_commit):
            sent_at = time.perf_counter()
            reply = await client.request(
                "evt.voting.ballot.ceiling",
                payloads[number % len(payloads)],
                headers={EXPECTED_REVISION: str(revision)},
                timeout=REPLY_SECONDS_MAX,
            )
            revision = orjson.loads(reply.data)["seq"]
            latencies.append(time.perf_counter() - sent_at)
        seconds = time.perf_counter() - started
        cpu = meter.seconds()
    finally:
        await client.close()
    return Run(len(latencies) * per_commit, seconds, latencies, cpu)


def make_commit(votes: int, *, show: str) -> bytes:
    """A commit of votes of as many voters, as it stands in the log."""
    events = []
    for number in range(votes):
        vote_id, voter = new_id(), new_id("usr_")
        cast = VoteCast(show_id=show, voter_id=voter, song_id=SONGS[number % 25], vote_id=vote_id)
        events.append(
            cloud_event(
                cast,
                event_id=vote_id,
                subject=f"ballot/{show}",
                time="2026-11-20T20:20:20.123456Z",
                actor=voter,
                causation_id=vote_id,
                correlation_id=vote_id,
            )
        )
    return encode(events)
