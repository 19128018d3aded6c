"""The payloads of one day at one endpoint: encrypted with one key, which has its end.

Stream      evt.ingress.payloads.{payload_key}
Invariant   what is forgotten is not opened again
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.ingress import PayloadsForgotten, PayloadsOpened, PayloadsReceipt
from contracts.ingress_private import OpenPayloads, RecordForgotten
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

type PayloadsCommand = OpenPayloads | RecordForgotten
type PayloadsEvent = PayloadsOpened | PayloadsForgotten


@dataclass(slots=True)
class Payloads:
    """The state."""

    is_open: bool = False
    is_forgotten: bool = False


def decide(
    command: PayloadsCommand, payloads: Payloads, _origin: Origin
) -> Sequence[PayloadsEvent]:
    """The rules: each happens once."""
    match command:
        case OpenPayloads():
            return [] if payloads.is_open else [PayloadsOpened(**vars(command))]
        case RecordForgotten(payload_key=payload_key):
            return [] if payloads.is_forgotten else [PayloadsForgotten(payload_key=payload_key)]
        case _:
            assert_never(command)


def evolve(payloads: Payloads, event: PayloadsEvent) -> Payloads:
    """What a fact does to them."""
    match event:
        case PayloadsOpened():
            payloads.is_open = True
        case PayloadsForgotten():
            payloads.is_forgotten = True
        case _:
            assert_never(event)
    return payloads


def answer(
    command: PayloadsCommand,
    _events: Sequence[PayloadsEvent],
    payloads: Payloads,
    _origin: Origin,
) -> PayloadsReceipt:
    """Whether they can still be read."""
    return PayloadsReceipt(payload_key=command.payload_key, is_forgotten=payloads.is_forgotten)


PAYLOADS = Decider(
    aggregate="payloads",
    commands=members(PayloadsCommand),
    events=members(PayloadsEvent),
    state=Payloads,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
