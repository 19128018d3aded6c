"""Events of a feed that repeat: when they are, what each time is called, what replaces it."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.catalog_gatherings import GatheringStatus, RegisterGathering
from services.catalog.adapters.findings import Fact, Refusal
from services.catalog.adapters.partners.ics import read_feed
from services.catalog.adapters.partners.repeating import OCCURRENCES_MAX, Window
from services.catalog.adapters.syncing import digest_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONDAYS = """UID:choir
SUMMARY:Choir
DTSTART;TZID=Europe/Copenhagen:20261012T190000
DTEND;TZID=Europe/Copenhagen:20261012T210000"""


def feed(*events: str, head: str = "") -> bytes:
    blocks = [f"BEGIN:VEVENT\n{each}\nEND:VEVENT" for each in events]
    lines = ["BEGIN:VCALENDAR", *([head] if head else []), *blocks, "END:VCALENDAR", ""]
    return "\n".join(lines).encode()


def told(*events: str, head: str = "", now: datetime = NOW) -> dict[str, RegisterGathering]:
    """What is told, by what each occurrence is called behind its UID."""
    findings = read_feed(feed(*events, head=head), "x", now)
    found = [each.telling for each in findings if isinstance(each, Fact)]
    return {
        each.external_ids["ics"].partition("/")[2]: each
        for each in found
        if isinstance(each, RegisterGathering)
    }


def reasons(*events: str) -> list[str]:
    return [each.reason for each in read_feed(feed(*events), "x", NOW) if isinstance(each, Refusal)]


def test_is_told_as_often_as_it_is_with_the_hour_of_its_clock() -> None:
    found = told(f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=4")
    assert list(found) == [f"{day}T190000" for day in (20261012, 20261019, 20261026, 20261102)]
    begin = [each.starts_at for each in found.values()]
    # Clocks are set back on 25 October: it is at seven all the same.
    assert [each and each.hour for each in begin] == [17, 17, 18, 18]
    assert all(
        each.ends_at and each.starts_at and each.ends_at - each.starts_at == timedelta(hours=2)
        for each in found.values()
    )
    assert len({each.gathering_id for each in found.values()}) == 4


def test_leaves_out_what_is_excluded_and_adds_what_is_added() -> None:
    found = told(
        f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE:20261019T170000Z"
        "\nEXDATE;VALUE=DATE:20261102\nRDATE;TZID=Europe/Copenhagen:20261130T190000"
        "\nRDATE;VALUE=PERIOD:20261201T180000Z/PT1H"
    )
    assert list(found) == [f"{day}T190000" for day in (20261012, 20261026, 20261130, 20261201)]


def test_lets_others_stand_in_for_an_occurrence_whatever_zone_they_are_written_in() -> None:
    found = told(
        f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=4",
        "UID:choir\nSUMMARY:Choir, outdoors\nRECURRENCE-ID:20261019T170000Z"
        "\nDTSTART:20261020T160000Z",
        "UID:choir\nSUMMARY:Choir\nRECURRENCE-ID;TZID=Europe/Copenhagen:20261026T190000"
        "\nDTSTART:20261026T180000Z\nSTATUS:CANCELLED",
    )
    assert sorted(found) == [f"{day}T190000" for day in (20261012, 20261019, 20261026, 20261102)]
    moved, cancelled = found["20261019T190000"], found["20261026T190000"]
    assert (moved.name, moved.starts_at) == (
        "Choir, outdoors",
        datetime(2026, 10, 20, 16, tzinfo=UTC),
    )
    assert cancelled.status is GatheringStatus.CANCELLED
    assert found["20261102T190000"].status is None


def test_calls_an_occurrence_the_same_before_and_after_it_is_moved() -> None:
    rule = f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=4"
    moved = "UID:choir\nSUMMARY:Choir\nRECURRENCE-ID:20261019T170000Z\nDTSTART:20261020T160000Z"
    before, after = told(rule), told(moved, rule)
    assert {each.gathering_id for each in before.values()} == {
        each.gathering_id for each in after.values()
    }


def test_reports_that_a_stand_in_for_all_that_follows_is_taken_once() -> None:
    again = "RECURRENCE-ID;RANGE=THISANDFUTURE:20261019T170000Z\nDTSTART:20261020T160000Z"
    events = f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=4", f"UID:choir\nSUMMARY:Choir, outdoors\n{again}"
    names = {when: each.name for when, each in told(*events).items()}
    assert names["20261019T190000"] == "Choir, outdoors"
    assert names["20261026T190000"] == "Choir"
    assert reasons(*events) == ["RANGE=THISANDFUTURE: it is taken for this occurrence alone"]


def test_takes_the_newest_of_two_that_stand_in_for_the_same() -> None:
    rule = f"{MONDAYS}\nRRULE:FREQ=WEEKLY;COUNT=2"
    again = "UID:choir\nRECURRENCE-ID:20261019T170000Z\nDTSTART:20261020T160000Z"
    newer, older = f"{again}\nSUMMARY:New\nSEQUENCE:2", f"{again}\nSUMMARY:Old\nSEQUENCE:1"
    assert told(rule, newer, older)["20261019T190000"].name == "New"
    assert reasons(rule, newer, older) == ["another event of its UID is newer"]


def test_repeats_days_where_the_calendar_says_that_it_is() -> None:
    head = "X-WR-TIMEZONE:Europe/Copenhagen"
    days = "UID:fair\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20261024\nDTEND;VALUE=DATE:20261026"
    found = told(f"{days}\nRRULE:FREQ=DAILY;INTERVAL=7;UNTIL=20261031", head=head)
    assert list(found) == ["20261024", "20261031"]
    first, second = found.values()
    assert first.starts_at == datetime(2026, 10, 23, 22, tzinfo=UTC)
    assert first.ends_at == datetime(2026, 10, 25, 23, tzinfo=UTC)  # The clocks were set back.
    assert second.ends_at == datetime(2026, 11, 1, 23, tzinfo=UTC)
    assert list(told(f"{days}\nRRULE:FREQ=DAILY;COUNT=3")) == [""], "nobody knows when it is"


def test_tells_of_what_has_no_end_for_a_year_and_the_same_all_month_long() -> None:
    daily = "UID:walk\nSUMMARY:Walk\nDTSTART:20100101T080000Z\nRRULE:FREQ=DAILY"
    window = Window.of(NOW)
    assert (window.since, window.end) == (
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2027, 12, 1, tzinfo=UTC),
    )
    found = told(daily)
    assert len(found) == (window.end - window.since).days
    digests = [
        digest_of(read_feed(feed(daily), "x", at))
        for at in (NOW, datetime(2026, 11, 30, 23, tzinfo=UTC), window.moves_at)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_tells_its_first_time_when_none_is_near() -> None:
    ended = "UID:1\nSUMMARY:Past\nDTSTART:20100101T080000Z\nRRULE:FREQ=DAILY;COUNT=3"
    to_come = "UID:1\nSUMMARY:To come\nDTSTART:20400101T080000Z\nRRULE:FREQ=DAILY"
    assert list(told(ended)) == ["20100101T080000Z"]
    assert list(told(to_come)) == ["20400101T080000Z"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("RRULE:FREQ=SECONDLY", "neither daily, weekly"),
        ("RRULE:FREQ=NEVER", "none of iCalendar's"),
        ("RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5", "more than 500 times"),
        ("RRULE:FREQ=DAILY;COUNT=2147483647", "COUNT of its rule is out"),
        ("RRULE:FREQ=DAILY;COUNT=3\nEXDATE:whenever", "EXDATE is no list"),
        ("RDATE:whenever", "RDATE is no list"),
    ],
)
def test_says_what_of_it_cannot_be_followed_and_tells_the_rest(rule: str, reason: str) -> None:
    event = f"UID:1\nSUMMARY:One\nDTSTART:20261121T080000Z\n{rule}"
    (found,) = reasons(event)
    assert reason in found
    assert 1 <= len(told(event)) <= OCCURRENCES_MAX


def test_is_over_soon_when_a_feed_is_full_of_rules_that_come_to_nothing() -> None:
    rule = "SUMMARY:One\nDTSTART:19000101T080000Z\nRRULE:FREQ=DAILY;COUNT=9;BYMONTH=2;BYMONTHDAY=30"
    findings = list(read_feed(feed(*(f"UID:{each}\n{rule}" for each in range(300))), "x", NOW))
    assert sum(isinstance(each, Fact) for each in findings) == 300
    assert sum(isinstance(each, Refusal) for each in findings) > 250
