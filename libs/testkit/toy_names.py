"""Players with names that nobody else may have: what the tests of claims are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from libs.kernel.claims import Claims, NameEvent
from libs.kernel.decider import Decider, members
from libs.kernel.errors import Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Origin, View, command, event, view


class NameTaken(Rejected):
    code = "toy.name-taken"
    title = "Somebody else has this name."


@view
class PlayerReceipt(View):
    """What a player is called."""

    player_id: Id
    name: str | None
    position: int = 0


@command("toy.name-player", key="player_id", access=Access.PUBLIC, rejections=(NameTaken,))
class NamePlayer(Command[PlayerReceipt]):
    """Take a name, and give back the one before."""

    player_id: Id
    name: Id


@command("toy.retire-player", key="player_id", access=Access.PUBLIC)
class RetirePlayer(Command[PlayerReceipt]):
    """Give the name back."""

    player_id: Id


@event("toy.player_named")
class PlayerNamed(Event):
    """A player is called something."""

    player_id: Id
    name: Id


@event("toy.player_retired")
class PlayerRetired(Event):
    """A player is called nothing any more."""

    player_id: Id


@event("toy.badge_taken")
class BadgeTaken(NameEvent):
    """A name has a holder."""

    name: Id
    holder: Id


@event("toy.badge_released")
class BadgeReleased(NameEvent):
    """A name has none."""

    name: Id
    holder: Id


type PlayerCommand = NamePlayer | RetirePlayer
type PlayerEvent = PlayerNamed | PlayerRetired


@dataclass(slots=True)
class Player:
    """The state."""

    name: str | None = None


def decide(
    command: PlayerCommand, player: Player, origin: Origin
) -> Sequence[PlayerEvent | NameEvent]:
    """The rules. raises NameTaken"""
    player_id = command.player_id
    match command:
        case NamePlayer(name=name):
            if origin.holders[name] not in {None, player_id}:
                raise NameTaken
            if player.name == name:
                return []
            return [
                PlayerNamed(player_id=player_id, name=name),
                *_released(player_id, player),
                BadgeTaken(name=name, holder=player_id),
            ]
        case RetirePlayer():
            if player.name is None:
                return []
            return [PlayerRetired(player_id=player_id), *_released(player_id, player)]
        case _:
            assert_never(command)


def _released(player_id: str, player: Player) -> Sequence[NameEvent]:
    return [] if player.name is None else [BadgeReleased(name=player.name, holder=player_id)]


def evolve(player: Player, event: PlayerEvent) -> Player:
    """What a fact does to a player."""
    player.name = event.name if isinstance(event, PlayerNamed) else None
    return player


def answer(
    command: PlayerCommand, events: Sequence[PlayerEvent], player: Player, origin: Origin
) -> PlayerReceipt:
    """What the caller is told."""
    del events, origin
    return PlayerReceipt(player_id=command.player_id, name=player.name)


def names(command: PlayerCommand, player: Player) -> Sequence[str]:
    """The name wanted, and the one there is."""
    wanted = [command.name] if isinstance(command, NamePlayer) else []
    return [*wanted, *([] if player.name is None else [player.name])]


PLAYER: Decider[PlayerCommand, PlayerEvent, Player] = Decider(
    aggregate="player",
    commands=members(PlayerCommand),
    events=members(PlayerEvent),
    state=Player,
    decide=decide,
    evolve=evolve,
    answer=answer,
    claims=Claims(names, BadgeTaken),
)
