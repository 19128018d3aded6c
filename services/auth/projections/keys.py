"""What makes tokens that are less than their user: API keys, and impersonations."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.auth_acts import ImpersonationEnded, UserImpersonated
from contracts.auth_keys import ApiKeyCreated, ApiKeyRevoked
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.revocations import ended
from services.auth.tables import api_keys

type NarrowedEvent = ApiKeyCreated | ApiKeyRevoked | UserImpersonated | ImpersonationEnded

_ADD = upsert(api_keys).on_conflict_do_nothing()
_DROP = delete(api_keys).where(api_keys.c.key_id == bindparam("of"))


def of_narrowed(event: NarrowedEvent, recorded: Recorded) -> Sequence[Write]:
    """Keys that are good, and the end of tokens that bear an id of either."""
    match event:
        case ApiKeyCreated():
            row = {
                "key_id": event.key_id,
                "user_id": event.user_id,
                "name": event.name,
                "scopes": event.scopes,
                "created_at": event.created_at,
                "expires_at": event.expires_at,
            }
            return [Write(_ADD, [row])]
        case ApiKeyRevoked(key_id=key_id):
            return [Write(_DROP, [{"of": key_id}]), ended(recorded, key_id)]
        case UserImpersonated():
            return []  # Nothing but the act.
        case ImpersonationEnded(session_id=session_id):
            return [ended(recorded, session_id)]
