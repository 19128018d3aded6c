"""What is personal, as contracts mark it.

    @event("auth.email_added", person="user_id")
    class EmailAdded(Event):
        user_id: UserId
        email: Personal[Email]

In the log a personal value stands encrypted with the key of the person (`libs.eventlog.vault`).
Who may not have that key reads None in its place, and so does everybody once the person is erased.
"""

from dataclasses import fields
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints


class _Personal:
    def __repr__(self) -> str:
        return "PERSONAL"


PERSONAL: Final = _Personal()
"""Marks the hint of a field."""

T = TypeVar("T")
Personal = Annotated[T | None, PERSONAL]
"""A value that says something about a person; None once nobody may know it any more."""


def personal_fields(cls: type) -> tuple[str, ...]:
    """The names of a message's personal fields."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(item.name for item in fields(cls) if _is_personal(hints[item.name]))


def _is_personal(hint: Any) -> bool:
    return get_origin(hint) is Annotated and PERSONAL in get_args(hint)[1:]
