"""Ingress on the real servers: from a partner's request to what administrators see."""

import pytest

from libs.kernel.ids import new_id
from services.ingress.conftest import House

pytestmark = pytest.mark.connected


async def test_shows_a_delivery_and_what_came_of_it_when_it_was_accepted(house: House) -> None:
    invoice = new_id("inv_")
    body = {"type": "invoice.paid", "timestamp": "2026-11-20T20:00:00Z", "data": {"id": invoice}}
    answer = await house.deliver(body)
    assert answer.status_code == 202, answer.text
    delivery = await house.settled(answer.headers["backline-delivery"])
    assert delivery["event_type"] == "invoice.paid"
    assert delivery["secret_number"] == 1
    assert invoice in delivery["body"]
    assert [each["outcome"] for each in delivery["attempts"]] == ["processed"]
