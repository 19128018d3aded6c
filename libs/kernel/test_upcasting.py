"""Old events become new ones, step by step."""

from typing import Any

import pytest

from libs.kernel.upcasting import upcast, upcaster, upcasters


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    for name in ("toy.old.v1", "toy.old.v2"):
        monkeypatch.setitem(upcasters, name, lambda data: ("", data))
        monkeypatch.delitem(upcasters, name)


def test_takes_every_step_when_an_event_is_old() -> None:
    @upcaster("toy.old.v1", to="toy.old.v2")
    def first(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "second": 2}

    @upcaster("toy.old.v2", to="toy.new.v1")
    def then(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "third": data["second"] + 1}

    assert upcast("toy.old.v1", {"first": 1}) == (
        "toy.new.v1",
        {"first": 1, "second": 2, "third": 3},
    )
    assert upcast("toy.old.v2", {"second": 5}) == ("toy.new.v1", {"second": 5, "third": 6})


def test_leaves_an_event_alone_when_it_is_of_today() -> None:
    assert upcast("toy.new.v1", {"first": 1}) == ("toy.new.v1", {"first": 1})


def test_refuses_a_second_upcaster_when_there_is_one() -> None:
    @upcaster("toy.old.v1", to="toy.old.v2")
    def first(data: dict[str, Any]) -> dict[str, Any]:
        return data

    with pytest.raises(ValueError, match="two upcasters"):
        upcaster("toy.old.v1", to="toy.old.v2")(first)
