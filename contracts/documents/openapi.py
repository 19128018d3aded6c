"""The OpenAPI 3.1 document of the gateway, made from the contracts alone.

A pure function: the committed copy in `contracts/schemas` and what the gateway serves are the same.
Commands that only our own services may send are left out.
"""

from typing import Any, Final

from contracts.documents.schemas import Components
from libs.kernel.ids import ID_LENGTH_MAX
from libs.kernel.messages import Access, CommandSpec, QuerySpec, Registry

Json = dict[str, Any]

_WHO: Final = {
    Access.PUBLIC: "Anyone.",
    Access.SIGNED_IN: "Whoever has signed in.",
    Access.MODERATOR: "Moderators and administrators.",
    Access.ADMIN: "Administrators.",
}
_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "What was refused and why (RFC 9457). Match on `code`.",
    "required": ["type", "title", "status", "kind", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "kind": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "retry_after": {"type": "number", "description": "Seconds after which to try again."},
    },
}
_POSITION_HEADER: Final[Json] = {
    "Backline-Position": {
        "description": "Where it is recorded, or up to where the answer is true.",
        "schema": {"type": "integer"},
    }
}
_KEY_PARAMETER: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same caller, command and key is one command, however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}
_AFTER_PARAMETER: Final[Json] = {
    "name": "Backline-After",
    "in": "header",
    "required": False,
    "description": "A position that the answer must include: read your own writes.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
}


def openapi_document(messages: Registry, *, version: str) -> Json:
    """Every command and query a client may use, as paths of an OpenAPI 3.1 document."""
    commands = [each for each in messages.commands.values() if each.access < Access.SERVICE]
    queries = [each for each in messages.queries.values() if each.access < Access.SERVICE]
    schemas = Components([*commands, *queries])
    paths: Json = {}
    for query in sorted(queries, key=lambda each: each.name):
        paths[path_of(query)] = {"get": _query(query, schemas)}
    for command in sorted(commands, key=lambda each: each.name):
        paths[path_of(command)] = {"post": _command(command, schemas)}
    paths["/v1/live"] = {"get": _live()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backline",
            "version": version,
            "summary": "Commands, queries and live queries of the gateway.",
            "description": "How to speak to it is described in docs/live-protocol.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in sorted({each.service for each in commands + queries})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**schemas.schemas, "Problem": _PROBLEM},
            "responses": {"Problem": _problem("It was refused.")},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The token of a session; or an API key (`bk_…`), which does"
                    " what its scopes name.",
                }
            },
        },
    }


def path_of(spec: CommandSpec | QuerySpec) -> str:
    """`/v1/<service>/<name>`."""
    return "/v1/" + spec.name.replace(".", "/", 1)


def _operation(spec: CommandSpec | QuerySpec, schemas: Components) -> Json:
    security: list[Json] = [{"token": []}]
    if spec.access == Access.PUBLIC:
        security.insert(0, {})
    return {
        "operationId": spec.name,
        "tags": [spec.service],
        "summary": spec.summary,
        "description": f"{spec.description}\n\nWho: {_WHO[spec.access]}",
        "security": security,
        "responses": {
            "200": {
                "description": "Done." if isinstance(spec, CommandSpec) else "The answer.",
                "headers": _POSITION_HEADER,
                "content": {"application/json": {"schema": schemas.answer(spec)}},
            },
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _command(spec: CommandSpec, schemas: Components) -> Json:
    operation = _operation(spec, schemas)
    operation["parameters"] = [_KEY_PARAMETER]
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": schemas.message(spec)}},
    }
    for status in sorted({each.status for each in spec.rejections}):
        codes = [f"- `{it.code}`: {it.title}" for it in spec.rejections if it.status == status]
        operation["responses"][str(status)] = _problem("A rule says no:\n\n" + "\n".join(codes))
    return operation


def _query(spec: QuerySpec, schemas: Components) -> Json:
    operation = _operation(spec, schemas)
    message = schemas.message_fields(spec)
    required = set(message.get("required", ()))
    operation["parameters"] = [
        *(
            _parameter(name, schema, schemas, is_required=name in required)
            for name, schema in message.get("properties", {}).items()
        ),
        _AFTER_PARAMETER,
    ]
    return operation


def _parameter(name: str, schema: Json, schemas: Components, *, is_required: bool) -> Json:
    parameter: Json = {"name": name, "in": "query", "required": is_required}
    kinds = schemas.types(schema)
    if "object" in kinds:
        return {**parameter, "content": {"application/json": {"schema": schema}}}
    if "array" in kinds:
        parameter |= {"style": "form", "explode": True}
    return {**parameter, "schema": _without_null(schema)}


def _without_null(schema: Json) -> Json:
    """In an address nothing is said by leaving it out: there is no null."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if not options:
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**rest, **(options[0] if len(options) == 1 else {"anyOf": options})}


def _live() -> Json:
    return {
        "operationId": "live",
        "tags": [],
        "summary": "A live query as server-sent events.",
        "description": "The same path takes WebSockets. Frames: docs/live-protocol.md.",
        "security": [{}, {"token": []}],
        "parameters": [
            {
                "name": "query",
                "in": "query",
                "required": True,
                "description": "The name of a query: `voting.get-tally`.",
                "schema": {"type": "string", "maxLength": ID_LENGTH_MAX},
            },
            {
                "name": "args",
                "in": "query",
                "required": False,
                "description": "Its arguments, as a JSON object.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where to resume.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "200": {
                "description": "A stream that does not end by itself.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _problem(description: str) -> Json:
    return {
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
