"""Which syncs a partner's news is about."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.catalog_syncs import HastenSync
from contracts.ingress import PartnerChange, PartnerObjectChanged
from libs.kernel.reactions import Send
from libs.kernel.recorded import Recorded
from services.catalog.process_managers import hasten

AT = datetime(2026, 11, 21, 20, tzinfo=UTC)
EVENT = PartnerChange(kind="event", partner_id="evt-1", version=AT, stamped_at=AT)
REPEATED = ["luma-calendar-ours", "setlistfm-artist-mbid"]


def hastened(change: PartnerChange, partner: str = "luma", endpoint: str = "main") -> list[str]:
    news = PartnerObjectChanged(
        object_id="obj_1", partner=partner, endpoint=endpoint, delivery_id="dlv_1", change=change
    )
    found = []
    recorded = Recorded(
        id="evt_1",
        type="ingress.partner_object_changed.v1",
        aggregate="object",
        aggregate_id="obj_1",
        at=AT,
        actor="svc_ingress",
        causation_id="cmd_1",
        correlation_id="cmd_1",
        data=news,
        position=1,
    )
    for reaction in hasten(30, REPEATED, recorded):
        assert isinstance(reaction, Send)
        assert isinstance(reaction.command, HastenSync)
        assert (reaction.command.since, reaction.command.every_seconds) == (AT, 30)
        found.append(reaction.command.sync_id)
    return found


@pytest.mark.parametrize("name", ["calendar_id", "calendar.id", "event.calendar_id"])
def test_hastens_the_calendar_that_luma_names(name: str) -> None:
    change = replace(EVENT, kind="guest", facts={name: "cal-theirs"})
    assert hastened(change) == ["luma-calendar-cal-theirs"]


def test_hastens_the_calendars_we_follow_when_luma_names_none() -> None:
    assert hastened(EVENT) == ["luma-calendar-ours"]


def test_hastens_our_calendar_too_when_an_event_of_another_was_added_to_it() -> None:
    added = replace(EVENT, kind="calendar-event", facts={"calendar_id": "cal-theirs"})
    assert hastened(added) == ["luma-calendar-cal-theirs", "luma-calendar-ours"]


def test_hastens_a_feed_by_the_name_of_the_endpoint() -> None:
    assert hastened(EVENT, partner="ics", endpoint="harbour") == ["ics-calendar-harbour"]


def test_hastens_nothing_for_what_no_calendar_shows() -> None:
    assert hastened(replace(EVENT, kind="person")) == []
    assert hastened(EVENT, partner="polar") == []
    assert hastened(replace(EVENT, facts={"calendar_id": "a calendar?"})) == []
    assert hastened(replace(EVENT, facts={"calendar_id": "c" * 60})) == []
