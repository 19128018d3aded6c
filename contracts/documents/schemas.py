"""JSON Schema 2020-12 for each message, in a file of its own.

    contracts/schemas/<service>/commands/<name>.json
                                events/<event_name>.v<N>.json
                                queries/<name>.json

What JSON Schema has no word for stands under `x-backline`: who may send it, where its aggregate's
id is, what it is answered with.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from libs.kernel.messages import CommandSpec, EventSpec, QuerySpec, Registry, Spec

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def message_schemas(messages: Registry) -> dict[str, Json]:
    """The schema of every message, by its path below `contracts/schemas`."""
    return {
        **{
            f"{_folder(each, 'commands')}.json": _command(each)
            for each in _sorted(messages.commands)
        },
        **{
            f"{_folder(each, 'events')}.v{each.version}.json": _event(each)
            for each in _sorted(messages.events)
        },
        **{f"{_folder(each, 'queries')}.json": _query(each) for each in _sorted(messages.queries)},
    }


class Components:
    """The schemas of many messages and their answers for one document, in which what several of
    them use is there once, under `#/components/schemas/`.
    """

    def __init__(self, specs: Iterable[Spec]) -> None:
        adapters: list[tuple[str, Any, TypeAdapter[Any]]] = []
        for spec in specs:
            adapters.append((_key(spec), "validation", spec.adapter))
            if not isinstance(spec, EventSpec):
                adapters.append((_key(spec), "serialization", TypeAdapter(spec.answer)))
        self._found, definitions = TypeAdapter.json_schemas(
            adapters, ref_template="#/components/schemas/{model}"
        )
        self.schemas: Json = definitions.get("$defs", {})

    def message(self, spec: Spec) -> Json:
        """A command's or query's arguments, an event's data."""
        return self._found[_key(spec), "validation"]

    def message_fields(self, spec: Spec) -> Json:
        """The object schema of a message itself, not a reference to it."""
        schema = self.message(spec)
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def answer(self, spec: CommandSpec | QuerySpec) -> Json:
        """The view a command or query is answered with."""
        return self._found[_key(spec), "serialization"]

    def types(self, schema: Json) -> set[str]:
        """The JSON types that one of these schemas lets pass."""
        return types_of(schema, self.schemas)


def _key(spec: Spec) -> str:
    return spec.type if isinstance(spec, EventSpec) else spec.name


def types_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema lets pass, as far as it names any."""
    if "$ref" in schema:
        return types_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    found = {schema["type"]} if isinstance(schema.get("type"), str) else set()
    for option in schema.get("anyOf", ()):
        found |= types_of(option, definitions)
    return found


def _sorted[S: Spec](specs: Mapping[str, S]) -> list[S]:
    return [specs[name] for name in sorted(specs)]


def _folder(spec: Spec, kind: str) -> str:
    service, _, name = spec.name.partition(".")
    return f"{service}/{kind}/{name}"


def _command(spec: CommandSpec) -> Json:
    return _document(
        spec,
        f"command:{spec.name}",
        answer=spec.answer,
        access=spec.access.name.lower(),
        key=str(spec.key),
        rejections=[each.code for each in spec.rejections],
    )


def _event(spec: EventSpec) -> Json:
    return _document(spec, f"event:{spec.type}")


def _query(spec: QuerySpec) -> Json:
    return _document(
        spec,
        f"query:{spec.name}",
        answer=spec.answer,
        access=spec.access.name.lower(),
        watches=list(spec.watches),
        hot=spec.hot,
        private=spec.private,
    )


def _document(spec: Spec, name: str, *, answer: type | None = None, **facts: Any) -> Json:
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [("message", "validation", spec.adapter)]
    if answer is not None:
        adapters.append(("answer", "serialization", TypeAdapter(answer)))
    found, definitions = TypeAdapter.json_schemas(adapters, schema_generator=_WithoutTitles)
    document = {
        "$schema": DIALECT,
        "$id": f"urn:backline:{name}",
        **found["message", "validation"],
        "$defs": definitions.get("$defs", {}),
    }
    if answer is not None:
        facts["answer"] = found["answer", "serialization"]
    return {**document, "x-backline": facts} if facts else document


class _WithoutTitles(GenerateJsonSchema):
    """The name of a field says what its title would."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False
