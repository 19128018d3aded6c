"""The projection of users: what events become, folded as a transaction folds them."""

from datetime import UTC, datetime

from contracts.auth import GuestRegistered, UserKind, UserRole
from contracts.auth_standing import RoleSet, UserReinstated
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


def test_adds_a_row_and_touches_its_keys_when_a_guest_comes() -> None:
    guest = GuestRegistered(user_id="usr_1", display_name=None, registered_at=AT)
    projected = project([recorded(7, "usr_1", guest)])
    (add,) = projected.writes
    assert add.rows == [
        {
            "user_id": "usr_1",
            "kind": UserKind.GUEST,
            "display_name": None,
            "email_name": None,
            "second_factor": False,
            "role": UserRole.MEMBER,
            "suspended_by": None,
            "banned": False,
            "registered_at": AT,
        }
    ]
    assert projected.keys == {"user.usr_1": 7, "profile.usr_1": 7, "users": 7}


def _role(role: UserRole) -> RoleSet:
    return RoleSet(user_id="usr_1", role=role, actor="usr_2")


def test_writes_what_happened_in_the_order_it_happened() -> None:
    projected = project(
        [
            recorded(1, "usr_1", _role(UserRole.ADMIN)),
            recorded(2, "usr_1", _role(UserRole.MODERATOR)),
            recorded(3, "usr_1", UserReinstated(user_id="usr_1", actor="usr_2")),
        ]
    )
    rows = [row for write in projected.writes for row in write.rows]
    assert [row["new_role"] for row in rows if "new_role" in row] == [
        UserRole.ADMIN,
        UserRole.MODERATOR,
    ]
    assert {"of": "usr_1", "new_suspended_by": None} in rows
    acts = [(row["actor"], row["kind"]) for row in rows if "act_id" in row]
    assert acts == [("usr_2", "set-role"), ("usr_2", "set-role"), ("usr_2", "reinstate")]
    assert projected.keys == {"user.usr_1": 3, "users": 3, "revocations": 2, "acts": 3}
