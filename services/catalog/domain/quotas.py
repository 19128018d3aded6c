"""Quotas: how often a partner may be asked in a day, counted for all workers together.

Stream      evt.catalog.quota.{partner}
Invariants  of a day no more requests are given than there are; none while the partner says no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import assert_never

from contracts.catalog_syncs import (
    CloseQuota,
    QuotaClosed,
    QuotaReceipt,
    QuotaSpent,
    QuotaTaken,
    TakeQuota,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

type QuotaCommand = TakeQuota | CloseQuota
type QuotaEvent = QuotaTaken | QuotaClosed

_MIDNIGHT = datetime.min.time()


@dataclass(slots=True)
class Quota:
    """The state. `take_id` is the command that took the last ones."""

    day: date | None = None
    granted: int = 0
    taken: int = 0
    take_id: str = ""
    closed_until: datetime | None = None


def decide(command: QuotaCommand, quota: Quota, origin: Origin) -> Sequence[QuotaEvent]:
    """The rules. raises QuotaSpent"""
    match command:
        case CloseQuota(partner=partner, until=until):
            if quota.closed_until is not None and until <= quota.closed_until:
                return []
            return [QuotaClosed(partner=partner, until=until)]
        case TakeQuota():
            return _take(command, quota, origin)
        case _:
            assert_never(command)


def _take(command: TakeQuota, quota: Quota, origin: Origin) -> Sequence[QuotaEvent]:
    if origin.command_id == quota.take_id:
        return []  # A retry: it has been given.
    if quota.closed_until is not None and origin.at < quota.closed_until:
        raise QuotaSpent(
            f"{command.partner} takes no more until {quota.closed_until:%Y-%m-%d %H:%M} UTC",
            retry_after_seconds=(quota.closed_until - origin.at).total_seconds(),
        )
    # A clock that is behind does not get yesterday back.
    day = command.day if quota.day is None else max(command.day, quota.day)
    taken = quota.taken if day == quota.day else 0
    granted = min(command.requests, command.limit - taken)
    if granted <= 0:
        next_day = datetime.combine(day + timedelta(days=1), _MIDNIGHT, UTC)
        raise QuotaSpent(
            f"{command.limit} of {command.partner} on {day}",
            retry_after_seconds=max(1.0, (next_day - origin.at).total_seconds()),
        )
    return [
        QuotaTaken(
            partner=command.partner,
            day=day,
            granted=granted,
            taken=taken + granted,
            limit=command.limit,
            take_id=origin.command_id,
        )
    ]


def evolve(quota: Quota, event: QuotaEvent) -> Quota:
    """What a fact does to a quota."""
    match event:
        case QuotaTaken():
            quota.day, quota.granted, quota.taken = event.day, event.granted, event.taken
            quota.take_id = event.take_id
        case QuotaClosed(until=until):
            quota.closed_until = until
        case _:
            assert_never(event)
    return quota


def answer(
    command: QuotaCommand, events: Sequence[QuotaEvent], quota: Quota, _origin: Origin
) -> QuotaReceipt:
    """What the caller is told: how many they may use."""
    match command, events:
        case TakeQuota(partner=partner), [QuotaTaken(granted=granted, taken=taken)]:
            return QuotaReceipt(partner=partner, granted=granted, taken=taken)
        case TakeQuota(partner=partner), _:
            return QuotaReceipt(partner=partner, granted=quota.granted, taken=quota.taken)
        case _:
            return QuotaReceipt(partner=command.partner, granted=0, taken=quota.taken)


QUOTA = Decider(
    aggregate="quota",
    commands=members(QuotaCommand),
    events=members(QuotaEvent),
    state=Quota,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
