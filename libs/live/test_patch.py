"""The differ, against `jsonpatch` as the judge."""

import copy
from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.live.patch import Operation, difference

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)  # no -0.0
    | st.sampled_from(["", "a", "b", "~", "/", "a/b~1", "é"])
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from(["", "a", "b", "c", "~0", "a/b", "/", "0"]), inner)
    ),
    max_leaves=30,
)


def apply(document: Any, patch: list[Operation]) -> Any:
    return jsonpatch.apply_patch(copy.deepcopy(document), orjson.dumps(patch).decode())


def canonical(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


@given(documents, documents)
def test_patch_leads_from_old_to_new_when_documents_are_any_two(old: Any, new: Any) -> None:
    patch = difference(old, new)
    before = canonical(old)
    assert canonical(apply(old, patch)) == canonical(new)
    assert canonical(old) == before


@given(documents)
def test_patch_is_empty_when_nothing_changed(document: Any) -> None:
    assert difference(document, copy.deepcopy(document)) == []


@st.composite
def edited_lists(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    old = draw(st.lists(documents, max_size=12))
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(new)))
        match draw(st.sampled_from(["insert", "remove", "replace"])):
            case "insert":
                new.insert(place, draw(documents))
            case "remove" if place < len(new):
                del new[place]
            case "replace" if place < len(new):
                new[place] = draw(documents)
    return old, new


@given(edited_lists())
def test_patch_leads_from_old_to_new_when_a_list_was_edited(
    lists: tuple[list[Any], list[Any]],
) -> None:
    old, new = lists
    assert canonical(apply(old, difference(old, new))) == canonical(new)


@pytest.mark.parametrize(
    ("old", "new", "size"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 1),
        ([1, 2, 3, 4], [0, 1, 2, 3, 4], 1),
        ([1, 2, 3, 4], [1, 2, 4], 1),
        ({"voters": [{"rank": 1}, {"rank": 2}]}, {"voters": [{"rank": 1}, {"rank": 3}]}, 1),
        (True, 1, 1),
        ({}, [], 1),
    ],
)
def test_patch_is_short_when_the_change_is_small(old: Any, new: Any, size: int) -> None:
    assert len(difference(old, new)) == size
