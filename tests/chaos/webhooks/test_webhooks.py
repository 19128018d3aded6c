"""Webhooks under kill -9: three rounds each time, many when asked for. And laws to be broken."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.ingress import (
    DeliveryDiscarded,
    DeliveryParked,
    DeliveryProcessed,
    DeliveryReceived,
    PartnerChange,
    PartnerObjectChanged,
    Profile,
)
from libs.eventlog.model import RecordedCommit
from libs.kernel.messages import Event
from libs.kernel.recorded import Recorded
from tests.chaos.house import NATS
from tests.chaos.webhooks.laws import kept_of, violations
from tests.chaos.webhooks.partners import Delivery
from tests.chaos.webhooks.rounds import DOOR, VICTIMS, run_rounds

AT = datetime(2026, 11, 20, 20, tzinfo=UTC)


@pytest.mark.connected
@pytest.mark.timeout(400)
async def test_keeps_and_processes_once_what_was_answered(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    victims = (DOOR, NATS, "owner")
    outcome = await run_rounds(tmp_path, len(victims), seed, victims)
    assert outcome.violations == [], f"seed {seed}"
    assert min(outcome.taken, outcome.forged, outcome.parked, outcome.repeated) > 0


@pytest.mark.chaos
@pytest.mark.timeout(3600)
async def test_keeps_every_promise_when_anything_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    outcome = await run_rounds(tmp_path, 3 * len(VICTIMS), seed)
    assert outcome.violations == [], f"seed {seed}"
    assert outcome.waited > 0


# ---------------------------------------------------------------------------------- the laws


def received(number: int) -> DeliveryReceived:
    return DeliveryReceived(
        delivery_id=f"dlv_{number}",
        inbox_id="inb_1",
        partner="partner",
        endpoint="main",
        profile=Profile.STANDARD,
        provider_id=f"msg_{number}",
        digest=f"digest_{number}",
        event_type="subscription.updated",
        sent_at=AT,
        received_at=AT,
        secret_number=1,
        content_type="",
        body_bytes=2,
        payload_key="payloads",
        body="{}",
        trace_id="",
    )


def change(number: int) -> PartnerChange:
    version = AT + timedelta(seconds=number)
    return PartnerChange(
        kind="subscription",
        partner_id="sub_1",
        version=version,
        stamped_at=version,
        status=f"state {number}",
    )


def processed(number: int) -> DeliveryProcessed:
    return DeliveryProcessed(
        delivery_id=f"dlv_{number}",
        partner="partner",
        endpoint="main",
        attempt=1,
        changes=[change(number)],
    )


def known(number: int) -> PartnerObjectChanged:
    return PartnerObjectChanged(
        object_id="obj_1",
        partner="partner",
        endpoint="main",
        delivery_id=f"dlv_{number}",
        change=change(number),
    )


def log(*events: Event) -> list[RecordedCommit]:
    commits = []
    for position, event in enumerate(events, 1):
        is_known = isinstance(event, PartnerObjectChanged)
        stream = ("object", "obj_1") if is_known else ("inbox", "inb_1")
        recorded = Recorded("id", "type", *stream, AT, "", "", "", event, position)
        commits.append(RecordedCommit(*stream, position, {}, [recorded]))
    return commits


def found(sent: list[Delivery], *events: Event) -> list[str]:
    return violations(kept_of(log(*events)), sent)


ONE, TWO = Delivery("msg_1", "sub_1", 1), Delivery("msg_2", "sub_1", 2)
DAMAGED = Delivery("msg_1", "sub_1", 1, is_readable=False)
PARKED = DeliveryParked(delivery_id="dlv_1", attempt=1, code="unreadable", detail="")
DISCARDED = DeliveryDiscarded(delivery_id="dlv_1", by="usr_admin", reason="counting")


def test_finds_nothing_where_each_was_kept_and_processed_once_in_any_order() -> None:
    assert found([ONE], received(1), processed(1), known(1)) == []
    late = (received(2), processed(2), known(2), received(1), processed(1))
    assert found([ONE, TWO], *late) == []


def test_finds_what_is_lost_doubled_or_forged() -> None:
    assert found([ONE]) == ["msg_1 was taken, and is in the log 0 times"]
    doubled = found([ONE], received(1), received(1), processed(1), known(1))
    assert "msg_1 was taken, and is in the log 2 times" in doubled
    forged = Delivery("msg_1", "sub_1", 1, is_forged=True)
    assert "msg_1 is forged, and in the log" in found([forged], received(1), processed(1), known(1))
    assert "msg_1 is in the log, and nobody sent it" in found([], received(1))


def test_finds_what_was_processed_never_or_twice() -> None:
    assert "dlv_1 was processed 0 times" in found([ONE], received(1))
    twice = found([ONE], received(1), processed(1), processed(1), known(1))
    assert twice == ["dlv_1 was processed 2 times"]


def test_finds_an_object_that_is_not_as_the_newest_says() -> None:
    both = (received(1), processed(1), received(2), processed(2))
    assert found([ONE, TWO], *both, known(1)) == ["sub_1 is not as version 2 says"]
    back = found([ONE, TWO], *both, known(2), known(1))
    assert "sub_1 went back, or was told of one delivery twice" in back
    assert found([ONE, TWO], *both, known(1), known(2), known(2)) == [
        "sub_1 went back, or was told of one delivery twice"
    ]


def test_lets_wait_only_what_stands_behind_one_that_is_parked() -> None:
    assert found([DAMAGED, TWO], received(1), PARKED, received(2)) == []
    overtaken = found([DAMAGED, TWO], received(1), PARKED, received(2), processed(2), known(2))
    assert overtaken == ["dlv_2 was processed, and stood behind one that is parked"]
    given_up = (received(1), PARKED, received(2), DISCARDED)
    assert found([DAMAGED, TWO], *given_up, processed(2), known(2)) == []
    assert "dlv_2 was processed 0 times" in found([DAMAGED, TWO], *given_up)
    assert "dlv_1 is parked, and can be read" in found([ONE], received(1), PARKED)
    assert "dlv_1 cannot be read, and is not parked" in found([DAMAGED], received(1))


def test_is_settled_once_objects_know_what_was_processed() -> None:
    assert not kept_of(log(received(1))).is_settled
    assert not kept_of(log(received(1), processed(1))).is_settled
    assert kept_of(log(received(1), processed(1), known(1))).is_settled
