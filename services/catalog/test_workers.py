"""A worker's run of a sync, where nobody else runs any."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from contracts.catalog_syncs import BeginSync, PageMark, Partner, StartSync
from libs.eventlog import JetStreamLog
from libs.kernel.clock import system_clock
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from services.catalog.adapters.partners.page import Page, Source
from services.catalog.adapters.partners.trouble import Limited
from services.catalog.adapters.quotas import QuotaBook
from services.catalog.adapters.syncing import Syncing
from services.catalog.conftest import RunningCatalog, delete_log
from services.catalog.domain.syncs import Target
from services.catalog.test_syncs import BAND, CALLER, over

pytestmark = pytest.mark.connected


class Circle:
    """A partner whose pages lead back to the first one."""

    lists_past = True

    def first(self, _target: Target) -> str:
        return "1"

    def artist_id(self, _target: Target) -> str | None:
        return None

    def after(self, _cursor: str) -> str | None:
        return None

    async def page(
        self, _target: Target, cursor: str, _mark: PageMark | None, _as_of: datetime
    ) -> Page:
        return Page(next="2" if cursor == "1" else "1")


@pytest.fixture
async def without_worker(
    nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[RunningCatalog]:
    """A catalog whose syncs nobody runs but the test."""
    await delete_log(nats_server)
    parts = ["catalog.owner", "catalog.projections", "catalog.queries"]
    async with (
        running_services(parts, nats_server, database),
        bus_of("catalog", nats_server) as bus,
    ):
        yield RunningCatalog(bus, await JetStreamLog.open(bus.connection, "catalog"))


async def test_ends_when_pages_go_in_a_circle(without_worker: RunningCatalog) -> None:
    started = await without_worker.bus.send(StartSync(sync_id=BAND), caller=CALLER)
    sources: dict[Partner, Source] = {Partner.SETLISTFM: Circle()}
    syncing = Syncing(without_worker.bus, sources, system_clock, "wrk_test")
    await syncing.run(BAND)
    ended = await over(without_worker, BAND, started["position"])
    assert (ended["status"], ended["pages"]) == ("failed", 2)
    assert ended["reason"] == "its pages go in a circle: 1 again"


async def test_says_that_there_are_no_credentials(without_worker: RunningCatalog) -> None:
    started = await without_worker.bus.send(StartSync(sync_id=BAND), caller=CALLER)
    await Syncing(without_worker.bus, {}, system_clock, "wrk_test").run(BAND)
    ended = await over(without_worker, BAND, started["position"])
    assert ended["reason"] == "setlistfm has no credentials here"


async def test_leaves_a_sync_alone_that_another_worker_has(without_worker: RunningCatalog) -> None:
    await without_worker.bus.send(StartSync(sync_id=BAND), caller=CALLER)
    begin = BeginSync(sync_id=BAND, run="1", worker="wrk_other")
    await without_worker.bus.send(begin, caller=CALLER)
    position = await without_worker.log.last_position()
    await Syncing(without_worker.bus, {}, system_clock, "wrk_test").run(BAND)
    assert await without_worker.log.last_position() == position


async def test_waits_for_the_next_day_when_our_own_quota_is_spent(
    without_worker: RunningCatalog,
) -> None:
    book = QuotaBook(without_worker.bus, Partner.SETLISTFM, 3, system_clock)
    for _ in range(3):
        await book.take()
    with pytest.raises(Limited) as limited:
        await QuotaBook(without_worker.bus, Partner.SETLISTFM, 3, system_clock).take()
    assert limited.value.retry_after_seconds is not None
    assert 0 < limited.value.retry_after_seconds <= 86_400
