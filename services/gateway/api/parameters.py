"""The parameters of a query: from the text of an address to arguments.

A list is its parameter repeated, an object is its JSON, anything else is its text; what the text
means is up to the contract's own types.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from contracts.documents.schemas import types_of
from libs.kernel.messages import QuerySpec
from libs.live.question import ArgumentsInvalid

PARAMETERS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Parameters:
    """The names of a query's fields that are not plain text."""

    lists: frozenset[str]
    objects: frozenset[str]

    @classmethod
    def of(cls, spec: QuerySpec) -> "Parameters":
        """From the query's JSON Schema."""
        schema = spec.adapter.json_schema()
        types = {
            name: types_of(each, schema.get("$defs", {}))
            for name, each in schema.get("properties", {}).items()
        }
        return cls(
            lists=frozenset(name for name, kinds in types.items() if "array" in kinds),
            objects=frozenset(name for name, kinds in types.items() if "object" in kinds),
        )

    def read(self, query_string: bytes) -> dict[str, Any]:
        """The arguments, not yet checked against the contract.

        raises  ArgumentsInvalid when a parameter that is no list is repeated, or an object is no
                JSON, or the text is no UTF-8
        """
        args: dict[str, Any] = {}
        for name, text in pairs(query_string):
            if name in self.lists:
                args.setdefault(name, []).append(text)
            elif name in args:
                raise ArgumentsInvalid(f"{name[:100]}: given twice")
            else:
                args[name] = json_value(name, text) if name in self.objects else text
        return args


def pairs(query_string: bytes) -> list[tuple[str, str]]:
    """The names and values in the query part of an address. Raises ArgumentsInvalid."""
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        raise ArgumentsInvalid("the parameters cannot be read") from None


def json_value(name: str, text: str) -> Any:
    """A value given as JSON. Raises ArgumentsInvalid."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ArgumentsInvalid(f"{name}: not JSON") from None
