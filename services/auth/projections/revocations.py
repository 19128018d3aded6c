"""What was taken back: which tokens are not good any more."""

from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as upsert

from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.writing import user_of
from services.auth.tables import revocations, sessions

_END_SESSIONS = delete(sessions).where(
    sessions.c.user_id == bindparam("of"),
    sessions.c.opened_at < bindparam("before_at", type_=sessions.c.opened_at.type),
    sessions.c.session_id != bindparam("kept"),
)
_NEWEST = upsert(revocations)
REVOKE = _NEWEST.on_conflict_do_update(
    index_elements=[revocations.c.what],
    set_={
        "before": _NEWEST.excluded.before,
        "kept_session_id": _NEWEST.excluded.kept_session_id,
        "position": _NEWEST.excluded.position,
    },
)


def all_ended(recorded: Recorded, before: datetime, kept: str | None) -> list[Write]:
    """All sessions of a user that were opened before that moment have ended, but for one."""
    user_id = user_of(recorded.data)
    row = {"of": user_id, "before_at": before, "kept": kept or ""}
    revoked = _revoked(recorded, f"user:{user_id}", before, kept=kept)
    return [Write(_END_SESSIONS, [row]), revoked]


def ended(recorded: Recorded, session_id: str) -> Write:
    """Tokens that bear this id are not good any more: of a session, or of a key."""
    return _revoked(recorded, f"session:{session_id}", recorded.at, session_id=session_id)


def out_of_date(recorded: Recorded) -> Write:
    """What tokens say of the user's roles is not so any more."""
    what = f"standing:{user_of(recorded.data)}"
    return _revoked(recorded, what, recorded.at, renewable=True)


def _revoked(
    recorded: Recorded,
    what: str,
    before: datetime,
    *,
    session_id: str | None = None,
    kept: str | None = None,
    renewable: bool = False,
) -> Write:
    row = {
        "what": what,
        "user_id": user_of(recorded.data),
        "session_id": session_id,
        "before": before,
        "kept_session_id": kept,
        "renewable": renewable,
        "position": recorded.position,
    }
    return Write(REVOKE, [row])
