"""Sessions that have not ended."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.auth_sessions import SessionEnded, SessionOpened, SessionRenewed, SessionsEnded
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.revocations import all_ended, ended
from services.auth.tables import sessions

type SessionEvent = SessionOpened | SessionRenewed | SessionEnded | SessionsEnded

_OPEN = upsert(sessions).on_conflict_do_nothing()
_RENEW = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of"))
    .values(renewed_at=bindparam("at", type_=sessions.c.renewed_at.type))
)
_END = delete(sessions).where(sessions.c.session_id == bindparam("of"))


def of_session(event: SessionEvent, recorded: Recorded) -> Sequence[Write]:
    """From a sign-in to its end, or to the end of all."""
    match event:
        case SessionOpened():
            row = {
                "session_id": event.session_id,
                "user_id": event.user_id,
                "method": event.method,
                "device": event.device,
                "opened_at": event.opened_at,
                "renewed_at": event.opened_at,
            }
            return [Write(_OPEN, [row])]
        case SessionRenewed(session_id=session_id, renewed_at=renewed_at):
            return [Write(_RENEW, [{"of": session_id, "at": renewed_at}])]
        case SessionEnded(session_id=session_id):
            return [Write(_END, [{"of": session_id}]), ended(recorded, session_id)]
        case SessionsEnded(before=before, kept_session_id=kept):
            return all_ended(recorded, before, kept)
