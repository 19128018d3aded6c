"""Ingress on the real servers: from a partner's request to what administrators see."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from contracts.ingress import ForgetPayloads, Profile
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller
from libs.testkit.otlp import Collector, assert_one_tree
from libs.testkit.stack import RunningNats
from libs.testkit.waiting import eventually
from services.ingress.conftest import (
    ADMIN,
    DATA,
    OLD_SECRET,
    House,
    needs_data,
    signed,
    signed_by_luma,
    signed_by_meta,
    signed_by_polar,
)

pytestmark = pytest.mark.connected


def invoice(invoice_id: str, status: str = "paid", timestamp: str = "2026-11-20T20:00:00Z") -> Any:
    return {
        "type": "invoice.updated",
        "timestamp": timestamp,
        "data": {"id": invoice_id, "status": status, "email": "ann@example.org", "otp_code": "123"},
    }


async def accepted(house: House, body: Any, **options: Any) -> str:
    answer = await house.deliver(body, **options)
    assert answer.is_success, (answer.status_code, answer.text)
    delivery_id: str = answer.headers["backline-delivery"]
    return delivery_id


async def object_of(house: House, partner_id: str, partner: str = "partner") -> dict[str, Any]:
    listed = await house.ask("list-partner-objects", partner=partner, limit=200)
    found: dict[str, Any]
    (found,) = (each for each in listed["objects"] if each["partner_id"] == partner_id)
    return found


async def test_shows_a_delivery_and_what_came_of_it(house: House) -> None:
    invoice_id = new_id("inv_")
    delivery_id = await accepted(house, invoice(invoice_id))
    delivery = await house.settled(delivery_id)
    assert delivery["event_type"] == "invoice.updated"
    assert delivery["secret_number"] == 1
    assert [each["outcome"] for each in delivery["attempts"]] == ["processed"]
    assert invoice_id in delivery["body"]
    assert "123" not in delivery["body"]  # A code is nothing to look at.
    await eventually(lambda: has_effect(house, delivery_id))
    assert (await object_of(house, invoice_id))["status"] == "paid"


async def has_effect(house: House, delivery_id: str) -> bool:
    (effect,) = (await house.ask("get-delivery", delivery_id=delivery_id))["effects"]
    assert effect["command"] == "ingress.apply-change"
    return bool(effect["event"] == "ingress.partner_object_changed" and effect["position"])


async def test_is_in_the_log_before_it_is_answered(house: House, nats_server: RunningNats) -> None:
    client = await nats_server.connect("ingress")
    log = await JetStreamLog.open(client, "ingress")
    body = invoice(new_id("inv_"))
    before = await log.last_position()
    delivery_id = await accepted(house, body)
    # Nobody is waited for: it stands there now, and cannot be read without its key.
    stored = await client.jetstream().get_last_msg("EVT_INGRESS", "evt.ingress.inbox.>")
    assert stored.seq is not None
    assert stored.seq > before
    assert delivery_id.encode() in (stored.data or b"")
    assert b"ann@example.org" not in (stored.data or b"")
    await client.close()


async def test_counts_a_delivery_once_when_it_is_sent_again_and_again(house: House) -> None:
    content = json.dumps(invoice(new_id("inv_"))).encode()
    headers = signed(content, delivery=new_id("msg_"))
    answers = await asyncio.gather(*(house.deliver(content, headers=headers) for _ in range(20)))
    later = await house.deliver(content, headers=signed(content, delivery=headers["webhook-id"]))
    ids = {each.headers["backline-delivery"] for each in (*answers, later)}
    assert {each.status_code for each in answers} == {202}
    (delivery_id,) = ids
    delivery = await house.settled(delivery_id)
    assert len(delivery["attempts"]) == 1


async def test_knows_a_copy_that_somebody_sends_under_another_id(house: House) -> None:
    content = json.dumps({"type": "event.updated", "data": {"id": new_id("evt-")}}).encode()
    headers = signed_by_luma(content)
    first = await house.deliver(content, "luma/main", headers)
    copy = await house.deliver(content, "luma/main", {**headers, "webhook-id": new_id("wh_")})
    assert copy.headers["backline-delivery"] == first.headers["backline-delivery"]


async def test_takes_the_old_secret_while_the_new_one_is_rolled_out(house: House) -> None:
    content = json.dumps(invoice(new_id("inv_"))).encode()
    delivery_id = await accepted(house, content, headers=signed(content, secret=OLD_SECRET))
    assert (await house.settled(delivery_id))["secret_number"] == 2


async def test_parks_what_it_cannot_read_and_goes_on_with_everything_else(house: House) -> None:
    invoice_id, other = new_id("inv_"), new_id("inv_")
    bad = await accepted(house, invoice(invoice_id, timestamp="soon"))
    behind = await accepted(house, invoice(invoice_id, "void"))
    elsewhere = await accepted(house, invoice(other))
    parked = await house.settled(bad, "parked")
    await house.settled(elsewhere)
    assert parked["attempts"][0]["code"] == "unreadable"
    assert parked["attempts"][0]["detail"] == "no moment at timestamp"
    assert (await house.settled(behind, "waiting"))["attempts"] == []

    about = {"inbox_id": parked["inbox_id"], "delivery_id": bad}
    again = await house.send("replay-delivery", **about)
    assert again["status"] == "parked"
    await eventually(lambda: has_attempts(house, bad, 2))
    gone = await house.send("discard-delivery", **about, reason="nonsense")
    assert gone["status"] == "discarded"
    await house.settled(behind)
    given_up = await house.settled(bad, "discarded")
    assert given_up["attempts"][-1]["by"] == "usr_admin"
    await eventually(lambda: has_status(house, invoice_id, "void"))


async def has_attempts(house: House, delivery_id: str, count: int) -> bool:
    delivery = await house.ask("get-delivery", delivery_id=delivery_id)
    return len(delivery["attempts"]) == count


async def has_status(house: House, partner_id: str, status: str, partner: str = "partner") -> bool:
    listed = await house.ask("list-partner-objects", partner=partner, limit=200)
    return [each["status"] for each in listed["objects"] if each["partner_id"] == partner_id] == [
        status
    ]


async def test_reads_what_was_processed_again_from_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = new_id("inv_")
    delivery_id = await accepted(house, invoice(invoice_id))
    delivery = await house.settled(delivery_id)
    await eventually(lambda: has_status(house, invoice_id, "paid"))

    from services.ingress.domain.partners import standard

    of_yesterday = standard.changes

    def of_today(document: Any, sent_at: datetime) -> Any:
        (change,) = of_yesterday(document, sent_at)
        return [type(change)(**{**vars(change), "status": "paid in full"})]

    from services.ingress.domain import partners

    shape = type(partners._SHAPES[Profile.STANDARD])
    monkeypatch.setitem(partners._SHAPES, Profile.STANDARD, shape(standard.about, of_today))
    await house.send("replay-delivery", inbox_id=delivery["inbox_id"], delivery_id=delivery_id)
    await eventually(lambda: has_status(house, invoice_id, "paid in full"))
    assert await has_attempts(house, delivery_id, 2)


@needs_data
async def test_ends_in_the_same_state_when_polars_deliveries_come_backwards_and_twice(
    house: House,
) -> None:
    path = DATA / "polar/open/seq_renewal.json"
    sent = [json.loads(each["body"]) for each in json.loads(path.read_text())["deliveries"]]
    states = []
    for order in (sent, [*reversed(sent), *sent]):
        subscription, order_id, customer = (new_id() for _ in range(3))
        for document in order:
            text = json.dumps(document)
            for known, ours in (
                ("86fba415-367d-50d1-b92e-e4f0a7a32e7f", subscription),
                ("35e3464b-9801-51ba-8ec6-6853f663f1b6", order_id),
                ("d2254ed7-1735-53f5-bf2c-824ea021d755", customer),
            ):
                text = text.replace(known, ours)
            content = text.encode()
            delivery = f"{document['type']}-{document['timestamp']}-{subscription}"
            headers = signed_by_polar(content, delivery)
            assert (await house.deliver(content, "polar/main", headers)).status_code == 202
        await eventually(partial(has_status, house, order_id, "paid", "polar"))
        await eventually(partial(has_status, house, subscription, "active", "polar"))
        found = [await object_of(house, known, "polar") for known in (order_id, subscription)]
        states.append(
            [
                (each["kind"], each["version"], each["status"], each["facts"]["paid"])
                if each["kind"] == "order"
                else (each["kind"], each["version"], each["status"])
                for each in found
            ]
        )
    assert states[0] == states[1]


# ---------------------------------------------------------------------------------- answers


async def test_refuses_what_is_not_for_us(house: House) -> None:
    content = json.dumps(invoice("inv_1")).encode()
    wrong = {**signed(content), "webhook-signature": "v1," + "A" * 43 + "="}
    assert (await house.deliver(content, headers=wrong)).status_code == 401
    assert (await house.deliver(content, headers={})).status_code == 401
    assert (await house.deliver(content + b" ", headers=signed(content))).status_code == 401
    old = signed(content, timestamp=1_700_000_000)
    assert (await house.deliver(content, headers=old)).status_code == 401
    assert (await house.deliver(content, "partner/other")).status_code == 404
    assert (await house.deliver(content, "partner")).status_code == 404
    assert (await house.deliver(b"{", headers=signed(b"{"))).status_code == 400
    large = b'"' + b"x" * 300_000 + b'"'
    assert (await house.deliver(large, headers=signed(large))).status_code == 413
    assert (await house.client.put("/hooks/partner/main")).status_code == 405
    assert (await house.client.get("/hooks/partner/main")).status_code == 405


async def test_answers_meta_when_it_asks_whether_the_endpoint_is_ours(house: House) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    ours = await house.client.get(
        "/hooks/meta/page", params={**asked, "hub.verify_token": "meatyhamhock"}
    )
    assert (ours.status_code, ours.text) == (200, "1158201444")
    for other in (
        {**asked, "hub.verify_token": "wrong"},
        asked,
        {**asked, "hub.verify_token": "meatyhamhock", "hub.challenge": "<script>"},
        {**asked, "hub.verify_token": "meatyhamhock", "hub.mode": "unsubscribe"},
    ):
        assert (await house.client.get("/hooks/meta/page", params=other)).status_code == 403


@needs_data
async def test_takes_what_meta_sends_with_200(house: House) -> None:
    for path in sorted(DATA.glob("instagram/open/*.json")):
        body = path.read_bytes()
        answer = await house.deliver(body, "meta/page", signed_by_meta(body))
        assert answer.status_code == 200


async def test_lets_nobody_but_administrators_see_or_do_anything(house: House) -> None:
    for caller in (Caller("usr_1", ("member",)), Caller("usr_2", ("moderator",))):
        with pytest.raises(RemoteProblem) as refusal:
            await house.bus.ask_raw("ingress.list-deliveries", {}, caller=caller)
        assert refusal.value.document["code"] == "forbidden"


# ---------------------------------------------------------------------------------- forgetting


async def test_forgets_the_payloads_of_a_day_for_good(house: House, bus_of_ingress: Bus) -> None:
    invoice_id = new_id("inv_")
    delivery = await house.settled(await accepted(house, invoice(invoice_id)))
    with pytest.raises(RemoteProblem) as refusal:  # More may come of today.
        await house.send("forget-payloads", payload_key=delivery["payload_key"])
    assert refusal.value.document["code"] == "ingress.payloads-still-open"

    yesterday = delivery_of_yesterday(invoice_id)
    await bus_of_ingress.send_raw("ingress.open-payloads", yesterday["opening"], caller=SERVICE)
    await bus_of_ingress.send_raw("ingress.receive-delivery", yesterday["delivery"], caller=SERVICE)
    old_id = yesterday["delivery"]["delivery_id"]
    before = await house.settled(old_id)
    assert before["body"] is not None
    forget = {"payload_key": yesterday["opening"]["payload_key"]}
    assert (await house.send("forget-payloads", **forget))["is_forgotten"]
    assert (await house.send("forget-payloads", **forget))["is_forgotten"]
    await eventually(lambda: has_no_body(house, old_id))
    about = {"inbox_id": yesterday["delivery"]["inbox_id"], "delivery_id": old_id}
    with pytest.raises(RemoteProblem) as refusal:
        await house.send("replay-delivery", **about)
    assert refusal.value.document["code"] == "ingress.payload-forgotten"
    with pytest.raises(RemoteProblem) as refusal:
        await house.bus.send(ForgetPayloads(payload_key="payloads_of_nobody"), caller=ADMIN)
    assert refusal.value.document["code"] == "ingress.payloads-unknown"


SERVICE = Caller("svc_ingress", ("service",))


def delivery_of_yesterday(invoice_id: str) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(days=2)
    key = f"payloads_partner_main_{new_id()}"[:60]
    body = json.dumps(invoice(invoice_id))
    delivery = {
        "delivery_id": new_id("dlv_"),
        "inbox_id": new_id("inb_"),
        "partner": "partner",
        "endpoint": "main",
        "profile": "standard",
        "provider_id": "msg_1",
        "digest": new_id(),
        "event_type": "invoice.updated",
        "sent_at": at.isoformat(),
        "received_at": datetime.now(UTC).isoformat(),
        "secret_number": 1,
        "content_type": "",
        "body": body,
        "body_bytes": len(body),
        "payload_key": key,
        "trace_id": "",
    }
    opening = {
        "payload_key": key,
        "partner": "partner",
        "endpoint": "main",
        "day_ends_at": (at + timedelta(days=1)).isoformat(),
        "until": (at + timedelta(days=30)).isoformat(),
    }
    return {"delivery": delivery, "opening": opening}


async def has_no_body(house: House, delivery_id: str) -> bool:
    return (await house.ask("get-delivery", delivery_id=delivery_id))["body"] is None


# ---------------------------------------------------------------------------------- traces


async def test_is_one_trace_from_the_request_to_the_change(
    collector: Collector, house: House
) -> None:
    delivery_id = await accepted(house, invoice(new_id("inv_")))
    delivery = await house.settled(delivery_id)
    spans = await asyncio.to_thread(
        collector.trace_with, "POST /hooks/partner/main", "react deliveries", "commit object"
    )
    assert_one_tree(spans)
    assert delivery["trace_id"] in {span.trace_id for span in spans}
