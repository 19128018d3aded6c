"""A service with one job: stamp a card. `python -m tests.chaos.jobs.stamps owner|worker`.

A card that is stamped twice shows it: only the id of the command keeps that from happening. The
job takes its time, so that it is killed in the middle.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from contracts import all as contracts
from libs.chassis.connections import connect_nats
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.eventlog import JetStreamLog
from libs.jobs import Job, JobContext, Policy, Worker
from libs.kernel.decider import Decider
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Origin, View, command, event, message, view
from libs.owner import Owner

SERVICE = "toy"
JOB = "toy.stamp-card"
POLICY = Policy(
    attempts_max=1000, first_pause_seconds=0.2, pause_seconds_max=1.0, timeout_seconds=20
)


@view
class Stamped(View):
    """How often a card was stamped."""

    stamps: int
    position: int = 0


@command("toy.stamp", key="card_id", access=Access.SERVICE)
class Stamp(Command[Stamped]):
    """Stamp a card."""

    card_id: Id


@event("toy.card_stamped")
class CardStamped(Event):
    """A card was stamped, for the `stamps`-th time."""

    card_id: Id
    stamps: int


@dataclass(slots=True)
class Card:
    """The state."""

    stamps: int = 0


def decide(command: Stamp, card: Card, _origin: Origin) -> Sequence[CardStamped]:
    """Whoever asks gets a stamp."""
    return [CardStamped(card_id=command.card_id, stamps=card.stamps + 1)]


def evolve(card: Card, event: CardStamped) -> Card:
    """One more."""
    card.stamps = event.stamps
    return card


def answer(_command: Stamp, events: Sequence[CardStamped], _card: Card, _: Origin) -> Stamped:
    """How often, by then."""
    return Stamped(stamps=events[0].stamps)


CARD = Decider(
    aggregate="card",
    commands=(Stamp,),
    events=(CardStamped,),
    state=Card,
    decide=decide,
    evolve=evolve,
    answer=answer,
)


@message
class StampCard:
    """What the job is told."""

    seconds: Annotated[float, Field(ge=0, le=10)] = 0.0


async def stamp_card(arguments: StampCard, context: JobContext) -> None:
    """Stamp the card of this run, in the middle of its time."""
    await asyncio.sleep(arguments.seconds / 2)
    await context.send(Stamp(card_id=context.run_id), key="stamp")
    await asyncio.sleep(arguments.seconds / 2)


async def main(part: str) -> None:
    """Run one part until killed."""
    contracts.load()
    settings = ProcessSettings.load()
    client = await connect_nats(SERVICE, settings, Secrets(settings.secrets), _on_broken)
    if part == "owner":
        owner = Owner(
            service=SERVICE,
            client=client,
            log=await JetStreamLog.open(client, SERVICE),
            deciders=[CARD],
        )
        await owner.run(lambda: None)
    else:
        job = Job(JOB, StampCard, stamp_card, POLICY)
        await Worker(service=SERVICE, jobs=[job], client=client).run(lambda: None)


def _on_broken(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
