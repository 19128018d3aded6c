"""Tickets: good for their step, for a while, as they were made."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.auth_mail import ProofRefused
from contracts.auth_sessions import ConfirmationNeeded
from services.auth.adapters.digests import Digests
from services.auth.adapters.tickets import LIFETIME, Step, Ticket, Tickets

NOW = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
TICKET = Ticket("challenge", "ann", {"state": "secret"})


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(Digests("a secret"), clock)


def test_gives_back_what_was_sealed(tickets: Tickets) -> None:
    sealed = tickets.seal(Step.WALLET, TICKET)
    assert "secret" not in sealed
    assert tickets.open(Step.WALLET, sealed) == TICKET


def test_is_good_for_one_step_alone(tickets: Tickets) -> None:
    sealed = tickets.seal(Step.WALLET, TICKET)
    for step in Step:
        if step is not Step.WALLET:
            with pytest.raises(ProofRefused):
                tickets.open(step, sealed)


def test_ends(tickets: Tickets, clock: Clock) -> None:
    sealed, sure = tickets.seal(Step.WALLET, TICKET), tickets.confirmation("ann")
    clock.now += LIFETIME - timedelta(seconds=1)
    assert tickets.open(Step.WALLET, sealed) == TICKET
    tickets.confirmed("ann", sure)
    clock.now += timedelta(seconds=1)
    with pytest.raises(ProofRefused):
        tickets.open(Step.WALLET, sealed)
    with pytest.raises(ConfirmationNeeded):
        tickets.confirmed("ann", sure)


def test_is_refused_when_a_letter_of_it_is_another(tickets: Tickets) -> None:
    sealed = tickets.seal(Step.WALLET, TICKET)
    for place in range(len(sealed)):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(ProofRefused):
            tickets.open(Step.WALLET, sealed[:place] + other + sealed[place + 1 :])


@pytest.mark.parametrize("nonsense", ["", "a", "ä", "AAAA", "=" * 40, "A" * 4000])
def test_is_refused_when_it_is_none(tickets: Tickets, nonsense: str) -> None:
    with pytest.raises(ProofRefused):
        tickets.open(Step.WALLET, nonsense)


def test_is_refused_by_another_installation(tickets: Tickets, clock: Clock) -> None:
    other = Tickets(Digests("another secret"), clock)
    with pytest.raises(ProofRefused):
        other.open(Step.WALLET, tickets.seal(Step.WALLET, TICKET))
