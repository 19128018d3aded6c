"""The documents of the contracts: `python -m contracts write|check`.

    write    make `contracts/schemas` anew; refuses what would break somebody, unless it is accepted
    check    fail when they are stale, or when a change would break somebody

A breaking change is rarely needed: give an event a new schema version and an upcaster, a command a
new name beside the old one, a field a default. Where it is, `write --accept-breaking` says that
somebody has thought about it, and the change of the schemas shows it in the review.
"""

import argparse
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from contracts.all import load
from contracts.documents.asyncapi import asyncapi_document
from contracts.documents.compatibility import breaks
from contracts.documents.openapi import openapi_document
from contracts.documents.schemas import message_schemas
from libs.kernel.upcasting import upcasters

Json = dict[str, Any]

SCHEMAS = Path(__file__).parent / "schemas"
OPENAPI, ASYNCAPI = "openapi.json", "asyncapi.json"


def main(arguments: list[str] | None = None, *, folder: Path = SCHEMAS) -> int:
    """Run a command; returns the exit status, 1 when something is to be done about it."""
    parser = argparse.ArgumentParser(prog="python -m contracts", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write", help="make contracts/schemas anew")
    write.add_argument("--accept-breaking", action="store_true", help="although it breaks somebody")
    commands.add_parser("check", help="fail when they are stale or a change would break somebody")
    options = parser.parse_args(arguments)
    today, committed = documents(), read(folder)
    broken = breaks(messages_in(committed), messages_in(today), upcasted=upcasters)
    if options.command == "check":
        return _check(today, committed, broken)
    if broken and not options.accept_breaking:
        _say(
            "nothing is written: this would break somebody (nobody has it yet? --accept-breaking):",
            broken,
        )
        return 1
    _say("written:", write_down(today, committed, folder) or ["nothing has changed"])
    return 0


@cache
def documents() -> Mapping[str, bytes]:
    """Every document of today by its path below the folder."""
    messages = load()
    made: dict[str, Json] = message_schemas(load(private=True))
    made[OPENAPI] = openapi_document(messages, version=version("backline"))
    made[ASYNCAPI] = asyncapi_document(messages, version=version("backline"))
    return {path: _pretty(document) for path, document in made.items()}


def read(folder: Path) -> dict[str, bytes]:
    """Every document in a folder by its path below it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.json"))
    }


def messages_in(documents: Mapping[str, bytes]) -> dict[str, Json]:
    """The schemas of messages among documents."""
    return {path: orjson.loads(text) for path, text in documents.items() if "/" in path}


def write_down(today: Mapping[str, bytes], before: Mapping[str, bytes], folder: Path) -> list[str]:
    """Make a folder hold the documents of today, and only those. Returns what has changed."""
    for path in before.keys() - today.keys():
        (folder / path).unlink()
    for path, text in today.items():
        if before.get(path) != text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text)
    return _differing(today, before)


def _check(today: Mapping[str, bytes], committed: Mapping[str, bytes], broken: list[str]) -> int:
    stale = _differing(today, committed)
    if broken:
        _say(
            "this would break somebody (see python -m contracts write --help):",
            broken,
        )
    if stale:
        _say("contracts/schemas is stale; run ./dev contracts:", stale)
    return 1 if broken or stale else 0


def _differing(today: Mapping[str, bytes], before: Mapping[str, bytes]) -> list[str]:
    return sorted(
        path for path in today.keys() | before.keys() if today.get(path) != before.get(path)
    )


def _pretty(document: Json) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _say(headline: str, lines: list[str]) -> None:
    sys.stderr.write("\n  ".join([headline, *lines]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
