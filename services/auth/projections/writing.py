"""What all subjects write with: columns of the user that an event is about."""

from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.sql.expression import UpdateBase

from libs.kernel.messages import Event
from libs.readmodel import Write
from services.auth.tables import users


def setting(*columns: str) -> UpdateBase:
    """A statement that sets columns of the user `of`, for `change`."""
    values = {name: bindparam(f"new_{name}", type_=users.c[name].type) for name in columns}
    return update(users).where(users.c.user_id == bindparam("of")).values(values)


def change(statement: UpdateBase, event: Event, **values: Any) -> Write:
    """The user of an event gets these values, by a statement that is `setting` those columns."""
    new = {f"new_{name}": value for name, value in values.items()}
    return Write(statement, [{"of": user_of(event), **new}])


def user_of(event: Event) -> str:
    """Whom an event is about."""
    user_id: str = getattr(event, "user_id")  # noqa: B009  # All events of auth have it.
    return user_id
