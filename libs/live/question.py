"""What is asked: a query with its arguments and, where the answer depends on it, the caller.

Two viewers who ask the same question share one live query.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from libs.bus.server import describe
from libs.kernel.admission import admit
from libs.kernel.errors import Invalid, NotFound
from libs.kernel.messages import Caller, QuerySpec, Registry, service_caller
from libs.live.cursor import canonical, hash_of_question


class QueryUnknown(NotFound):
    code = "query-unknown"
    title = "There is no such query."


class ArgumentsInvalid(Invalid):
    code = "arguments-invalid"
    title = "An argument is missing, unknown or of the wrong type."


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question that may be asked. Two are the same when their `hash` is."""

    spec: QuerySpec
    args: dict[str, Any]
    caller: Caller
    hash: bytes

    @property
    def keys(self) -> list[str]:
        """The change keys that make its answer stale."""
        return self.spec.keys(self.args, self.caller)

    @property
    def hot_subject(self) -> str | None:
        """Where its results are pushed; None when they are not."""
        if self.spec.hot is None:
            return None
        return f"hot.{self.spec.name}.{self.args[self.spec.hot]}"


class Questions:
    """Makes questions out of what clients say."""

    def __init__(self, registry: Registry, *, asked_by: str) -> None:
        """`asked_by` names the service that asks what is the same for everyone."""
        self._registry = registry
        self._shared_caller = service_caller(asked_by)

    def of(self, query: str, args: Any, caller: Caller) -> Question:
        """The question, in its canonical form: every argument there, with its default if not given.

        args    a JSON object; else refused
        raises  QueryUnknown, ArgumentsInvalid; as `admit`
        """
        spec = self._registry.queries.get(query)
        if spec is None:
            raise QueryUnknown(f"there is no query {query[:100]!r}")
        admit(spec, caller)
        try:
            values = spec.adapter.dump_python(spec.adapter.validate_python(args), mode="json")
            text = canonical(values)
        except ValidationError as error:
            raise ArgumentsInvalid(describe(error)) from None
        except (TypeError, orjson.JSONEncodeError):
            raise ArgumentsInvalid("an argument cannot be written as JSON") from None
        asker = caller if spec.private else self._shared_caller
        whose = caller if spec.private else None
        return Question(spec, values, asker, hash_of_question(query, text, whose))
