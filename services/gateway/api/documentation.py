"""The page at /docs: the OpenAPI document for people, whole in one file and without scripts."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

Json = dict[str, Any]

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def documentation_page(document: Json) -> str:
    """An OpenAPI document of ours as HTML."""
    operations = [
        {"path": path, "method": method, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    services = [
        {
            "name": tag["name"],
            "operations": [each for each in operations if tag["name"] in each["tags"]],
        }
        for tag in document["tags"]
    ]
    return _TEMPLATES.get_template("documentation.html").render(
        info=document["info"],
        services=services,
        live=next(each for each in operations if not each["tags"]),
        schemas=document["components"]["schemas"],
        type_of=type_of,
        reference_of=reference_of,
    )


def type_of(schema: Json) -> str:
    """A schema in a few words: `list of Candidate`, `text, 1 to 64 characters`."""
    if "$ref" in schema:
        return str(reference_of(schema))
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"“{each}”" for each in schema["enum"])
    if "const" in schema:
        return f"“{schema['const']}”"
    kind = schema.get("type")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    words = {"string": "text", "null": "nothing", "boolean": "true or false"}
    name = words.get(str(kind), str(kind or "anything"))
    if schema.get("format") == "date-time":
        name = "time"
    low = schema.get("minLength", schema.get("minimum"))
    high = schema.get("maxLength", schema.get("maximum"))
    unit = " characters" if kind == "string" else ""
    if low is None and high is None:
        return name
    span = f"{low} to {high}" if None not in (low, high) else f"at least {low}"
    return f"{name}, {span if low is not None else f'at most {high}'}{unit}"


def reference_of(schema: Json) -> str | None:
    """The name of the component that a schema refers to; None when it does not."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rpartition("/")[2]
