"""Events of auth as rows: a user is added once; then their role and standing change."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, update

from contracts.auth import (
    GuestRegistered,
    RoleSet,
    UserKind,
    UserRegistered,
    UserReinstated,
    UserRole,
    UserSuspended,
)
from libs.eventlog import Recorded
from libs.readmodel import Projected, Projection, Write
from services.auth.tables import metadata, users

_ADD = insert(users)
_SET_ROLE = update(users).where(users.c.user_id == bindparam("of")).values(role=bindparam("to"))
_SET_STANDING = (
    update(users).where(users.c.user_id == bindparam("of")).values(suspended_by=bindparam("to"))
)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    added: list[dict[str, Any]] = []
    roles: dict[str, str] = {}
    standings: dict[str, str | None] = {}
    keys: dict[str, int] = {}
    for recorded in events:
        match recorded.data:
            case GuestRegistered() as event:
                added.append(_row(event, UserKind.GUEST, UserRole.MEMBER))
            case UserRegistered() as event:
                added.append(_row(event, event.kind, event.role))
            case RoleSet(user_id=user_id, role=role):
                roles[user_id] = role
            case UserSuspended(user_id=user_id, by=by):
                standings[user_id] = by
            case UserReinstated(user_id=user_id):
                standings[user_id] = None
            case other:
                raise TypeError(f"{type(other).__name__} is no event of auth")
        keys[f"user.{recorded.aggregate_id}"] = keys["users"] = recorded.position
    return Projected(
        [
            Write(_ADD, added),
            Write(_SET_ROLE, [{"of": of, "to": to} for of, to in roles.items()]),
            Write(_SET_STANDING, [{"of": of, "to": to} for of, to in standings.items()]),
        ],
        keys,
    )


def _row(event: GuestRegistered | UserRegistered, kind: UserKind, role: UserRole) -> dict[str, Any]:
    return {
        "user_id": event.user_id,
        "kind": kind,
        "display_name": event.display_name,
        "role": role,
        "suspended_by": None,
        "registered_at": event.registered_at,
    }


USERS = Projection(
    name="users",
    log="auth",
    tables=metadata,
    events=(GuestRegistered, UserRegistered, RoleSet, UserSuspended, UserReinstated),
    project=project,
)
