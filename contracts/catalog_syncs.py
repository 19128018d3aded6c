"""What is said to and by `catalog` about syncs: partners are asked, page by page, what they know.

A sync is named by what it is about: `setlistfm-artist-<mbid>` (`sync_id_of`). It has one life, of
many runs. Its cursor is in the log, so a run that dies is continued by another worker where it was.
"""

from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.catalog import ArtistId
from libs.kernel.errors import NotFound, RateLimited, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    View,
    command,
    event,
    message,
    view,
)

SyncId = Id

LEASE_SECONDS = 60
"""A run that has not been heard of for so long may be continued by another worker."""

KEEP_SECONDS = 15
"""A run says so often that it goes on, when it has nothing else to say."""

SETTLES_SECONDS = 2
"""A partner that tells us of news is asked so much later: its own answers may lag behind."""

REFUSALS_MAX = 20
SEEN_MAX = 1000

Reason = Annotated[str, StringConstraints(max_length=500)]
Cursor = Annotated[str, StringConstraints(max_length=2000)]
Worker = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Run = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Partner(StrEnum):
    """Who is asked. The values are the sources of what they say."""

    SETLISTFM = "setlistfm"
    TICKETMASTER = "ticketmaster"
    SPOTIFY = "spotify"
    LUMA = "luma"
    ICS = "ics"


class Scope(StrEnum):
    """What about.

    artist    the shows, setlists or songs of an artist, by the partner's id for the artist
    setlist   one setlist, by setlist.fm's id
    calendar  the gatherings of a calendar, by the partner's id, or its name in the settings
    """

    ARTIST = "artist"
    SETLIST = "setlist"
    CALENDAR = "calendar"


SCOPES: dict[Partner, tuple[Scope, ...]] = {
    Partner.SETLISTFM: (Scope.ARTIST, Scope.SETLIST),
    Partner.TICKETMASTER: (Scope.ARTIST,),
    Partner.SPOTIFY: (Scope.ARTIST,),
    Partner.LUMA: (Scope.CALENDAR,),
    Partner.ICS: (Scope.CALENDAR,),
}
"""What each partner can be asked about."""


def sync_id_of(partner: Partner, scope: Scope, external_id: str) -> SyncId:
    """The id of the sync of one thing."""
    return f"{partner}-{scope}-{external_id}"


class SyncStatus(StrEnum):
    """How a sync stands.

    requested  a worker will begin it
    running    a worker is at it
    waiting    it goes on by itself at a time: a quota is spent, or a partner is away
    finished   the last run came to its end
    failed     the last run ended without coming to its end; the next one begins where it was
    stopped    somebody stopped it
    """

    REQUESTED = "requested"
    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


@message
class Tally:
    """What became of the things a run has read."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    missing: int = 0


@message
class Refused:
    """Something a partner said that could not be taken, and why."""

    what: Annotated[str, StringConstraints(max_length=40)]
    where: Annotated[str, StringConstraints(max_length=300)]
    reason: Reason


@message
class PageMark:
    """What is remembered of a page that was read, so that it need not be read twice.

    etag, last_modified  what the partner calls this state of it
    digest               of what it says, without what changes by itself
    next                 the cursor of the page behind it
    seen                 the ids, in the catalog, of the shows or gatherings on it
    until                from then on it says something else, though it is the same
    """

    etag: Annotated[str, StringConstraints(max_length=300)] | None = None
    last_modified: Annotated[str, StringConstraints(max_length=100)] | None = None
    digest: Annotated[str, StringConstraints(max_length=64)] | None = None
    next: Cursor | None = None
    seen: Annotated[list[Id], Field(max_length=SEEN_MAX)] = field(default_factory=list)
    until: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- rejections


class SyncUnheardOf(Rejected):
    code = "catalog.sync-unheard-of"
    title = "Nobody has asked for this sync."


class NoSuchTarget(Rejected):
    code = "catalog.no-such-target"
    title = "A sync is named by a partner, what about, and the partner's id for it."


class SyncTaken(Rejected):
    code = "catalog.sync-taken"
    title = "Another worker is at this sync, or it is over."


class QuotaSpent(RateLimited):
    code = "catalog.quota-spent"
    title = "We have asked this partner as often as we may today."


class SyncNotFound(NotFound):
    code = "catalog.sync-not-found"
    title = "There is no such sync."


# ---------------------------------------------------------------------------------- commands


@view
class SyncReceipt(View):
    """How a sync stands now.

    cursor     where the run goes on; None at its beginning
    artist_id  whose shows or songs these are, when somebody has said so
    marks      pages that were read before, by cursor; told to whoever begins a run
    unseen     what the last complete run has seen and this one has not yet; told to them too
    """

    sync_id: SyncId
    status: SyncStatus
    run: str | None = None
    cursor: str | None = None
    artist_id: ArtistId | None = None
    marks: dict[str, PageMark] = field(default_factory=dict)
    unseen: list[Id] = field(default_factory=list)
    position: int = 0


@command("catalog.start-sync", key="sync_id", access=Access.ADMIN, rejections=(NoSuchTarget,))
class StartSync(Command[SyncReceipt]):
    """Ask a partner now for what it knows. A sync that is under way goes on.

    sync_id    `<partner>-<artist|setlist|calendar>-<the partner's id>`
    artist_id  whose shows or songs these are, when it is known already; else it is found out
    afresh     from the beginning, though an earlier run did not come to its end, and whatever pages
               were read before
    """

    sync_id: SyncId
    artist_id: ArtistId | None = None
    afresh: bool = False


@command("catalog.stop-sync", key="sync_id", access=Access.ADMIN, rejections=(SyncUnheardOf,))
class StopSync(Command[SyncReceipt]):
    """Stop a sync. What it has told stays; the next run begins where it was."""

    sync_id: SyncId


@command("catalog.hasten-sync", key="sync_id", access=Access.SERVICE, rejections=(SyncUnheardOf,))
class HastenSync(Command[SyncReceipt]):
    """A partner says that there is news: ask it soon, once for all that it says meanwhile.

    Only a sync that somebody has asked for is hastened, and not one that was stopped since.

    since          when the partner said so; a run that began later has read the news
    every_seconds  the least time from the beginning of one run to the next
    """

    sync_id: SyncId
    since: AwareDatetime
    every_seconds: Annotated[int, Field(ge=1, le=86_400)]


@command(
    "catalog.begin-sync",
    key="sync_id",
    access=Access.SERVICE,
    rejections=(SyncUnheardOf, SyncTaken),
)
class BeginSync(Command[SyncReceipt]):
    """Take a sync that was asked for, that waits, or whose worker was not heard of for a while."""

    sync_id: SyncId
    run: Run
    worker: Worker


@command("catalog.advance-sync", key="sync_id", access=Access.SERVICE, rejections=(SyncTaken,))
class AdvanceSync(Command[SyncReceipt]):
    """A page is done: everything on it has been told.

    page      the cursor it was read at
    next      the cursor of the next one; None at the end
    of        how many pages there seem to be, when the partner says so
    mark      None for a page of which not everything could be read
    """

    sync_id: SyncId
    run: Run
    page: Cursor
    next: Cursor | None = None
    of: int | None = None
    tally: Tally = field(default_factory=Tally)
    refusals: Annotated[list[Refused], Field(max_length=REFUSALS_MAX)] = field(default_factory=list)
    mark: PageMark | None = None


@command("catalog.keep-sync", key="sync_id", access=Access.SERVICE, rejections=(SyncTaken,))
class KeepSync(Command[SyncReceipt]):
    """The run goes on, though a page takes its time."""

    sync_id: SyncId
    run: Run


@command("catalog.finish-sync", key="sync_id", access=Access.SERVICE, rejections=(SyncTaken,))
class FinishSync(Command[SyncReceipt]):
    """The run has come to its end. `missing`: how many things had disappeared."""

    sync_id: SyncId
    run: Run
    missing: int = 0


@command("catalog.fail-sync", key="sync_id", access=Access.SERVICE, rejections=(SyncTaken,))
class FailSync(Command[SyncReceipt]):
    """The run cannot go on now. With `retry_at` it goes on by itself then."""

    sync_id: SyncId
    run: Run
    reason: Reason
    retry_at: AwareDatetime | None = None


@view
class QuotaReceipt(View):
    """How many requests were given, and how many of the day are taken by now."""

    partner: Partner
    granted: int
    taken: int
    position: int = 0


@command("catalog.take-quota", key="partner", access=Access.SERVICE, rejections=(QuotaSpent,))
class TakeQuota(Command[QuotaReceipt]):
    """Reserve requests to a partner, of those that it allows in a day.

    day       the day they count for, UTC
    requests  how many; those that are left are given when there are fewer
    limit     how many there are in a day
    """

    partner: Partner
    day: date
    requests: Annotated[int, Field(ge=1, le=1000)]
    limit: Annotated[int, Field(ge=1)]


@command("catalog.close-quota", key="partner", access=Access.SERVICE)
class CloseQuota(Command[QuotaReceipt]):
    """A partner says that our quota is spent until a time, whatever we have counted."""

    partner: Partner
    until: AwareDatetime


# ---------------------------------------------------------------------------------- events


@event("catalog.sync_requested")
class SyncRequested(Event):
    """Somebody wants to know what a partner knows."""

    sync_id: SyncId
    artist_id: ArtistId | None = None
    afresh: bool = False


@event("catalog.sync_hastened")
class SyncHastened(Event):
    """There is news: the next run begins by itself at `due_at`, or after the one under way."""

    sync_id: SyncId
    due_at: datetime


@event("catalog.sync_began")
class SyncBegan(Event):
    """A worker took it. `is_first`: at the first page, and not where another one came to."""

    sync_id: SyncId
    run: str
    worker: str
    at: datetime
    is_first: bool = True


@event("catalog.sync_advanced")
class SyncAdvanced(Event):
    """A page is done."""

    sync_id: SyncId
    run: str
    page: str
    at: datetime
    next: str | None = None
    of: int | None = None
    tally: Tally = field(default_factory=Tally)
    refusals: list[Refused] = field(default_factory=list)
    mark: PageMark | None = None


@event("catalog.sync_kept")
class SyncKept(Event):
    """The run goes on."""

    sync_id: SyncId
    run: str
    at: datetime


@event("catalog.sync_finished")
class SyncFinished(Event):
    """The run came to its end."""

    sync_id: SyncId
    run: str
    at: datetime
    missing: int = 0


@event("catalog.sync_failed")
class SyncFailed(Event):
    """The run could not go on."""

    sync_id: SyncId
    run: str
    reason: str
    at: datetime
    retry_at: datetime | None = None


@event("catalog.sync_stopped")
class SyncStopped(Event):
    """Somebody stopped it."""

    sync_id: SyncId


@event("catalog.quota_taken")
class QuotaTaken(Event):
    """Requests to a partner were reserved. `taken` counts all of the day."""

    partner: Partner
    day: date
    granted: int
    taken: int
    limit: int
    take_id: str


@event("catalog.quota_closed")
class QuotaClosed(Event):
    """A partner takes no more requests until then."""

    partner: Partner
    until: datetime
