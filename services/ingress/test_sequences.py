"""Recorded sequences, in any order and with any copies, end in the same state.

Everything but the wire is real: signatures, acceptance, the deciders, the process manager between
them. `test_app.py` does the same once, over the wire.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ingress import DeliveryProcessed, PartnerChange
from contracts.ingress_private import ApplyChange, ProcessInbox
from libs.testkit.spec import ORIGIN
from services.ingress.adapters.acceptance import command_of
from services.ingress.adapters.endpoints import read_endpoints
from services.ingress.adapters.signatures import verify
from services.ingress.conftest import (
    DATA,
    ENDPOINTS,
    needs_data,
    signed,
    signed_by_luma,
    signed_by_meta,
)
from services.ingress.domain import INBOX, OBJECT
from services.ingress.process_managers import tell_changes

NOW = 1_777_629_600
POLAR_SECRET = "whsec_9vJ4mKq2Yx7sT1nB8cR5dF0gH3jL6pZw"
KNOWN = read_endpoints(
    json.dumps(ENDPOINTS | {"polar/main": {"profile": "polar", "secrets": [POLAR_SECRET]}})
)


@dataclass(frozen=True)
class Sent:
    """A delivery as it was sent, at a moment (seconds)."""

    path: tuple[str, str]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: int


def polar(name: str) -> Iterator[Sent]:
    for each in json.loads((DATA / f"polar/open/{name}.json").read_text())["deliveries"]:
        headers = tuple(each["headers"].items())
        yield Sent(("polar", "main"), headers, each["body"].encode(), each["now"])


def clerk() -> Iterator[Sent]:
    for number, path in enumerate(sorted(DATA.glob("clerk/open/*.*.json"))):
        body = path.read_bytes()
        headers = signed(body, delivery=f"msg_{number}", timestamp=NOW + number)
        renamed = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
        yield Sent(("clerk", "main"), tuple(renamed.items()), body, NOW + number)


def luma() -> Iterator[Sent]:
    names = ("event.created", "event.updated", "guest.registered", "calendar.event.added")
    for number, name in enumerate(names):
        body = (DATA / f"luma/open/webhook_{name}.synth.json").read_bytes()
        at = NOW + number // 2  # The first two within one second.
        headers = tuple(signed_by_luma(body, at).items())
        yield Sent(("luma", "main"), headers, body, at)


def instagram() -> Iterator[Sent]:
    for path in sorted(DATA.glob("instagram/open/*.json")):
        if not path.name.startswith(("signature", "verification")):
            body = path.read_bytes()
            yield Sent(("meta", "page"), tuple(signed_by_meta(body).items()), body, NOW)
    # A message that is unsent, and then arrives.
    for body in (
        (DATA / "instagram/open/message_unsend.json").read_bytes(),
        (DATA / "instagram/open/message_text.json")
        .read_bytes()
        .replace(b"message-id-1", b"message-id-to-delete"),
    ):
        yield Sent(("meta", "page"), tuple(signed_by_meta(body).items()), body, NOW)


SEQUENCES = {
    "polar-renewal": lambda: polar("seq_renewal"),
    "polar-out-of-order": lambda: polar("seq_subscription_created_out_of_order"),
    "polar-singles": lambda: polar("singles"),
    "clerk": clerk,
    "luma": luma,
    "instagram": instagram,
}


@cache
def sequence(name: str) -> tuple[Sent, ...]:
    return tuple(SEQUENCES[name]())


def final_state(deliveries: Sequence[Sent]) -> dict[str, PartnerChange]:
    """What is known of every object after these deliveries."""
    inboxes: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    for sent in deliveries:
        endpoint = KNOWN[sent.path]
        now = datetime.fromtimestamp(sent.at, UTC)
        headers = {name.lower().encode(): value.encode() for name, value in sent.headers}
        verified = verify(endpoint, headers, sent.body, now=now, tolerance_seconds=300)
        receive = command_of(endpoint, headers, sent.body, verified, now)
        inbox = inboxes.setdefault(receive.inbox_id, INBOX.state())
        for command in (receive, ProcessInbox(inbox_id=receive.inbox_id)):
            for event in INBOX.decide(command, inbox, ORIGIN):
                INBOX.evolve(inbox, event)
                if isinstance(event, DeliveryProcessed):
                    for change in changes_told(event):
                        known = objects.setdefault(change.object_id, OBJECT.state())
                        for changed in OBJECT.decide(change, known, ORIGIN):
                            OBJECT.evolve(known, changed)
    return {object_id: known.change for object_id, known in objects.items()}


def changes_told(event: DeliveryProcessed) -> Iterator[ApplyChange]:
    for reaction in tell_changes(event):
        assert isinstance(reaction.command, ApplyChange)
        yield reaction.command


@needs_data
@pytest.mark.parametrize("name", SEQUENCES)
@given(choice=st.data())
def test_ends_in_the_same_state_in_any_order_and_with_any_copies(
    name: str, choice: st.DataObject
) -> None:
    deliveries = sequence(name)
    copies = choice.draw(st.lists(st.sampled_from(deliveries), max_size=len(deliveries)))
    shuffled = choice.draw(st.permutations([*deliveries, *copies]))
    assert final_state(shuffled) == final_state(deliveries)


@needs_data
def test_knows_what_polar_meant_when_its_deliveries_overtook_each_other() -> None:
    (state,) = final_state(sequence("polar-out-of-order")).values()
    assert (state.kind, state.status) == ("subscription", "active")
    assert state.stamped_at.microsecond == 839710  # The newest, whatever it is called.


@needs_data
def test_knows_a_renewal_by_its_order_that_was_paid() -> None:
    states = {each.kind: each for each in final_state(sequence("polar-renewal")).values()}
    assert states["order"].status == "paid"
    assert states["subscription"].status == "active"
    assert states["order"].facts["subscription_id"] == states["subscription"].partner_id


@needs_data
def test_does_not_bring_back_a_message_that_was_unsent() -> None:
    states = {each.partner_id: each for each in final_state(sequence("instagram")).values()}
    assert states["message-id-to-delete"].is_deleted
    assert not states["message-id-1"].is_deleted


@needs_data
def test_keeps_the_update_of_an_event_that_was_made_within_the_same_second() -> None:
    states = final_state(sequence("luma")).values()
    assert {each.rank for each in states if each.kind == "event"} == {1}
