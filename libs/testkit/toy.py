"""A raffle: what the tests of the platform are about, so that they need no real service.

One guest, one ticket; a raffle that is closed gives none. Beyond that it has what a platform must
cope with: a command whose arguments are looked up first, an answer that is completed afterwards,
and deciders with bugs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from libs.kernel.decider import Decider, members
from libs.kernel.errors import NotFound, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Origin, View, command, event, view

RaffleId = Id
GuestId = Id
TicketId = Id


class RaffleNotOpen(Rejected):
    code = "toy.raffle-not-open"
    title = "This raffle is not open."


class RaffleUnknown(NotFound):
    code = "toy.raffle-unknown"
    title = "There never was such a raffle."


@view
class RaffleReceipt(View):
    """What a raffle became."""

    raffle_id: RaffleId
    is_open: bool
    position: int = 0


@view
class TicketReceipt(View):
    """A ticket. `repeated` tells that the guest had it before this command."""

    ticket_id: TicketId
    number: int
    repeated: bool
    position: int = 0


@command("toy.open-raffle", key="raffle_id", access=Access.PUBLIC)
class OpenRaffle(Command[RaffleReceipt]):
    """Let guests draw tickets."""

    raffle_id: RaffleId


@command(
    "toy.close-raffle",
    key="raffle_id",
    access=Access.MODERATOR,
    rejections=(RaffleNotOpen, RaffleUnknown),
)
class CloseRaffle(Command[RaffleReceipt]):
    """Give no more tickets."""

    raffle_id: RaffleId


@command("toy.draw-ticket", key="raffle_id", access=Access.SIGNED_IN, rejections=(RaffleNotOpen,))
class DrawTicket(Command[TicketReceipt]):
    """Draw a ticket; the one drawn before when there is one."""

    raffle_id: RaffleId


@command("toy.draw-by-name", key="raffle_id", access=Access.SIGNED_IN)
class DrawByName(Command[TicketReceipt]):
    """Draw a ticket of a raffle one knows by its name: a resolver looks it up."""

    raffle_id: RaffleId
    name: str


class Place(StrEnum):
    DECIDE = "decide"
    EVOLVE = "evolve"
    ANSWER = "answer"
    ENCODE = "encode"


@command("toy.break-raffle", key="raffle_id", access=Access.PUBLIC)
class BreakRaffle(Command[RaffleReceipt]):
    """Run into a bug of the decider."""

    raffle_id: RaffleId
    place: Place


@event("toy.raffle_opened")
class RaffleOpened(Event):
    """Guests may draw tickets."""

    raffle_id: RaffleId


@event("toy.raffle_closed")
class RaffleClosed(Event):
    """No more tickets."""

    raffle_id: RaffleId


@event("toy.ticket_drawn")
class TicketDrawn(Event):
    """A guest has a ticket, the `number`-th of the raffle."""

    raffle_id: RaffleId
    guest_id: GuestId
    ticket_id: TicketId
    number: int


@event("toy.raffle_broken")
class RaffleBroken(Event):
    """What a buggy decider records."""

    raffle_id: RaffleId
    place: Place
    junk: object = None


type RaffleCommand = OpenRaffle | CloseRaffle | DrawTicket | BreakRaffle
type RaffleEvent = RaffleOpened | RaffleClosed | TicketDrawn | RaffleBroken


@dataclass(slots=True)
class Raffle:
    """The state."""

    is_known: bool = False
    is_open: bool = False
    tickets: dict[str, tuple[str, int]] = field(default_factory=dict)  # guest -> ticket, number


def decide(command: RaffleCommand, raffle: Raffle, origin: Origin) -> Sequence[RaffleEvent]:
    """The rules."""
    raffle_id = command.raffle_id
    match command:
        case OpenRaffle():
            return [] if raffle.is_open else [RaffleOpened(raffle_id=raffle_id)]
        case CloseRaffle():
            if not raffle.is_known:
                raise RaffleUnknown
            if not raffle.is_open:
                raise RaffleNotOpen
            return [RaffleClosed(raffle_id=raffle_id)]
        case DrawTicket():
            if not raffle.is_open:
                raise RaffleNotOpen
            if origin.actor in raffle.tickets:
                return []
            return [
                TicketDrawn(
                    raffle_id=raffle_id,
                    guest_id=origin.actor,
                    ticket_id=origin.command_id,
                    number=len(raffle.tickets) + 1,
                )
            ]
        case BreakRaffle(place=Place.DECIDE):
            raise RuntimeError("a bug in decide")
        case BreakRaffle(place=place):
            junk = object() if place is Place.ENCODE else None
            return [RaffleBroken(raffle_id=raffle_id, place=place, junk=junk)]
        case _:
            assert_never(command)


def evolve(raffle: Raffle, event: RaffleEvent) -> Raffle:
    """What a fact does to a raffle."""
    match event:
        case RaffleOpened():
            raffle.is_known = raffle.is_open = True
        case RaffleClosed():
            raffle.is_open = False
        case TicketDrawn():
            raffle.tickets[event.guest_id] = (event.ticket_id, event.number)
        case RaffleBroken(place=place):
            raffle.tickets.clear()
            if place is Place.EVOLVE:
                raise RuntimeError("a bug in evolve")
        case _:
            assert_never(event)
    return raffle


def answer(
    command: RaffleCommand, events: Sequence[RaffleEvent], raffle: Raffle, origin: Origin
) -> RaffleReceipt | TicketReceipt:
    """What the caller is told."""
    match command:
        case OpenRaffle(raffle_id=raffle_id):
            return RaffleReceipt(raffle_id=raffle_id, is_open=True)
        case CloseRaffle(raffle_id=raffle_id):
            return RaffleReceipt(raffle_id=raffle_id, is_open=False)
        case DrawTicket():
            for drawn in events:
                if isinstance(drawn, TicketDrawn):
                    return TicketReceipt(
                        ticket_id=drawn.ticket_id, number=drawn.number, repeated=False
                    )
            ticket_id, number = raffle.tickets[origin.actor]
            return TicketReceipt(
                ticket_id=ticket_id, number=number, repeated=ticket_id != origin.command_id
            )
        case BreakRaffle(raffle_id=raffle_id, place=place):
            if place is Place.ANSWER:
                raise RuntimeError("a bug in answer")
            return RaffleReceipt(raffle_id=raffle_id, is_open=raffle.is_open)
        case _:
            assert_never(command)


RAFFLE: Decider[RaffleCommand, RaffleEvent, Raffle] = Decider(
    aggregate="raffle",
    commands=members(RaffleCommand),
    events=members(RaffleEvent),
    state=Raffle,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
