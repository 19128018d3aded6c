"""Acts: which events tell what somebody did to somebody else."""

from dataclasses import dataclass
from datetime import datetime

from contracts.auth_acts import ActKind, ImpersonationEnded, UserImpersonated
from contracts.auth_confirmation import SecondFactorReset
from contracts.auth_keys import ApiKeyRevoked
from contracts.auth_sessions import SessionsEnded
from contracts.auth_standing import RoleSet, UserBanned, UserReinstated, UserSuspended, UserUnbanned
from libs.kernel.messages import Event


@dataclass(frozen=True, slots=True)
class Act:
    """As `contracts.auth_acts.Act`, but for what the log adds to it."""

    kind: ActKind
    user_id: str
    actor: str
    reason: str | None
    detail: str | None = None
    until: datetime | None = None


def act_of(event: Event) -> Act | None:
    """The act that an event tells of; None for what users do to themselves, and for all else."""
    act = _told_by(event)
    return None if act is None or act.actor == act.user_id else act


def _told_by(event: Event) -> Act | None:
    match event:
        case RoleSet(user_id=user_id, actor=actor, reason=reason, role=role):
            return Act(ActKind.SET_ROLE, user_id, actor, reason, role)
        case UserSuspended(user_id=user_id, actor=actor, reason=reason):
            return Act(ActKind.SUSPEND, user_id, actor, reason)
        case UserReinstated(user_id=user_id, actor=actor, reason=reason):
            return Act(ActKind.REINSTATE, user_id, actor, reason)
        case UserBanned(user_id=user_id, actor=actor, reason=reason):
            return Act(ActKind.BAN, user_id, actor, reason)
        case UserUnbanned(user_id=user_id, actor=actor, reason=reason):
            return Act(ActKind.UNBAN, user_id, actor, reason)
        case SessionsEnded(user_id=user_id, actor=str(actor), reason=reason):
            return Act(ActKind.END_SESSIONS, user_id, actor, reason)
        case ApiKeyRevoked(user_id=user_id, actor=actor, reason=reason, key_id=key_id):
            return Act(ActKind.REVOKE_KEY, user_id, actor, reason, key_id)
        case SecondFactorReset(user_id=user_id, actor=actor, reason=reason):
            return Act(ActKind.RESET_SECOND_FACTOR, user_id, actor, reason)
        case UserImpersonated(user_id=user_id, actor=actor, reason=reason):
            session_id, until = event.session_id, event.until
            return Act(ActKind.IMPERSONATE, user_id, actor, reason, session_id, until)
        case ImpersonationEnded(user_id=user_id, actor=actor, session_id=session_id):
            return Act(ActKind.END_IMPERSONATION, user_id, actor, None, session_id)
        case _:
            return None
