"""A state as bytes, for snapshots: what `encode` writes, `decode` reads back as it was.

One line for each field of the state, `<name> <JSON>`, and several for a large collection: a million
voters read in one go would hold up the event loop for seconds.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from itertools import batched
from typing import Any, get_args, get_origin

import orjson
from pydantic import TypeAdapter

from libs.kernel.messages import type_hints

PIECE_ENTRIES_MAX = 5_000
FORMAT = 2


def encode(state: Any) -> bytes:
    """The bytes of a state, which is a dataclass.

    raises   TypeError for a value that JSON has no word for
    """
    return b"".join(
        b"%s %s\n" % (item.name.encode(), piece)
        for item in fields(state)
        for piece in _pieces(getattr(state, item.name))
    )


def decode[S](cls: type[S], encoded: bytes) -> S:
    """The state in the bytes.

    cls      the class of the state, with its arguments where it is generic
    raises   ValueError when they hold no such state
    """
    state = cls()
    for _ in decode_in_steps(cls, state, encoded):
        pass
    return state


def decode_in_steps(cls: Any, state: Any, encoded: bytes) -> Iterator[None]:
    """Fill an initial state from bytes; yields between pieces, for others to go on meanwhile."""
    validators = _validators(cls)
    seen = set()
    for line in encoded.splitlines():
        field_name, _, piece = line.partition(b" ")
        name = field_name.decode()
        if name not in validators:
            raise ValueError(f"a state of another shape: {name}")
        value = validators[name](piece)
        if name not in seen:
            seen.add(name)
            setattr(state, name, value)
        else:
            _join(getattr(state, name), value)
            yield
    if len(seen) != len(validators):
        raise ValueError("a torn state")


@cache
def shape(cls: Any) -> str:
    """Names the shape of a state: it changes when the class does, or the way it is written."""
    schema = orjson.dumps(TypeAdapter[Any](cls).json_schema(), option=orjson.OPT_SORT_KEYS)
    return f"{FORMAT}-{hashlib.blake2b(schema, digest_size=8).hexdigest()}"


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict) and len(value) > PIECE_ENTRIES_MAX:
        yield from (_json(dict(piece)) for piece in batched(value.items(), PIECE_ENTRIES_MAX))
    elif isinstance(value, list | set) and len(value) > PIECE_ENTRIES_MAX:
        yield from (_json(piece) for piece in batched(value, PIECE_ENTRIES_MAX))
    else:
        yield _json(value)


def _join(collection: Any, piece: Any) -> None:
    if isinstance(collection, list):
        collection.extend(piece)
    else:
        collection.update(piece)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"a state may not hold a {type(value).__name__}")


@cache
def _validators(cls: Any) -> dict[str, Callable[[bytes], Any]]:
    origin = get_origin(cls) or cls
    given = dict(zip(origin.__type_params__, get_args(cls), strict=False))
    hints = type_hints(origin)
    return {
        item.name: TypeAdapter[Any](_with(given, hints[item.name])).validate_json
        for item in fields(origin)
    }


def _with(given: dict[Any, Any], hint: Any) -> Any:
    """The hint of a field of a generic class, for the arguments the class is given."""
    if hint in given:
        return given[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given[each] for each in parameters)] if parameters else hint
