"""The projection of users: what events become, folded as a transaction folds them."""

from datetime import UTC, datetime

from contracts.auth import (
    GuestRegistered,
    RoleSet,
    UserKind,
    UserReinstated,
    UserRole,
    UserSuspended,
)
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from services.auth.projections import project

AT = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


def recorded(position: int, user_id: str, event: Event) -> Recorded:
    return Recorded(
        id=f"evt_{position}",
        type="",
        aggregate="user",
        aggregate_id=user_id,
        at=AT,
        actor="usr_actor",
        causation_id="",
        correlation_id="",
        data=event,
        position=position,
    )


def test_adds_a_row_and_touches_two_keys_when_a_guest_comes() -> None:
    guest = GuestRegistered(user_id="usr_1", display_name=None, registered_at=AT)
    projected = project([recorded(7, "usr_1", guest)])
    add, roles, standings = projected.writes
    assert add.rows == [
        {
            "user_id": "usr_1",
            "kind": UserKind.GUEST,
            "display_name": None,
            "role": UserRole.MEMBER,
            "suspended_by": None,
            "registered_at": AT,
        }
    ]
    assert not roles.rows
    assert not standings.rows
    assert projected.keys == {"user.usr_1": 7, "users": 7}


def test_writes_only_the_last_when_a_user_changes_more_than_once() -> None:
    suspended = UserSuspended(user_id="usr_1", by=UserRole.ADMIN, reason=None)
    reinstated = UserReinstated(user_id="usr_1", reason=None)
    projected = project(
        [
            recorded(1, "usr_1", RoleSet(user_id="usr_1", role=UserRole.ADMIN)),
            recorded(2, "usr_2", UserSuspended(user_id="usr_2", by=UserRole.ADMIN, reason=None)),
            recorded(3, "usr_1", RoleSet(user_id="usr_1", role=UserRole.MODERATOR)),
            recorded(4, "usr_1", suspended),
            recorded(5, "usr_1", reinstated),
        ]
    )
    _, roles, standings = projected.writes
    assert roles.rows == [{"of": "usr_1", "to": UserRole.MODERATOR}]
    assert standings.rows == [
        {"of": "usr_2", "to": UserRole.ADMIN},
        {"of": "usr_1", "to": None},
    ]
    assert projected.keys == {"user.usr_1": 5, "user.usr_2": 2, "users": 5}
