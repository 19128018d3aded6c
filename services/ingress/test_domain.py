"""The rules of inboxes, objects and payloads."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.ingress import (
    DeliveryDiscarded,
    DeliveryNotParked,
    DeliveryParked,
    DeliveryProcessed,
    DeliveryReceipt,
    DeliveryReceived,
    DeliveryStatus,
    DeliveryUnknown,
    DiscardDelivery,
    ForgetPayloads,
    PartnerChange,
    PartnerObjectChanged,
    PayloadForgotten,
    PayloadsForgotten,
    PayloadsOpened,
    Profile,
)
from contracts.ingress_private import (
    ApplyChange,
    OpenPayloads,
    ProcessAgain,
    ProcessInbox,
    ReceiveDelivery,
    RecordForgotten,
)
from libs.kernel.messages import registry
from libs.kernel.recorded import Recorded
from libs.testkit.spec import DeciderSpec
from services.ingress.domain import INBOX, OBJECT, PAYLOADS
from services.ingress.domain.inbox import BROKEN, UNREADABLE

spec = DeciderSpec(INBOX)
AT = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
PROCESS = ProcessInbox(inbox_id="inb_1")


def fields(number: int, body: str) -> dict[str, Any]:
    return {
        "delivery_id": f"dlv_{number}",
        "inbox_id": "inb_1",
        "partner": "partner",
        "endpoint": "main",
        "profile": Profile.STANDARD,
        "provider_id": f"msg_{number}",
        "digest": f"sha_{number}",
        "event_type": "invoice.paid",
        "sent_at": AT,
        "received_at": AT,
        "secret_number": 1,
        "content_type": "application/json",
        "body": body,
        "body_bytes": len(body),
        "payload_key": "payloads_partner_main_2026-11-20",
        "trace_id": "",
    }


def body_of(status: str, timestamp: str = "2026-11-20T19:00:00Z") -> str:
    return json.dumps(
        {"type": "invoice.paid", "timestamp": timestamp, "data": {"id": "i", "status": status}}
    )


GOOD, BAD = body_of("paid"), body_of("paid", "soon")


def received(number: int, body: str = GOOD) -> DeliveryReceived:
    return DeliveryReceived(**fields(number, body))


def processed(number: int, attempt: int = 1, status: str = "paid") -> DeliveryProcessed:
    change = PartnerChange(
        kind="invoice",
        partner_id="i",
        version=AT - timedelta(hours=1),
        stamped_at=AT,
        status=status,
    )
    return DeliveryProcessed(
        delivery_id=f"dlv_{number}",
        partner="partner",
        endpoint="main",
        attempt=attempt,
        changes=[change],
    )


def parked(number: int, attempt: int = 1) -> DeliveryParked:
    return DeliveryParked(
        delivery_id=f"dlv_{number}",
        attempt=attempt,
        code=UNREADABLE,
        detail="no moment at timestamp",
    )


def again(number: int, body: str | None = None) -> ProcessAgain:
    return ProcessAgain(inbox_id="inb_1", delivery_id=f"dlv_{number}", body=body)


def discard(number: int) -> DiscardDelivery:
    return DiscardDelivery(inbox_id="inb_1", delivery_id=f"dlv_{number}", reason="nonsense")


# ---------------------------------------------------------------------------------- inboxes


def test_records_a_delivery_once() -> None:
    command = ReceiveDelivery(**fields(1, GOOD))
    spec.given().when(command).then(received(1))
    spec.given(received(1)).when(command).then_nothing()


def test_knows_a_copy_under_another_id_by_what_was_signed() -> None:
    copy = ReceiveDelivery(**{**fields(1, GOOD), "delivery_id": "dlv_copy"})
    known = DeliveryReceipt(delivery_id="dlv_1", status=DeliveryStatus.PROCESSED)
    spec.given(received(1), processed(1)).when(copy).then_nothing().and_answers(known)


def test_processes_what_waits_in_the_order_in_which_it_came() -> None:
    waiting = spec.given(received(1), received(2, body_of("void")))
    waiting.when(PROCESS).then(processed(1), processed(2, status="void"))


def test_parks_what_cannot_be_read_and_lets_nothing_past_it() -> None:
    spec.given(received(1, BAD), received(2)).when(PROCESS).then(parked(1))
    spec.given(received(1, BAD), parked(1), received(2)).when(PROCESS).then_nothing()


def test_parks_what_breaks_our_own_code(monkeypatch: Any) -> None:
    from services.ingress.domain import partners

    def broken(*_: Any) -> Any:
        raise KeyError("ann@example.org")

    monkeypatch.setattr(partners, "changes", broken)
    told = DeliveryParked(delivery_id="dlv_1", attempt=1, code=BROKEN, detail="KeyError")
    spec.given(received(1)).when(PROCESS).then(told)


def test_goes_on_with_what_waited_when_a_parked_one_can_be_read() -> None:
    # As after a mistake of ours was mended: the same delivery, and today it is read.
    blocked = spec.given(received(1), parked(1), received(2), received(3, BAD), received(4))
    blocked.when(again(1)).then(processed(1, attempt=2), processed(2), parked(3))


def test_stays_parked_when_it_still_cannot_be_read() -> None:
    events = spec.given(received(1, BAD), parked(1), received(2))
    first = INBOX.decide(again(1), events.state, spec.origin)
    assert list(first) == [parked(1, attempt=2)]


def test_reads_what_was_processed_once_more_with_the_code_of_today() -> None:
    state = spec.given(received(1), processed(1)).state
    assert list(INBOX.decide(again(1, body_of("void")), state, spec.origin)) == [
        processed(1, attempt=2, status="void")
    ]


def test_refuses_to_process_again_what_is_no_longer_kept() -> None:
    spec.given(received(1), processed(1)).when(again(1)).then_rejected(PayloadForgotten)
    spec.given().when(again(1)).then_rejected(DeliveryUnknown)


def test_goes_on_when_a_parked_one_is_given_up() -> None:
    given_up = DeliveryDiscarded(delivery_id="dlv_1", by="usr_admin", reason="nonsense")
    blocked = spec.given(received(1, BAD), parked(1), received(2))
    blocked.when(discard(1), by="usr_admin").then(given_up, processed(2))


def test_gives_up_only_what_is_parked() -> None:
    spec.given(received(1), processed(1)).when(discard(1)).then_rejected(DeliveryNotParked)
    spec.given().when(discard(1)).then_rejected(DeliveryUnknown)


def test_holds_no_payload_in_memory_once_it_is_processed() -> None:
    state = spec.given(received(1), processed(1)).state
    assert [each.body for each in state.deliveries.values()] == [None]


# ---------------------------------------------------------------------------------- objects

objects = DeciderSpec(OBJECT)


def said(minute: int, delivery: str = "", **more: Any) -> ApplyChange:
    at = AT + timedelta(minutes=minute)
    change = PartnerChange(kind="invoice", partner_id="i", version=at, stamped_at=at, **more)
    return ApplyChange(
        object_id="obj_1",
        partner="partner",
        endpoint="main",
        delivery_id=delivery or f"dlv_{minute}",
        change=change,
    )


def known(command: ApplyChange) -> PartnerObjectChanged:
    return PartnerObjectChanged(**vars(command))


def test_takes_notice_of_what_is_newer_and_of_nothing_else() -> None:
    objects.given().when(said(1)).then(known(said(1)))
    objects.given(known(said(1))).when(said(2)).then(known(said(2)))
    objects.given(known(said(2))).when(said(1)).then_nothing()
    objects.given(known(said(2))).when(said(2)).then_nothing()


def test_brings_nothing_back_that_was_deleted() -> None:
    objects.given(known(said(1, is_deleted=True))).when(said(2)).then_nothing()


def test_takes_another_reading_of_the_same_delivery() -> None:
    before, today = said(1, status=""), said(1, status="paid")
    objects.given(known(before)).when(today).then(known(today))


CHANGES = st.builds(
    said,
    st.integers(0, 3),
    st.sampled_from(["dlv_a", "dlv_b", "dlv_c"]),
    rank=st.integers(0, 1),
    is_deleted=st.booleans(),
)


@given(st.lists(CHANGES, max_size=6, unique_by=lambda each: each.delivery_id), st.randoms())
def test_ends_in_the_same_state_whatever_the_order(changes: list[ApplyChange], chance: Any) -> None:
    shuffled = [*changes, *changes]
    chance.shuffle(shuffled)
    ends = []
    for order in (changes, shuffled):
        state = OBJECT.state()
        for command in order:
            for event in OBJECT.decide(command, state, objects.origin):
                state = OBJECT.evolve(state, event)
        ends.append(state)
    assert ends[0] == ends[1]


def test_ends_in_the_same_state_for_every_order_of_four() -> None:
    changes = [said(1), said(2, rank=1), said(2, "dlv_x"), said(3, is_deleted=True)]
    ends = set()
    for order in itertools.permutations(changes):
        state = OBJECT.state()
        for command in order:
            for event in OBJECT.decide(command, state, objects.origin):
                state = OBJECT.evolve(state, event)
        ends.add(state.delivery_id)
    assert ends == {"dlv_3"}


# ---------------------------------------------------------------------------------- payloads

payloads = DeciderSpec(PAYLOADS)
KEY = "payloads_partner_main_2026-11-20"
OPENING = OpenPayloads(
    payload_key=KEY, partner="partner", endpoint="main", day_ends_at=AT, until=AT
)
OPENED = PayloadsOpened(**vars(OPENING))


def test_opens_the_payloads_of_a_day_once() -> None:
    payloads.given().when(OPENING).then(OPENED)
    payloads.given(OPENED).when(OPENING).then_nothing()


def test_forgets_the_payloads_of_a_day_once() -> None:
    forgotten = PayloadsForgotten(payload_key=KEY)
    payloads.given(OPENED).when(RecordForgotten(payload_key=KEY)).then(forgotten)
    payloads.given(OPENED, forgotten).when(RecordForgotten(payload_key=KEY)).then_nothing()


def test_has_the_payloads_of_a_day_forgotten_when_their_time_has_come() -> None:
    from libs.kernel.reactions import Schedule
    from services.ingress.process_managers import forget_in_time

    name = registry.event_of[PayloadsOpened].type
    news = Recorded("evt_1", name, "payloads", KEY, AT, "svc_ingress", "c", "c", OPENED, 1)
    assert forget_in_time(news) == [Schedule(KEY, AT, ForgetPayloads(payload_key=KEY))]
