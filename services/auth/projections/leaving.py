"""Users who go: they are erased at an hour that they were told, or at once."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete

from contracts.auth_accounts import UserErased
from contracts.auth_profile import UserLeft, UserReturned
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.profiles import NOTHING
from services.auth.projections.revocations import all_ended
from services.auth.projections.writing import change, setting
from services.auth.tables import api_keys, app_wallets, emails, identities

type LeavingEvent = UserLeft | UserReturned | UserErased

_SET_ERASED_AT = setting("erased_at")
_ERASE = setting(
    "erased", "erased_at", "email_name", "second_factor", "username", "primary_way_in", *NOTHING
)
_ERASED_WITH = [
    delete(table).where(table.c.user_id == bindparam("of"))
    for table in (emails, identities, app_wallets, api_keys)
]


def of_leaving(event: LeavingEvent, recorded: Recorded) -> Sequence[Write]:
    """Who is leaving, and until when; of the erased nothing stays that they said or came in by."""
    match event:
        case UserLeft(erased_at=hour):
            return [change(_SET_ERASED_AT, event, erased_at=hour)]
        case UserReturned():
            return [change(_SET_ERASED_AT, event, erased_at=None)]
        case UserErased(user_id=user_id):
            erased = change(
                _ERASE,
                event,
                erased=True,
                erased_at=None,
                email_name=None,
                second_factor=False,
                username=None,
                primary_way_in=None,
                **NOTHING,
            )
            gone = [Write(each, [{"of": user_id}]) for each in _ERASED_WITH]
            return [erased, *gone, *all_ended(recorded, recorded.at, None)]
