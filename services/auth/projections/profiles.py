"""What users say of themselves."""

from collections.abc import Sequence
from typing import Any, Final

from contracts.auth import GuestRegistered, UserRegistered
from contracts.auth_accounts import AccountOpened, UserErased
from contracts.auth_profile import (
    ProfileChanged,
    UserLeft,
    UsernameChosen,
    UsernameRetired,
    UserReturned,
)
from contracts.auth_standing import UserBanned, UserUnbanned
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel import Write
from services.auth.projections.writing import change, setting, user_of

type ProfileEvent = ProfileChanged | UsernameChosen | UsernameRetired

_SHOWN = (
    ProfileChanged,
    UsernameChosen,
    UsernameRetired,
    UserLeft,
    UserReturned,
    UserBanned,
    UserUnbanned,
    UserErased,
)
"""After these, others see something else of a user who may have a username."""

_OF_PROFILES = (*_SHOWN, GuestRegistered, UserRegistered, AccountOpened)

NOTHING: Final[dict[str, Any]] = {
    "display_name": None,
    "bio": "",
    "avatar": "",
    "links": [],
    "metadata": {},
}
"""What is said by somebody who says nothing."""

_SAY = setting(*NOTHING)
_SET_USERNAME = setting("username")


def of_profile(event: ProfileEvent, _recorded: Recorded) -> Sequence[Write]:
    """What is said, and the username."""
    match event:
        case ProfileChanged():
            said = {name: getattr(event, name) for name in NOTHING}
            known = {name: value for name, value in said.items() if value is not None}
            return [change(_SAY, event, **{**NOTHING, **known})]
        case UsernameChosen(username=username):
            return [change(_SET_USERNAME, event, username=username)]
        case UsernameRetired():
            return [change(_SET_USERNAME, event, username=None)]


def keys_of_profile(event: Event) -> Sequence[str]:
    """The change keys of what others see of a user."""
    own = [f"profile.{user_of(event)}"] if isinstance(event, _OF_PROFILES) else []
    return [*own, "profiles"] if isinstance(event, _SHOWN) else own
