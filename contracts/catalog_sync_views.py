"""What can be asked of `catalog` about its syncs: how far they are, what partners still allow."""

from datetime import date, datetime

from contracts.catalog import ArtistId, Limit, PageCursor
from contracts.catalog_syncs import Partner, Scope, SyncId, SyncStatus
from libs.kernel.messages import (
    Access,
    Query,
    View,
    query,
    view,
)


@view
class SyncRefusal(View):
    """Something that could not be taken, and why."""

    what: str
    where: str
    reason: str


@view
class SyncProgress(View):
    """How a sync stands.

    name      what the catalog calls the artist or the show that it is about; None for others, and
              as long as that is not known
    pages     how many pages of this run are done; `of`: how many there seem to be
    cursor    the page at which it goes on; None at the first one
    refusals  the latest of this run, at most 20
    reason    why it failed or waits
    due_at    when it begins anew by itself, since its partner says that there is news
    """

    sync_id: SyncId
    partner: Partner
    scope: Scope
    external_id: str
    artist_id: ArtistId | None
    status: SyncStatus
    run: str | None
    pages: int
    of: int | None
    new: int
    changed: int
    unchanged: int
    refused: int
    missing: int
    refusals: list[SyncRefusal]
    reason: str | None
    retry_at: datetime | None
    requested_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None = None
    name: str | None = None
    cursor: str | None = None


@view
class Syncs(View):
    """Syncs, those that something happened to last first. `next` continues the list."""

    syncs: list[SyncProgress]
    next: str | None


@view
class Quota(View):
    """The requests of the last day that we asked a partner on.

    closed_until  the partner said no; None when it did not, or has not lately
    """

    partner: Partner
    day: date | None
    taken: int
    limit: int | None
    closed_until: datetime | None


@view
class Quotas(View):
    """One for each partner that was asked."""

    quotas: list[Quota]


@query("catalog.list-syncs", access=Access.ADMIN, watches=("syncs", "artists", "shows"))
class ListSyncs(Query[Syncs]):
    """All syncs there have been, and how they stand."""

    status: SyncStatus | None = None
    limit: Limit = 50
    after: PageCursor | None = None


@query("catalog.get-sync", access=Access.ADMIN, watches=("sync.{sync_id}", "artists", "shows"))
class GetSync(Query[SyncProgress]):
    """How a sync stands. Live, its progress."""

    sync_id: SyncId


@query("catalog.list-quotas", access=Access.ADMIN, watches=("quotas",))
class ListQuotas(Query[Quotas]):
    """What is left of our requests to partners."""
