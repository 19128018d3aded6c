"""Upcasters: what turns an event as it was recorded long ago into the shape it has today.

The domain knows only the newest shape. When an event gets a new schema version, its contract says
beside it how the old one is read:

    @upcaster("voting.vote_cast.v1", to="voting.vote_cast.v2")
    def with_weight(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "weight": 1}

Steps are taken one after the other: v1 becomes v2, then v2 becomes v3.
"""

from collections.abc import Callable
from typing import Any

Data = dict[str, Any]
"""The data of an event, as JSON values."""

Upcaster = Callable[[Data], tuple[str, Data]]
"""The data of an old event type -> (the next type, its data)."""

upcasters: dict[str, Upcaster] = {}
"""By old event type."""


def upcaster(old: str, *, to: str) -> Callable[[Callable[[Data], Data]], Callable[[Data], Data]]:
    """Register how the data of an old event type becomes that of the next one."""

    def decorate(step: Callable[[Data], Data]) -> Callable[[Data], Data]:
        if old in upcasters:
            raise ValueError(f"{old} has two upcasters")
        upcasters[old] = lambda data: (to, step(data))
        return step

    return decorate


def upcast(event_type: str, data: Data) -> tuple[str, Data]:
    """The newest type and data of a recorded event; the same when it is of today."""
    while event_type in upcasters:
        event_type, data = upcasters[event_type](data)
    return event_type, data
