"""What news asks of the catalog itself: a show to come begins and ends at its hours, a record that
was taken for another is rid of what was said of that one, and a partner that tells us of news by
webhook is asked soon.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from contracts.catalog import Kind
from contracts.catalog_identity import (
    ForgetArtist,
    ForgetGathering,
    ForgetSetlist,
    ForgetShow,
    ForgetSong,
    ForgetVenue,
    RecordsSplit,
)
from contracts.catalog_shows import ShowChanged, ShowScheduled
from contracts.catalog_stage import BeginShow, EndShow, PlanShowDay, ShowDayPlanned, ShowEnded
from contracts.catalog_syncs import HastenSync, Partner, Scope, SyncId, sync_id_of
from contracts.ingress import PartnerChange, PartnerObjectChanged
from contracts.scheduler import Once, PutSchedule
from libs.kernel.ids import ID_LENGTH_MAX, ID_PATTERN, derive_id
from libs.kernel.messages import Command
from libs.kernel.reactions import Cancel, ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded

DAY = timedelta(days=1)
OF_EVENTS: Final = frozenset({"event", "calendar-event", "guest", "ticket"})
"""Of what Luma tells, that which a page of its calendar may show."""


def process_managers(
    show_lasts_seconds: int,
    setlist_after_seconds: int,
    hastened_every_seconds: int,
    repeated: Sequence[SyncId] = (),
) -> list[ProcessManager]:
    """All of the catalog's.

    show_lasts_seconds      from its beginning to its end
    setlist_after_seconds   from its end until somebody asks what was played
    hastened_every_seconds  from one run of a sync to the next, however much news there is
    repeated                the syncs of the settings: of these is news that does not say more
    """
    return [
        ProcessManager(
            name="days-of-shows",
            log="catalog",
            aggregate="show",
            events=(ShowScheduled, ShowChanged, ShowDayPlanned),
            react=partial(keep_day, show_lasts_seconds),
        ),
        ProcessManager(
            name="setlists-of-shows",
            log="catalog",
            aggregate="show",
            events=(ShowEnded,),
            react=partial(fetch_setlist, timedelta(seconds=setlist_after_seconds)),
        ),
        ProcessManager(
            name="words-of-split-records",
            log="catalog",
            aggregate="identity",
            events=(RecordsSplit,),
            react=forget,
        ),
        ProcessManager(
            name="news-of-partners",
            log="ingress",
            aggregate="object",
            events=(PartnerObjectChanged,),
            react=partial(hasten, hastened_every_seconds, repeated),
        ),
    ]


def keep_day(show_lasts_seconds: int, recorded: Recorded) -> Sequence[Reaction]:
    """A show begins and ends at the hours that were last planned."""
    match recorded.data:
        case ShowScheduled() as show if not _may_be_to_come(show, recorded.at):
            return []
        case ShowChanged(local_date=None, local_time=None, time_zone=None, status=None):
            return []  # Something else about it changed.
        case ShowScheduled(show_id=show_id) | ShowChanged(show_id=show_id):
            return [Send(PlanShowDay(show_id=show_id, lasts_seconds=show_lasts_seconds))]
        case ShowDayPlanned(show_id=show_id, starts_at=starts_at, ends_at=ends_at):
            beginning = BeginShow(show_id=show_id, due_at=starts_at)
            ending = EndShow(show_id=show_id, due_at=ends_at)
            return [
                _at(f"{show_id}.begin", starts_at, beginning),
                _at(f"{show_id}.end", ends_at, ending),
            ]
        case _:
            return []


def _may_be_to_come(show: ShowScheduled, at: datetime) -> bool:
    """Whether its start is known, and was not long ago wherever on earth it is."""
    is_known = show.local_time is not None and show.time_zone is not None
    return is_known and show.local_date >= (at - DAY).date()


def _at(key: str, hour: datetime | None, command: Command[Any]) -> Reaction:
    return Cancel(key) if hour is None else Schedule(key, hour, command)


def fetch_setlist(after: timedelta, recorded: Recorded) -> Sequence[Reaction]:
    """Some time after a show it is asked what was played, until it is known."""
    match recorded.data:
        case ShowEnded(show_id=show_id):
            fetching = PutSchedule(
                schedule_id=derive_id("setlist", show_id),
                job="catalog.fetch-setlist",
                arguments={"show_id": show_id},
                timing=Once(run_at=recorded.at + after),
            )
            return [Send(fetching)]
        case _:
            return []


def forget(recorded: Recorded) -> Sequence[Reaction]:
    """The record that was taken for another forgets what was said of that one."""
    match recorded.data:
        case RecordsSplit(kind=kind, from_id=of, source=source):
            return [Send(command) for command in _forgetting(kind, of, source)]
        case _:
            return []


def _forgetting(kind: Kind, of: str, source: str) -> Sequence[Command[Any]]:
    match kind:
        case Kind.ARTIST:
            return [ForgetArtist(artist_id=of, source=source)]
        case Kind.VENUE:
            return [ForgetVenue(venue_id=of, source=source)]
        case Kind.SONG:
            return [ForgetSong(song_id=of, source=source)]
        case Kind.GATHERING:
            return [ForgetGathering(gathering_id=of, source=source)]
        case Kind.SHOW | Kind.SETLIST:
            forget_setlist = ForgetSetlist(show_id=of, source=source)
            return [ForgetShow(show_id=of, source=source), forget_setlist]


def hasten(
    every_seconds: int, repeated: Sequence[SyncId], recorded: Recorded
) -> Sequence[Reaction]:
    """A partner that has news is asked soon. What it is, the partner's own pages say."""
    match recorded.data:
        case PartnerObjectChanged() as news:
            return [
                Send(HastenSync(sync_id=each, since=recorded.at, every_seconds=every_seconds))
                for each in _concerned(news, repeated)
                if len(each) <= ID_LENGTH_MAX and re.fullmatch(ID_PATTERN, each)
            ]
        case _:
            return []


def _concerned(news: PartnerObjectChanged, repeated: Sequence[SyncId]) -> Sequence[SyncId]:
    """The syncs that may find news of an object. Nobody may ever have asked for one of them."""
    match news.partner:
        case Partner.LUMA if news.change.kind in OF_EVENTS:
            return _calendars(news.change, repeated)
        case Partner.ICS:
            return [sync_id_of(Partner.ICS, Scope.CALENDAR, news.endpoint)]
        case _:
            return []


def _calendars(change: PartnerChange, repeated: Sequence[SyncId]) -> Sequence[SyncId]:
    """The calendars that Luma names. An event that was added to ours is of another one, and
    may name no calendar at all: then it is about those that we follow.
    """
    names = ("calendar_id", "calendar.id", "event.calendar_id")
    named = [change.facts[name] for name in names if change.facts.get(name)]
    found = [sync_id_of(Partner.LUMA, Scope.CALENDAR, each) for each in named]
    if change.kind == "calendar-event" or not found:
        found += [each for each in repeated if each.startswith(f"{Partner.LUMA}-")]
    return list(dict.fromkeys(found))
