"""Events of auth as rows, one after the other: what happens to one user or session in one
transaction is little, and its order matters.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from libs.eventlog import Recorded
from libs.kernel.decider import members
from libs.readmodel import Projected, Projection, Write
from services.auth.projections.accounts import (
    EmailEvent,
    EntryEvent,
    FactorEvent,
    IdentityEvent,
    of_email,
    of_entry,
    of_factor,
    of_identity,
)
from services.auth.projections.acts import ADD_ACT, of_act
from services.auth.projections.keys import NarrowedEvent, of_narrowed
from services.auth.projections.leaving import LeavingEvent, of_leaving
from services.auth.projections.profiles import ProfileEvent, keys_of_profile, of_profile
from services.auth.projections.revocations import REVOKE
from services.auth.projections.sessions import SessionEvent, of_session
from services.auth.projections.standing import StandingEvent, of_standing
from services.auth.projections.wallets import WalletEvent, of_wallet
from services.auth.projections.writing import user_of
from services.auth.tables import metadata

_WRITERS: Final[dict[type, Callable[[Any, Recorded], Sequence[Write]]]] = {
    **dict.fromkeys(members(EntryEvent), of_entry),
    **dict.fromkeys(members(EmailEvent), of_email),
    **dict.fromkeys(members(IdentityEvent), of_identity),
    **dict.fromkeys(members(FactorEvent), of_factor),
    **dict.fromkeys(members(WalletEvent), of_wallet),
    **dict.fromkeys(members(ProfileEvent), of_profile),
    **dict.fromkeys(members(LeavingEvent), of_leaving),
    **dict.fromkeys(members(StandingEvent), of_standing),
    **dict.fromkeys(members(SessionEvent), of_session),
    **dict.fromkeys(members(NarrowedEvent), of_narrowed),
}


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes: list[Write] = []
    keys: dict[str, int] = {}
    for recorded in events:
        event = recorded.data
        done = [*_WRITERS[type(event)](event, recorded), *of_act(recorded)]
        writes += done
        touched = [f"user.{user_of(event)}", "users", *keys_of_profile(event)]
        if any(write.statement is REVOKE for write in done):
            touched.append("revocations")
        if any(write.statement is ADD_ACT for write in done):
            touched.append("acts")
        keys |= dict.fromkeys(touched, recorded.position)
    return Projected(_together(writes), keys)


def _together(writes: Sequence[Write]) -> list[Write]:
    """The same writes, those of one statement that follow each other as one."""
    found: list[Write] = []
    for write in writes:
        if found and found[-1].statement is write.statement:
            found[-1] = Write(write.statement, [*found[-1].rows, *write.rows])
        else:
            found.append(write)
    return found


USERS = Projection(
    name="users", log="auth", tables=metadata, events=tuple(_WRITERS), project=project
)
