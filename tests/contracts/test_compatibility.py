"""Which changes break somebody, and how it is said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from types import new_class
from typing import Annotated, Any

import pytest
from pydantic import Field

from contracts.documents.compatibility import breaks
from contracts.documents.schemas import message_schemas
from libs.kernel import messages
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    Query,
    Registry,
    View,
    command,
    event,
    message,
    query,
    view,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class MoreColour(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class LessColour(StrEnum):
    RED = "red"


@message
class Item:
    song_id: str


@message
class RenamedItem:
    song: str


@message
class LongerItem:
    song_id: str
    title: str = ""


@contextmanager
def declared() -> Iterator[Registry]:
    """What the block declares, in a registry of its own."""
    mine = Registry()
    before, messages.registry = messages.registry, mine
    try:
        yield mine
    finally:
        messages.registry = before


def command_with(
    kind: Any, default: Any = ..., *, access: Access = Access.PUBLIC
) -> dict[str, Any]:
    with declared() as registry:
        fields: dict[str, Any] = {"__annotations__": {"poll_id": str}}
        add_field(fields, kind, default)
        base: Any = Command
        made: Any = new_class("Do", (base[seen_view(int)],), exec_body=filled(fields))
        command("polls.do", key="poll_id", access=access)(made)
        return message_schemas(registry)


def event_with(kind: Any, default: Any = ..., *, name: str = "polls.done") -> dict[str, Any]:
    with declared() as registry:
        fields: dict[str, Any] = {"__annotations__": {"poll_id": str}}
        add_field(fields, kind, default)
        made: Any = new_class("Done", (Event,), exec_body=filled(fields))
        event(name)(made)
        return message_schemas(registry)


def query_with(answer: Any) -> dict[str, Any]:
    with declared() as registry:
        base: Any = Query
        made: Any = new_class("Ask", (base[seen_view(answer)],), exec_body=filled({}))
        query("polls.ask", access=Access.PUBLIC)(made)
        return message_schemas(registry)


def add_field(fields: dict[str, Any], kind: Any, default: Any) -> None:
    if kind is not None:
        fields["__annotations__"]["field"] = kind
        if default is not ...:
            fields["field"] = default


def seen_view(kind: Any) -> Any:
    fields: dict[str, Any] = {"__annotations__": {"poll_id": str}}
    add_field(fields, kind, ...)
    made: Any = new_class("Seen", (View,), exec_body=filled(fields))
    return view(made)


def filled(fields: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda namespace: namespace.update({"__module__": __name__, **fields})


NARROWER = [
    (str, None, "field is gone"),
    (str, int, "field may no longer be string"),
    (str | None, str, "field may no longer be null"),
    (int | str, str, "field may no longer be integer"),
    (float, int, "field may no longer be number"),
    (str, datetime, "field format was not bounded, and is now date-time"),
    (datetime, date, "field format was date-time, and is now date"),
    (str, Annotated[str, Field(max_length=9)], "field maxLength was not bounded, and is now 9"),
    (
        Annotated[str, Field(max_length=9)],
        Annotated[str, Field(max_length=8)],
        "field maxLength was 9, and is now 8",
    ),
    (
        Annotated[int, Field(ge=1)],
        Annotated[int, Field(ge=2)],
        "field minimum was 1, and is now 2",
    ),
    (
        Annotated[str, Field(pattern="a")],
        Annotated[str, Field(pattern="b")],
        "field pattern was a, and is now b",
    ),
    (Colour, LessColour, "field may no longer be blue"),
    (str, Colour, "field one of was anything, and is now ['blue', 'red']"),
    (list[str], list[int], "field[] may no longer be string"),
    (list[str], Annotated[list[str], Field(max_length=3)], "field maxItems"),
    (list[Item], list[RenamedItem], "field[].song is required now"),
    (list[LongerItem], list[Item], "field[].title is gone"),
    (dict[str, str], dict[str, int], "field{} may no longer be string"),
    (Item | None, RenamedItem | None, "field.song is required now"),
]

WIDER = [
    (str, str),
    (int, float),
    (str, str | None),
    (str, str | int),
    (datetime, str),
    (Colour, MoreColour),
    (Colour, str),
    (Annotated[str, Field(max_length=9)], Annotated[str, Field(max_length=10)]),
    (Annotated[int, Field(ge=2)], Annotated[int, Field(ge=1)]),
    (list[Item], list[LongerItem]),
    (Item | None, LongerItem | None),
]


@pytest.mark.parametrize(("old", "new", "reason"), NARROWER)
def test_breaks_when_a_command_takes_less(old: Any, new: Any, reason: str) -> None:
    found = breaks(command_with(old), command_with(new), upcasted=())
    assert any(each.startswith(f"command polls.do: {reason}") for each in found), found


@pytest.mark.parametrize(("old", "new", "reason"), NARROWER)
def test_breaks_when_an_event_that_was_recorded_is_read_no_more(
    old: Any, new: Any, reason: str
) -> None:
    found = breaks(event_with(old), event_with(new), upcasted=())
    assert any(each.startswith(f"event polls.done.v1: {reason}") for each in found), found


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_breaks_nobody_when_more_is_taken(old: Any, new: Any) -> None:
    assert breaks(command_with(old), command_with(new), upcasted=()) == []
    assert breaks(event_with(old), event_with(new), upcasted=()) == []


def test_breaks_when_a_field_is_added_that_must_be_there() -> None:
    found = breaks(command_with(None), command_with(str), upcasted=())
    assert found == ["command polls.do: field is required now"]
    found = breaks(event_with(None), event_with(str), upcasted=())
    assert found == ["event polls.done.v1: field is required now"]


def test_breaks_nobody_when_a_field_is_added_that_has_a_default() -> None:
    assert breaks(command_with(None), command_with(str, "x"), upcasted=()) == []
    assert breaks(event_with(None), event_with(str, "x"), upcasted=()) == []


def test_breaks_when_a_message_is_gone() -> None:
    [found] = breaks(command_with(str), {}, upcasted=())
    assert found == "command polls.do is gone (to rename it is to remove it)"
    renamed = event_with(str, name="polls.finished")
    [found] = breaks(event_with(str), renamed, upcasted=())
    assert found == "event polls.done.v1 is gone (to rename it is to remove it)"


def test_breaks_nobody_when_an_event_is_gone_that_is_upcasted() -> None:
    assert breaks(event_with(str), {}, upcasted={"polls.done.v1"}) == []


def test_breaks_nobody_when_a_message_is_new() -> None:
    assert breaks({}, {**command_with(str), **event_with(str)}, upcasted=()) == []


def test_breaks_when_fewer_may_send_it() -> None:
    before, now = command_with(str), command_with(str, access=Access.ADMIN)
    [found] = breaks(before, now, upcasted=())
    assert found == "command polls.do: only admin may now, where public might"
    assert breaks(now, before, upcasted=()) == []


def test_breaks_when_the_aggregate_of_a_command_is_another() -> None:
    before, now = command_with(str), command_with(str)
    now["polls/commands/do.json"]["x-backline"]["key"] = "field"
    [found] = breaks(before, now, upcasted=())
    assert found == "command polls.do: its aggregate's id was in poll_id, and now in field"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (str, None, "field is gone"),
        (str, int, "field may now be integer"),
        (str, str | None, "field may now be null"),
        (Item, RenamedItem, "field.song_id is gone"),
        (list[int], list[float], "field[] may now be number"),
    ],
)
def test_breaks_when_an_answer_is_not_understood(old: Any, new: Any, reason: str) -> None:
    found = breaks(query_with(old), query_with(new), upcasted=())
    assert f"query polls.ask: answer: {reason}" in found


@pytest.mark.parametrize(
    ("old", "new"),
    [(None, str), (str | None, str), (float, int), (Colour, MoreColour), (Item, LongerItem)],
)
def test_breaks_nobody_when_an_answer_says_more(old: Any, new: Any) -> None:
    assert breaks(query_with(old), query_with(new), upcasted=()) == []
