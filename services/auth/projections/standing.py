"""What users are trusted with, and whether they may act."""

from collections.abc import Sequence

from contracts.auth_standing import RoleSet, UserBanned, UserReinstated, UserSuspended, UserUnbanned
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.revocations import all_ended, out_of_date
from services.auth.projections.writing import change, setting

type StandingEvent = RoleSet | UserSuspended | UserReinstated | UserBanned | UserUnbanned

_SET_ROLE = setting("role")
_SET_SUSPENDED = setting("suspended_by")
_SET_BANNED = setting("banned")


def of_standing(event: StandingEvent, recorded: Recorded) -> Sequence[Write]:
    """How a user stands now, and what tokens say no more."""
    match event:
        case RoleSet(role=role):
            return [change(_SET_ROLE, event, role=role), out_of_date(recorded)]
        case UserSuspended(by=by):
            return [change(_SET_SUSPENDED, event, suspended_by=by), out_of_date(recorded)]
        case UserReinstated():
            return [change(_SET_SUSPENDED, event, suspended_by=None)]
        case UserBanned():
            banned = change(_SET_BANNED, event, banned=True)
            return [banned, *all_ended(recorded, recorded.at, None)]
        case UserUnbanned():
            return [change(_SET_BANNED, event, banned=False)]
