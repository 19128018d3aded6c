"""Change notices: numbered, bounded, and never in the way of the projection."""

from typing import Any

import orjson
import pytest

from libs.readmodel import notices
from libs.readmodel.notices import KEYS_MAX, Notices


class Wire:
    """Keeps what was sent; breaks when told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.subjects: set[str] = set()
        self.is_broken = False

    async def publish(self, subject: str, payload: bytes) -> None:
        if self.is_broken:
            raise ConnectionError("the wire is cut")
        self.subjects.add(subject)
        self.sent.append(orjson.loads(payload))


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_numbers_what_it_tells(wire: Wire) -> None:
    told = Notices(wire.publish, "voting", "tally", "epoch 1")
    await told.tell(7, {"tally.shw_1": 7, "ballots": 6}, "00-aa-bb-01")
    await told.tell(7, {})
    publisher = wire.sent[0]["publisher"]
    assert wire.subjects == {"chg.voting.tally"}
    assert wire.sent == [
        {
            "n": 1,
            "publisher": publisher,
            "epoch": "epoch 1",
            "position": 7,
            "keys": {"tally.shw_1": 7, "ballots": 6},
            "traceparent": "00-aa-bb-01",
        },
        {"n": 2, "publisher": publisher, "epoch": "epoch 1", "position": 7, "keys": {}},
    ]


async def test_tells_many_keys_in_several_notices(wire: Wire) -> None:
    keys = {f"voter.shw_1.usr_{number:022}": number for number in range(2 * KEYS_MAX + 1)}
    await Notices(wire.publish, "voting", "votes", "epoch 1").tell(9, keys)
    assert [len(notice["keys"]) for notice in wire.sent] == [KEYS_MAX, KEYS_MAX, 1]
    assert [notice["n"] for notice in wire.sent] == [1, 2, 3]
    assert {notice["position"] for notice in wire.sent} == {9}
    assert len(orjson.dumps(wire.sent[0])) < 500_000
    told: dict[str, int] = {}
    for notice in wire.sent:
        told |= notice["keys"]
    assert told == keys


async def test_leaves_a_hole_in_the_numbers_when_one_cannot_be_sent(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    told = Notices(wire.publish, "voting", "tally", "epoch 1")
    await told.tell(1, {"a": 1})
    wire.is_broken = True
    await told.tell(2, {"a": 2})
    wire.is_broken = False
    await told.tell(3, {"a": 3})
    assert [notice["n"] for notice in wire.sent] == [1, 3]
    assert "A change notice was not sent." in caplog.messages


async def test_every_beginning_is_another_publisher(wire: Wire) -> None:
    for _ in range(2):
        await notices.Notices(wire.publish, "voting", "tally", "epoch 1").tell(1, {})
    assert wire.sent[0]["publisher"] != wire.sent[1]["publisher"]
    assert [notice["n"] for notice in wire.sent] == [1, 1]
