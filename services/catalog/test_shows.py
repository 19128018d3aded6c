"""Shows on their day: they begin and end at their hours, unless they are called off."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from contracts.catalog import Kind, RecordUnheardOf
from contracts.catalog_identity import (
    ForgetSetlist,
    ForgetShow,
    ForgetSong,
    RecordsSplit,
)
from contracts.catalog_shows import GetShow, ScheduleShow, ShowChanged, ShowScheduled, ShowStatus
from contracts.catalog_stage import (
    BeginShow,
    EndShow,
    MissShow,
    PlanShowDay,
    ShowBegan,
    ShowDayPlanned,
    ShowEnded,
)
from libs.kernel.clock import system_clock
from libs.kernel.messages import Event, registry, service_caller
from libs.kernel.reactions import Cancel, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from libs.testkit.waiting import eventually
from services.catalog.conftest import RunningCatalog
from services.catalog.domain import SHOW
from services.catalog.process_managers import forget, keep_day

SERVICE = replace(ORIGIN, actor="svc_catalog", roles=("service",))
spec = DeciderSpec(SHOW, origin=SERVICE)

LASTS = 7200
STARTS = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)
ENDS = STARTS + timedelta(seconds=LASTS)
SCHEDULED = ShowScheduled(
    show_id="shw_1",
    artist_id="art_1",
    local_date=date(2026, 11, 21),
    local_time=time(19, 30),
    time_zone="Europe/London",
)
PLANNED = ShowDayPlanned(show_id="shw_1", starts_at=STARTS, ends_at=ENDS)
BEGAN, ENDED = ShowBegan(show_id="shw_1"), ShowEnded(show_id="shw_1")
PLAN = PlanShowDay(show_id="shw_1", lasts_seconds=LASTS)
CANCELLED = ShowChanged(show_id="shw_1", status=ShowStatus.CANCELLED)
MOVED = ShowChanged(show_id="shw_1", local_date=date(2026, 12, 1))


def test_plans_the_day_once_when_the_hour_is_known() -> None:
    spec.given(SCHEDULED).when(PLAN).then(PLANNED)
    spec.given(SCHEDULED, PLANNED).when(PLAN).then()


def test_plans_no_day_when_the_hour_is_not_known_or_long_past() -> None:
    spec.given(replace(SCHEDULED, time_zone=None)).when(PLAN).then()
    spec.given(SCHEDULED).when(PLAN, at=ENDS + timedelta(days=1, seconds=1)).then()
    spec.given().when(PLAN).then_rejected(RecordUnheardOf)


def test_takes_the_plan_back_when_the_show_is_called_off_and_plans_anew_when_it_is_moved() -> None:
    spec.given(SCHEDULED, PLANNED, CANCELLED).when(PLAN).then(ShowDayPlanned(show_id="shw_1"))
    later = timedelta(days=10)
    anew = ShowDayPlanned(show_id="shw_1", starts_at=STARTS + later, ends_at=ENDS + later)
    spec.given(SCHEDULED, PLANNED, MOVED).when(PLAN).then(anew)


def test_is_over_when_it_is_heard_of_soon_after_its_end() -> None:
    spec.given(SCHEDULED).when(PLAN, at=ENDS).then(ENDED)
    spec.given(SCHEDULED, ENDED).when(PLAN, at=ENDS + timedelta(hours=1)).then()
    spec.given(SCHEDULED, CANCELLED).when(PLAN, at=ENDS).then()
    earlier = ShowChanged(show_id="shw_1", local_time=time(16))
    unplanned = ShowDayPlanned(show_id="shw_1")
    spec.given(SCHEDULED, PLANNED, earlier).when(PLAN, at=STARTS).then(unplanned, ENDED)


def test_begins_and_ends_at_its_hours_only() -> None:
    spec.given(SCHEDULED, PLANNED).when(BeginShow(show_id="shw_1", due_at=STARTS)).then(BEGAN)
    spec.given(SCHEDULED, PLANNED).when(BeginShow(show_id="shw_1", due_at=ENDS)).then()
    given = spec.given(SCHEDULED, PLANNED, BEGAN)
    given.when(EndShow(show_id="shw_1", due_at=ENDS)).then(ENDED)
    given.when(EndShow(show_id="shw_1", due_at=STARTS)).then()
    given.when(BeginShow(show_id="shw_1")).then()


def test_does_not_begin_when_it_is_called_off() -> None:
    spec.given(SCHEDULED, PLANNED, CANCELLED).when(BeginShow(show_id="shw_1")).then()


def test_has_its_day_before_it_again_when_it_is_moved() -> None:
    spec.given(SCHEDULED, PLANNED, BEGAN, ENDED, MOVED).when(BeginShow(show_id="shw_1")).then(BEGAN)


def test_is_marked_once_when_its_source_does_not_tell_of_it_any_longer() -> None:
    told = replace(SCHEDULED, source="setlistfm", is_listed=True)
    miss = MissShow(show_id="shw_1", source="setlistfm")
    missed = ShowChanged(show_id="shw_1", source="setlistfm", is_listed=False)
    spec.given(told).when(miss).then(missed)
    spec.given(told, missed).when(miss).then()
    spec.given(SCHEDULED).when(miss).then_rejected(RecordUnheardOf)
    again = ScheduleShow(
        show_id="shw_1",
        artist_id="art_1",
        local_date=date(2026, 11, 21),
        local_time=time(19, 30),
        time_zone="Europe/London",
        is_listed=True,
        source="setlistfm",
        as_of=NOW - timedelta(days=900),
    )
    listed = replace(missed, is_listed=True, as_of=again.as_of)
    spec.given(told, missed).when(again).then(listed)


# ---------------------------------------------------------------------------------- reactions


def reacted(event: Event, aggregate: str = "show") -> Sequence[Reaction]:
    recorded = Recorded(
        id="evt_1",
        type=registry.event_of[type(event)].type,
        aggregate=aggregate,
        aggregate_id="shw_1",
        at=NOW,
        actor="usr_1",
        causation_id="cmd_1",
        correlation_id="cmd_1",
        data=event,
        position=42,
    )
    return keep_day(LASTS, recorded) if aggregate == "show" else forget(recorded)


def test_asks_for_a_plan_when_the_hour_of_a_show_to_come_is_news() -> None:
    assert reacted(SCHEDULED) == reacted(MOVED) == reacted(CANCELLED) == [Send(PLAN)]
    assert reacted(replace(SCHEDULED, local_date=date(1972, 5, 26))) == []
    assert reacted(ShowChanged(show_id="shw_1", tour="Europe '72")) == []


def test_schedules_beginning_and_end_as_they_are_planned() -> None:
    assert reacted(PLANNED) == [
        Schedule("shw_1.begin", STARTS, BeginShow(show_id="shw_1", due_at=STARTS)),
        Schedule("shw_1.end", ENDS, EndShow(show_id="shw_1", due_at=ENDS)),
    ]
    assert reacted(ShowDayPlanned(show_id="shw_1")) == [
        Cancel("shw_1.begin"),
        Cancel("shw_1.end"),
    ]


def test_has_the_words_forgotten_that_were_of_something_else() -> None:
    def split(kind: Kind) -> Sequence[Reaction]:
        split = RecordsSplit(kind=kind, record_id="x_2", from_id="x_1", source="luma")
        return reacted(split, "identity")

    assert split(Kind.SONG) == [Send(ForgetSong(song_id="x_1", source="luma"))]
    assert split(Kind.SHOW) == [
        Send(ForgetShow(show_id="x_1", source="luma")),
        Send(ForgetSetlist(show_id="x_1", source="luma")),
    ]
    assert all(split(kind) for kind in Kind)


@pytest.fixture
def short_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a catalog that starts after this, shows last for a minute."""
    monkeypatch.setenv("BACKLINE_CATALOG_SHOW_LASTS_SECONDS", "60")


@pytest.mark.connected
async def test_is_live_and_then_finished_when_its_hours_come(
    short_shows: None, catalog: RunningCatalog
) -> None:
    caller = service_caller("catalog")
    started = system_clock() - timedelta(seconds=56)
    show = ScheduleShow(
        show_id="shw_1",
        artist_id="art_1",
        local_date=started.date(),
        local_time=started.time(),
        time_zone="UTC",
    )
    told = await catalog.bus.send(show, caller=caller)
    seen: list[str] = []

    async def is_finished() -> bool:
        query = GetShow(show_id="shw_1")
        answer = await catalog.bus.ask(query, caller=caller, after=told["position"])
        seen.append(answer.result["show"]["status"])
        return seen[-1] == "finished"

    await eventually(is_finished, timeout_seconds=30)
    assert list(dict.fromkeys(seen)) in (["scheduled", "live", "finished"], ["live", "finished"])
