"""What a change of a schema breaks, in words.

Two sets of schemas are compared, those that others rely on and those of today:

- a command or query that was accepted must still be: none is gone, no argument either, none is
  newly required, none is narrower, and nobody who may send it is shut out;
- an answer that was understood must still be: no field is gone, none holds what it never held;
- an event that was recorded must still be read: no type is gone unless an upcaster takes it on, no
  field is gone, newly required, narrower or of another type.

More may always be accepted, answered and recorded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

_BOUNDS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "minLength": max,
    "minimum": max,
    "exclusiveMinimum": max,
    "minItems": max,
    "minProperties": max,
    "maxLength": min,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxItems": min,
    "maxProperties": min,
}
"""The keywords that bound a value, and which of two bounds is the narrower one."""

_ACCESS: Final = ("public", "signed_in", "moderator", "admin", "service")


def breaks(
    before: Mapping[str, Json], now: Mapping[str, Json], *, upcasted: Collection[str]
) -> list[str]:
    """What has changed so that somebody would break. Empty when nothing has.

    before, now   schemas by path, as `documents.schemas.message_schemas` makes them
    upcasted      event types of which an upcaster knows how to read them
    """
    found = []
    for path, old in sorted(before.items()):
        _, kind, _ = path.split("/")
        what = {"commands": "command", "events": "event", "queries": "query"}[kind]
        title = f"{what} {old['$id'].rpartition(':')[2]}"
        new = now.get(path)
        if new is None:
            if kind != "events" or old["$id"].rpartition(":")[2] not in upcasted:
                found.append(f"{title} is gone (to rename it is to remove it)")
            continue
        found += [f"{title}: {reason}" for reason in _breaks_of_one(kind, old, new)]
    return list(dict.fromkeys(found))


def _breaks_of_one(kind: str, old: Json, new: Json) -> Iterator[str]:
    yield from _Comparison(old["$defs"], new["$defs"]).narrower(old, new)
    if kind == "events":
        return
    facts_before, facts = old["x-backline"], new["x-backline"]
    if _ACCESS.index(facts["access"]) > _ACCESS.index(facts_before["access"]):
        yield f"only {facts['access']} may now, where {facts_before['access']} might"
    if facts_before.get("key") != facts.get("key"):
        yield f"its aggregate's id was in {facts_before['key']}, and now in {facts['key']}"
    # What is answered goes the other way: today's answers must fit what callers understand.
    answers = _Comparison(new["$defs"], old["$defs"], is_answer=True)
    for reason in answers.narrower(facts["answer"], facts_before["answer"]):
        yield f"answer: {reason}"


class _Comparison:
    """Tells which values that one schema lets pass may be refused by another.

    Of an answer these are the schemas of today and of before: then `one` is the newer.
    """

    def __init__(self, ones: Json, others: Json, *, is_answer: bool = False) -> None:
        self._ones = ones
        self._others = others
        self._is_answer = is_answer

    def narrower(self, one: Json, other: Json, path: str = "") -> Iterator[str]:
        """The reasons, each beginning with where it is."""
        one, other = _resolved(one, self._ones), _resolved(other, self._others)
        if "anyOf" in one:
            for option in one["anyOf"]:
                yield from self.narrower(option, other, path)
        elif "anyOf" in other:
            yield from self._narrower_than_all(one, other["anyOf"], path)
        else:
            yield from self._narrower_value(one, other, path)

    def _narrower_than_all(self, one: Json, options: list[Json], path: str) -> Iterator[str]:
        reasons = [list(self.narrower(one, option, path)) for option in options]
        if all(reasons):
            same = [
                found
                for found, option in zip(reasons, options, strict=True)
                if _resolved(option, self._others).get("type") == one.get("type")
            ]
            yield from same[0] if same else [f"{_at(path)}{self._is_no_longer(one)}"]

    def _narrower_value(self, one: Json, other: Json, path: str) -> Iterator[str]:
        kinds = (one.get("type"), other.get("type"))
        if kinds[1] is not None and kinds[0] != kinds[1] and kinds != ("integer", "number"):
            yield f"{_at(path)}{self._is_no_longer(one)}"
            return
        yield from self._narrower_words(one, other, path)
        if not self._is_answer:
            yield from self._narrower_bounds(one, other, path)
        if one.get("type") == "object":
            yield from self._narrower_object(one, other, path)
        elif one.get("type") == "array" and "items" in other:
            yield from self.narrower(one.get("items", {}), other["items"], f"{path}[]")

    def _narrower_words(self, one: Json, other: Json, path: str) -> Iterator[str]:
        allowed = _words(other)
        if allowed is not None:
            words = _words(one)
            if words is None:
                yield f"{_at(path)}{self._changed('one of', 'anything', sorted(allowed))}"
            elif words - allowed and not self._is_answer:
                gone = ", ".join(sorted(words - allowed))
                yield f"{_at(path)}may no longer be {gone}"
        if other.get("format") not in {None, one.get("format")}:
            yield f"{_at(path)}{self._changed('format', one.get('format'), other['format'])}"

    def _narrower_bounds(self, one: Json, other: Json, path: str) -> Iterator[str]:
        for keyword, narrowest in _BOUNDS.items():
            before, now = one.get(keyword), other.get(keyword)
            if now is not None and (before is None or narrowest(before, now) != before):
                yield f"{_at(path)}{self._changed(keyword, before, now)}"
        for keyword in ("pattern", "uniqueItems"):
            if other.get(keyword) not in {None, one.get(keyword)}:
                yield f"{_at(path)}{self._changed(keyword, one.get(keyword), other[keyword])}"

    def _narrower_object(self, one: Json, other: Json, path: str) -> Iterator[str]:
        ones, others = one.get("properties", {}), other.get("properties", {})
        gone = set(others) - set(ones) if self._is_answer else set(ones) - set(others)
        yield from (f"{_at(_join(path, name))}is gone" for name in sorted(gone))
        required = set(other.get("required", ())) - set(one.get("required", ())) - gone
        for name in sorted(required):
            reason = "may be missing now" if self._is_answer else "is required now"
            yield f"{_at(_join(path, name))}{reason}"
        for name in sorted(set(ones) & set(others)):
            yield from self.narrower(ones[name], others[name], _join(path, name))
        items = other.get("additionalProperties")
        if isinstance(items, dict):
            yield from self.narrower(one.get("additionalProperties", {}), items, f"{path}{{}}")
        elif items is False and one.get("additionalProperties") is not False:
            yield f"{_at(path)}takes no other fields now"

    def _changed(self, keyword: str, one: Any, other: Any) -> str:
        before, now = (other, one) if self._is_answer else (one, other)
        return f"{keyword} was {_said(before)}, and is now {_said(now)}"

    def _is_no_longer(self, one: Json) -> str:
        kind = one.get("type", "anything")
        return f"may now be {kind}" if self._is_answer else f"may no longer be {kind}"


def _resolved(schema: Json, definitions: Json) -> Json:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _words(schema: Json) -> set[str] | None:
    """The only values a schema lets pass, when it lists them."""
    if "const" in schema:
        return {str(schema["const"])}
    return {str(each) for each in schema["enum"]} if "enum" in schema else None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _at(path: str) -> str:
    return f"{path} " if path else ""


def _said(value: Any) -> str:
    return "not bounded" if value is None else str(value)
