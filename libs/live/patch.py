"""The difference between two results as a JSON Patch (RFC 6902).

Small rather than minimal: objects are compared by key, lists by their common beginning and end and
then item by item. An item put in front is a short patch; a list that was shuffled is not.
"""

from collections.abc import Iterator
from typing import Any

Operation = dict[str, Any]
Json = Any
"""What `orjson.loads` gives: None, bool, int, float, str, list and dict."""


def difference(old: Json, new: Json) -> list[Operation]:
    """The operations that turn `old` into `new`, in order; none when they are equal as JSON.

    A boolean never equals a number. `1` and `1.0` are different here, though RFC 6902 would let
    them pass for the same: the price is a patch that was not needed.
    """
    return list(_difference(old, new, ""))


def _difference(old: Json, new: Json, path: str) -> Iterator[Operation]:
    if type(old) is not type(new):
        yield {"op": "replace", "path": path, "value": new}
    elif isinstance(old, dict):
        yield from _of_objects(old, new, path)
    elif isinstance(old, list):
        yield from _of_lists(old, new, path)
    elif old != new:
        yield {"op": "replace", "path": path, "value": new}


def _of_objects(old: dict[str, Json], new: dict[str, Json], path: str) -> Iterator[Operation]:
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": f"{path}/{_token(key)}"}
    for key, value in new.items():
        if key not in old:
            yield {"op": "add", "path": f"{path}/{_token(key)}", "value": value}
        elif old[key] is not value:
            yield from _difference(old[key], value, f"{path}/{_token(key)}")


def _of_lists(old: list[Json], new: list[Json], path: str) -> Iterator[Operation]:
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and _is_same(old[start], new[start]):
        start += 1
    end = 0
    while end < shorter - start and _is_same(old[-1 - end], new[-1 - end]):
        end += 1
    # Between the common beginning and end: the places both have, then those only one has.
    both = shorter - end
    for index in range(start, both):
        yield from _difference(old[index], new[index], f"{path}/{index}")
    for index in range(len(old) - end - 1, both - 1, -1):
        yield {"op": "remove", "path": f"{path}/{index}"}
    for index in range(both, len(new) - end):
        yield {"op": "add", "path": f"{path}/{index}", "value": new[index]}


def _is_same(one: Json, other: Json) -> bool:
    return next(_difference(one, other, ""), None) is None


def _token(key: str) -> str:
    """A key as a reference token of a JSON Pointer (RFC 6901)."""
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key
