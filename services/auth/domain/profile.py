"""Profiles: what users say of themselves, and the usernames they have.

Invariants  a username belongs to one user, and so does everything that looks like it; one that is
            given up rests with whoever had it, so that nobody is taken for them; whoever is not
            known by an address has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contracts.auth import ActorSuspended, UserKind
from contracts.auth_accounts import NameClaimed, NameReleased, NoAccount
from contracts.auth_profile import (
    AccountUnconfirmed,
    ProfileChanged,
    UsernameChosen,
    UsernameFreed,
    UsernameRetired,
    UsernamesChangedTooOften,
    UsernameTaken,
)
from contracts.auth_profile_private import FreeUsername, SetProfile
from libs.kernel.messages import Event, Origin
from services.auth.domain.state import User

type ProfileCommand = SetProfile | FreeUsername
type ProfileEvent = ProfileChanged | UsernameChosen | UsernameRetired | UsernameFreed

USERNAMES_AT_REST_MAX: Final = 3
"""Each is a name that others cannot have."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long an installation waits.

    username_rests  from the day a username is given up until somebody else may have it
    grace           from the day somebody leaves until they are erased
    """

    username_rests: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(days=30)


def names_of_profile(command: object) -> Sequence[str]:
    """The usernames a command is about, by their digests."""
    match command:
        case SetProfile(username_name=str() as name) | FreeUsername(name=name):
            return [name]
        case _:
            return []


# ---------------------------------------------------------------------------------- deciding


def decide_profile(
    terms: Terms, command: ProfileCommand, user: User, origin: Origin
) -> Sequence[Event]:
    """The rules. raises the rejections of `contracts.auth_profile`"""
    match command:
        case SetProfile():
            if user.kind is None or user.is_erased or user.erased_at is not None:
                raise NoAccount
            if origin.is_suspended:
                raise ActorSuspended
            return [
                *_set_profile(command, user),
                *_set_username(terms, command, user, origin),
            ]
        case FreeUsername(name=name, due_at=due_at):
            if user.resting.get(name) != due_at:
                return []  # They have taken it back, or given it up once more.
            return [
                UsernameFreed(user_id=user.user_id, name=name),
                NameReleased(name=name, holder=user.user_id),
            ]


def _set_profile(command: SetProfile, user: User) -> Sequence[Event]:
    present = ProfileChanged(
        user_id=user.user_id,
        display_name=user.display_name,
        bio=user.profile.bio,
        avatar=user.profile.avatar,
        links=user.profile.links,
        metadata=user.profile.metadata,
    )
    said = ProfileChanged(
        user_id=user.user_id,
        display_name=_or(command.display_name, present.display_name) or None,
        bio=_or(command.bio, present.bio),
        avatar=_or(command.avatar, present.avatar),
        links=_or(command.links, present.links),
        metadata=_or(command.metadata, present.metadata),
    )
    return [] if said == present else [said]


def _or[T](given: T | None, present: T) -> T:
    return present if given is None else given


def _set_username(terms: Terms, command: SetProfile, user: User, origin: Origin) -> Sequence[Event]:
    username, name = command.username, command.username_name
    if username is None or username == (user.username or ""):
        return []
    if name is None:
        return retired_username(terms, user, origin)
    if user.kind is not UserKind.NAMED:
        raise NoAccount
    if user.email is not None and not user.email_verified:
        raise AccountUnconfirmed
    chosen = UsernameChosen(user_id=user.user_id, username=username, name=name)
    if name == user.username_name:
        return [chosen]  # The same name, written in another way.
    holder = origin.holders[name]
    if holder not in {None, user.user_id}:
        raise UsernameTaken
    if len(user.resting.keys() - {name}) >= USERNAMES_AT_REST_MAX:
        raise UsernamesChangedTooOften
    claimed = [] if holder else [NameClaimed(name=name, holder=user.user_id)]
    return [*retired_username(terms, user, origin), chosen, *claimed]


def retired_username(terms: Terms, user: User, origin: Origin) -> Sequence[Event]:
    """What becomes of the username of somebody who gives it up, if they have one."""
    if user.username_name is None:
        return []
    free_at = origin.at + terms.username_rests
    return [UsernameRetired(user_id=user.user_id, name=user.username_name, free_at=free_at)]


# ---------------------------------------------------------------------------------- evolving


def evolve_profile(user: User, event: ProfileEvent) -> User:
    """What a fact does to a user."""
    match event:
        case ProfileChanged():
            user.display_name = event.display_name
            user.profile.bio, user.profile.avatar = event.bio or "", event.avatar or ""
            user.profile.links, user.profile.metadata = event.links or [], event.metadata or {}
        case UsernameChosen(name=name):
            user.username, user.username_name = event.username, name
            user.resting.pop(name, None)
        case UsernameRetired(name=name):
            user.username = user.username_name = None
            user.resting[name] = event.free_at
        case UsernameFreed(name=name):
            user.resting.pop(name, None)
    return user
