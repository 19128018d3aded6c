"""The AsyncAPI 3.0 document of the bus and the logs, made from the contracts alone.

How messages travel between our own services; what clients say is in the OpenAPI document.
"""

from typing import Any, Final

from contracts.documents.schemas import Components
from libs.kernel.messages import CommandSpec, EventSpec, QuerySpec, Registry, Spec
from libs.kernel.slots import SLOT_COUNT

Json = dict[str, Any]

_JSON: Final = "application/json"
_EVENTS: Final = "application/cloudevents-batch+json"

_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "It was refused, and why (RFC 9457). Match on `code`.",
    "required": ["problem"],
    "properties": {
        "problem": {
            "type": "object",
            "required": ["type", "title", "status", "kind", "code", "detail"],
        }
    },
}
_CALLER: Final[Json] = {
    "actor": {"type": "string", "description": "The caller's user id; empty for a stranger."},
    "roles": {"type": "array", "items": {"type": "string"}},
}
"""Who sends a command or asks a query, as the gateway has made sure of."""
_POSITION: Final[Json] = {
    "position": {"type": "integer", "description": "Up to where in the log it is true."},
    "epoch": {"type": "string", "description": "Of the log: changes when it is recreated."},
}


def asyncapi_document(messages: Registry, *, version: str) -> Json:
    """Every command, query and event, with the subjects they travel on."""
    document = _Document(messages)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Backline, inside",
            "version": version,
            "description": "Commands and queries are requests on core NATS; events stand in"
            " JetStream logs. Why it is so is said in docs/architecture.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "channels": dict(sorted(document.channels.items())),
        "operations": dict(sorted(document.operations.items())),
        "components": {
            "messages": dict(sorted(document.messages.items())),
            "schemas": {**document.schemas.schemas, "Problem": _PROBLEM},
        },
    }


class _Document:
    """What the document is put together from."""

    def __init__(self, messages: Registry) -> None:
        # By name: contracts import each other, so their order is nobody's.
        commands = [each for _, each in sorted(messages.commands.items())]
        events = [each for _, each in sorted(messages.events.items())]
        queries = [each for _, each in sorted(messages.queries.items())]
        self.schemas = Components([*commands, *events, *queries])
        self.channels: Json = {}
        self.operations: Json = {}
        self.messages: Json = {}
        for service in sorted({each.service for each in commands}):
            self._add_commands(service, [each for each in commands if each.service == service])
        for service in sorted({each.service for each in events}):
            self._add_events(service, [each for each in events if each.service == service])
        for query in queries:
            self._add_query(query)

    def _add_commands(self, service: str, commands: list[CommandSpec]) -> None:
        channel, replies = f"{service}.commands", f"{service}.command-replies"
        names = [self._add_message(each.name, each, self._command(each)) for each in commands]
        answers = [
            self._add_message(f"{each.name}.reply", each, _list_of(self._answer(each)))
            for each in commands
        ]
        slot = {
            "description": f"The owner's share of the aggregates, 0 to {SLOT_COUNT - 1}:"
            " FNV-1a (32 bits) of the aggregate's id, modulo their number."
        }
        self._add_channel(channel, f"cmd.{service}.{{slot}}", names, {"slot": slot})
        self._add_channel(replies, None, answers)
        self._add_request(f"{service}.decide", channel, names, replies, answers)

    def _add_query(self, query: QuerySpec) -> None:
        reply, pushed = f"{query.name}.reply", f"{query.name}.hot"
        arguments = {**_CALLER, "args": self.schemas.message(query)}
        arguments["after"] = {
            "type": ["integer", "null"],
            "description": "A position the answer must include: read your own writes.",
        }
        result = _object({**_POSITION, "result": self.schemas.answer(query)})
        self._add_message(query.name, query, _object(arguments))
        self._add_message(reply, query, _or_problem(result))
        self._add_channel(query.name, f"qry.{query.name}", [query.name])
        self._add_channel(reply, None, [reply])
        self._add_request(query.name, query.name, [query.name], reply, [reply])
        if query.hot is not None:
            key = {"description": f"The argument `{query.hot}` of the query."}
            self._add_message(pushed, query, result)
            self._add_channel(pushed, f"hot.{query.name}.{{key}}", [pushed], {"key": key})
            self._add_sending(pushed, pushed)

    def _add_events(self, service: str, events: list[EventSpec]) -> None:
        channel = f"{service}.events"
        names = [self._add_message(each.type, each, self._event(each), _EVENTS) for each in events]
        parameters = {
            "aggregate": {"description": "What the stream is about: `ballot`."},
            "id": {"description": "The id of the aggregate."},
        }
        self._add_channel(channel, f"evt.{service}.{{aggregate}}.{{id}}", names, parameters)
        self._add_sending(f"{service}.record", channel)

    def _add_message(self, name: str, spec: Spec, payload: Json, content_type: str = _JSON) -> str:
        self.messages[name] = {
            "name": name,
            "title": spec.cls.__name__,
            "summary": spec.summary,
            "description": spec.description,
            "contentType": content_type,
            "payload": payload,
        }
        return name

    def _add_channel(
        self,
        name: str,
        address: str | None,
        messages: list[str],
        parameters: Json | None = None,
    ) -> None:
        self.channels[name] = {
            "address": address,
            "messages": {each: _reference("components", "messages", each) for each in messages},
            **({"parameters": parameters} if parameters else {}),
        }

    def _add_request(
        self, name: str, channel: str, messages: list[str], replies: str, answers: list[str]
    ) -> None:
        self.operations[name] = {
            "action": "receive",
            "channel": _reference("channels", channel),
            "messages": [_reference("channels", channel, "messages", each) for each in messages],
            "reply": {
                "channel": _reference("channels", replies),
                "messages": [_reference("channels", replies, "messages", each) for each in answers],
            },
        }

    def _add_sending(self, name: str, channel: str) -> None:
        self.operations[name] = {"action": "send", "channel": _reference("channels", channel)}

    def _command(self, spec: CommandSpec) -> Json:
        return _list_of(
            _object(
                {
                    "command": {"const": spec.name},
                    "id": {
                        "type": "string",
                        "description": "Made by the caller: a retry has the same.",
                    },
                    **_CALLER,
                    "args": self.schemas.message(spec),
                    "trace": {"type": "string", "description": "A W3C traceparent, when sampled."},
                    "correlation": {
                        "type": "string",
                        "description": "The correlation id of what set it off.",
                    },
                },
                optional=("trace", "correlation"),
            )
        )

    def _answer(self, spec: CommandSpec) -> Json:
        return _or_problem(_object({"answer": self.schemas.answer(spec)}))

    def _event(self, spec: EventSpec) -> Json:
        text = {"type": "string"}
        return _list_of(
            _object(
                {
                    "specversion": {"const": "1.0"},
                    "id": text,
                    "source": {"const": f"/{spec.service}"},
                    "type": {"const": spec.type},
                    "subject": {**text, "description": "`<aggregate>/<id>`"},
                    "time": {**text, "format": "date-time"},
                    "actor": text,
                    "causationid": text,
                    "correlationid": text,
                    "data": self.schemas.message(spec),
                }
            )
        )


def _object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _list_of(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _or_problem(schema: Json) -> Json:
    return {"oneOf": [schema, _reference("components", "schemas", "Problem")]}


def _reference(*path: str) -> Json:
    return {"$ref": "/".join(("#", *path))}
