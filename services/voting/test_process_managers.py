"""What news asks of ballots; and that on the real servers it comes to pass."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from contracts.catalog_setlists import (
    PlayedSet,
    PlayedSong,
    RecordSetlist,
    SetlistChanged,
    SetlistRecorded,
)
from contracts.catalog_shows import ScheduleShow, ShowChanged, ShowScheduled, ShowStatus
from contracts.catalog_songs import RegisterSong
from contracts.catalog_stage import ShowEnded
from contracts.voting import (
    BallotPrepared,
    BallotStatus,
    CastVote,
    CloseBallot,
    Closing,
    FinalizeBallot,
    OpenBallot,
    PlanBallot,
    PrepareBallot,
)
from contracts.voting_views import GetBallot, GetTally
from libs.bus import Bus
from libs.eventlog.schedules import Schedules
from libs.kernel.clock import system_clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, Event, registry, service_caller
from libs.kernel.reactions import Cancel, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.voting import process_managers
from services.voting.process_managers import (
    AGAIN_AFTER,
    REFRESHED_BEFORE,
    follow_show,
    keep_hours,
    look_again,
    score,
)

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
DAY_SECONDS = 86_400
SHOW = "shw_1"
OPENS = NOW + timedelta(hours=1)
CLOSES = NOW + timedelta(hours=3)


def recorded(event: Event) -> Recorded:
    return Recorded(
        id="evt_1",
        type=registry.event_of[type(event)].type,
        aggregate="show",
        aggregate_id=SHOW,
        at=NOW,
        actor="usr_1",
        causation_id="cmd_1",
        correlation_id="cmd_1",
        data=event,
        position=42,
    )


# ---------------------------------------------------------------------------------- planning


def planned(event: Event) -> Sequence[Reaction]:
    return follow_show(DAY_SECONDS, recorded(event))


def show(**known: Any) -> ShowScheduled:
    usual: dict[str, Any] = {
        "local_date": date(2026, 12, 1),
        "local_time": time(20),
        "time_zone": "Europe/London",
    }
    return ShowScheduled(show_id=SHOW, artist_id="art_1", **{**usual, **known})


PLANNING = PlanBallot(show_id=SHOW, opens_before_seconds=DAY_SECONDS, catalog_position=42)
PLAN = Send(PLANNING)
PLANS = [
    PLAN,
    *(
        Schedule(f"shw_1.again.{number}", NOW + after, PLANNING)
        for number, after in enumerate(AGAIN_AFTER, 1)
    ),
]


def test_plans_a_ballot_when_a_coming_show_is_scheduled() -> None:
    assert planned(show()) == PLANS
    # Wherever it is, it may still be today.
    assert planned(show(local_date=date(2026, 11, 19))) == PLANS


@pytest.mark.parametrize(
    "unknown",
    [{"local_time": None}, {"time_zone": None}, {"local_date": date(1972, 5, 26)}],
)
def test_plans_nothing_when_a_show_is_over_or_its_start_unknown(unknown: dict[str, Any]) -> None:
    assert planned(show(**unknown)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"local_date": date(2026, 12, 2)},
        {"local_time": time(21)},
        {"time_zone": "UTC"},
        {"status": ShowStatus.SCHEDULED},
    ],
)
def test_plans_anew_when_something_about_the_hours_changed(change: dict[str, Any]) -> None:
    assert planned(ShowChanged(show_id=SHOW, **change)) == PLANS


@pytest.mark.parametrize("status", [ShowStatus.CANCELLED, ShowStatus.POSTPONED])
def test_closes_the_ballot_when_its_show_is_called_off(status: ShowStatus) -> None:
    called_off = ShowChanged(show_id=SHOW, status=status)
    closing = CloseBallot(show_id=SHOW, because=Closing.CALLED_OFF)
    assert planned(called_off) == [Send(closing), PLAN]


def test_closes_the_ballot_when_its_show_has_ended() -> None:
    closing = CloseBallot(show_id=SHOW, because=Closing.SHOW_OVER)
    assert planned(ShowEnded(show_id=SHOW)) == [Send(closing)]


def test_plans_nothing_when_something_else_changed() -> None:
    assert planned(ShowChanged(show_id=SHOW, tour="Europe '72")) == []


# ---------------------------------------------------------------------------------- hours


def prepared(opens_at: datetime | None, closes_at: datetime | None, **more: Any) -> BallotPrepared:
    return BallotPrepared(
        show_id=SHOW,
        candidates=[],
        opens_at=opens_at,
        closes_at=closes_at,
        votes_per_voter=1,
        changeable=False,
        **more,
    )


def test_looks_candidates_up_once_more_before_a_planned_ballot_opens() -> None:
    def looked(event: BallotPrepared) -> Sequence[Reaction]:
        return look_again(DAY_SECONDS, recorded(event))

    planning = PlanBallot(show_id=SHOW, opens_before_seconds=DAY_SECONDS, catalog_position=0)
    hour = OPENS - REFRESHED_BEFORE
    assert looked(prepared(OPENS, CLOSES, planned=True)) == [
        Schedule("shw_1.refresh", hour, planning)
    ]
    assert looked(prepared(None, None, planned=True)) == [Cancel("shw_1.refresh")]
    assert looked(prepared(OPENS, CLOSES)) == []


def test_schedules_opening_and_closing_when_a_ballot_has_hours() -> None:
    assert keep_hours(recorded(prepared(OPENS, CLOSES))) == [
        Schedule("shw_1.open", OPENS, OpenBallot(show_id=SHOW, due_at=OPENS)),
        Schedule("shw_1.close", CLOSES, CloseBallot(show_id=SHOW, due_at=CLOSES)),
    ]


def test_takes_schedules_back_when_a_ballot_has_no_hours() -> None:
    assert keep_hours(recorded(prepared(None, CLOSES)))[0] == Cancel("shw_1.open")
    assert keep_hours(recorded(prepared(OPENS, None)))[1] == Cancel("shw_1.close")


# ---------------------------------------------------------------------------------- scores

SETS = [
    PlayedSet(songs=[PlayedSong(song_id="bertha"), PlayedSong(song_id="ripple")]),
    PlayedSet(songs=[PlayedSong(song_id="bertha"), PlayedSong(song_id="intro", tape=True)]),
]
SCORE = Send(FinalizeBallot(show_id=SHOW, played=["bertha", "ripple"]))


def test_scores_when_it_is_known_what_was_played() -> None:
    assert score(recorded(SetlistRecorded(show_id=SHOW, sets=SETS))) == [SCORE]
    assert score(recorded(SetlistChanged(show_id=SHOW, sets=SETS))) == [SCORE]


def test_scores_nothing_when_only_the_ids_of_a_setlist_changed() -> None:
    assert score(recorded(SetlistChanged(show_id=SHOW, external_ids={"setlistfm": "1"}))) == []


# ---------------------------------------------------------------------------------- for real


class House:
    """A running catalog and voting, as seen by one who may do everything."""

    def __init__(self, bus: Bus, schedules: Schedules) -> None:
        self.bus = bus
        self.schedules = schedules
        self.caller = service_caller("gateway")
        self.show_id = new_id("shw_")
        self.artist_id = new_id("art_")
        self.songs = [new_id("sng_") for _ in range(3)]

    async def send(self, command: Any) -> dict[str, Any]:
        """Send a command; once more when somebody was not there yet."""
        async with asyncio.timeout(20):
            while True:
                try:
                    return await self.bus.send(command, caller=self.caller)
                except Unavailable:
                    continue

    async def know_songs(self) -> None:
        """The artist has played its songs before."""
        past = new_id("shw_")
        for number, song_id in enumerate(self.songs):
            await self.send(
                RegisterSong(song_id=song_id, artist_id=self.artist_id, title=f"Song {number}")
            )
        await self.send(
            ScheduleShow(show_id=past, artist_id=self.artist_id, local_date=date(1972, 5, 26))
        )
        await self.send(RecordSetlist(show_id=past, sets=self.sets(*self.songs)))

    async def schedule(self, starts_at: datetime, **known: Any) -> None:
        """The catalog learns when the show starts."""
        await self.send(
            ScheduleShow(
                show_id=self.show_id,
                artist_id=self.artist_id,
                local_date=starts_at.date(),
                local_time=starts_at.time(),
                time_zone="UTC",
                **known,
            )
        )

    async def until_status(self, status: BallotStatus) -> None:
        """Wait until the tally says so."""

        async def is_so() -> bool:
            return await self._status() == status

        await eventually(is_so, timeout_seconds=30)

    async def plans(self) -> dict[str, datetime]:
        """The hours that are scheduled for the show."""
        prefix = f"hours-of-ballots.{self.show_id}"
        return {
            plan.key.rpartition(".")[2]: plan.when for plan in await self.schedules.list(prefix)
        }

    async def until_planned(self, **hours: datetime) -> None:
        """Wait until exactly these hours are scheduled."""

        async def are_planned() -> bool:
            return await self.plans() == hours

        await eventually(are_planned, timeout_seconds=30)

    @staticmethod
    def sets(*songs: str) -> list[PlayedSet]:
        return [PlayedSet(songs=[PlayedSong(song_id=song_id) for song_id in songs])]

    async def _status(self) -> str | None:
        try:
            answer = await self.bus.ask(GetTally(show_id=self.show_id), caller=NOBODY)
        except (RemoteProblem, Unavailable):
            return None  # Not prepared yet, or nobody is there yet.
        return str(answer.result["status"])


@pytest.fixture
async def house(nats_server: RunningNats, database: RunningDatabase) -> AsyncIterator[House]:
    async with (
        running_services(["catalog", "voting"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        client = await nats_server.connect("voting")
        yield House(bus, Schedules(client, "voting"))
        await client.close()


@pytest.mark.connected
async def test_opens_closes_and_scores_a_ballot_when_its_show_takes_place(house: House) -> None:
    await house.know_songs()
    await house.schedule(system_clock() + timedelta(seconds=6))
    await house.until_status(BallotStatus.OPEN)
    first = house.songs[0]
    vote = CastVote(show_id=house.show_id, song_id=first)
    await house.bus.send(vote, caller=Caller("usr_fan", ("member",)))
    await house.until_status(BallotStatus.CLOSED)
    await house.send(RecordSetlist(show_id=house.show_id, sets=house.sets(first)))
    await house.until_status(BallotStatus.FINALIZED)
    answer = await house.bus.ask(GetBallot(show_id=house.show_id), caller=NOBODY)
    assert answer.result["score"]["hits"] == [first]


@pytest.mark.connected
async def test_opens_a_ballot_when_songs_are_known_later_than_their_show(
    monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr(process_managers, "AGAIN_AFTER", (timedelta(seconds=3),))
    await house.schedule(system_clock() + timedelta(hours=1))
    await house.know_songs()
    await house.until_status(BallotStatus.OPEN)
    answer = await house.bus.ask(GetBallot(show_id=house.show_id), caller=NOBODY)
    assert {each["song_id"] for each in answer.result["candidates"]} == set(house.songs)


@pytest.mark.connected
async def test_moves_the_hours_when_the_show_is_moved(house: House) -> None:
    start = (system_clock() + timedelta(days=5)).replace(microsecond=0)
    day = timedelta(days=1)
    await house.know_songs()
    await house.schedule(start)
    await house.until_planned(open=start - day, close=start)
    await house.schedule(start + 2 * day)
    await house.until_planned(open=start + day, close=start + 2 * day)
    await house.schedule(start + 2 * day, status=ShowStatus.CANCELLED)
    await house.until_planned()


@pytest.mark.connected
async def test_keeps_to_what_a_person_prepared_when_the_show_is_moved(house: House) -> None:
    start = (system_clock() + timedelta(days=5)).replace(microsecond=0)
    await house.know_songs()
    await house.schedule(start)
    await house.until_planned(open=start - timedelta(days=1), close=start)
    by_hand = PrepareBallot(
        show_id=house.show_id, song_ids=house.songs[:2], closes_at=start - timedelta(hours=1)
    )
    await house.send(by_hand)
    await house.until_planned(close=start - timedelta(hours=1))
    await house.schedule(start + timedelta(days=1))
    await house.send(OpenBallot(show_id=house.show_id))
    await house.until_status(BallotStatus.OPEN)
    assert await house.plans() == {"close": start - timedelta(hours=1)}


@pytest.mark.connected
async def test_closes_an_open_ballot_when_its_show_is_called_off_and_opens_it_again(
    house: House,
) -> None:
    start = system_clock() + timedelta(hours=5)
    await house.know_songs()
    await house.schedule(start)
    await house.until_status(BallotStatus.OPEN)
    fan = Caller("usr_fan", ("member",))
    vote = CastVote(show_id=house.show_id, song_id=house.songs[0])
    await house.bus.send(vote, caller=fan)
    await house.schedule(start, status=ShowStatus.POSTPONED)
    await house.until_status(BallotStatus.CLOSED)
    await house.until_planned()

    # It has another date: first one far ahead, then one so near that voting begins at once.
    far = (start + timedelta(days=30)).replace(microsecond=0)
    await house.schedule(far, status=ShowStatus.SCHEDULED)
    await house.until_planned(open=far - timedelta(days=1), close=far)

    async def will_open_again() -> bool:
        ballot = (await house.bus.ask(GetBallot(show_id=house.show_id), caller=NOBODY)).result
        return (ballot["status"], ballot["reopens"]) == ("closed", True)

    await eventually(will_open_again)
    near = (start + timedelta(hours=1)).replace(microsecond=0)
    await house.schedule(near)
    await house.until_status(BallotStatus.OPEN)
    tally = (await house.bus.ask(GetTally(show_id=house.show_id), caller=NOBODY)).result
    assert tally["counts"][house.songs[0]] == tally["total"] == 1
    again = await house.bus.send(vote, caller=fan)
    assert again["repeated"] is True
    assert (await house.plans()).get("close") == near
