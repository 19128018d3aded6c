"""List every problem that a caller can meet, by its code."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated

import typer

from libs.kernel.errors import BacklineError, RemoteProblem

app = typer.Typer()

PACKAGES = ("contracts", "libs", "services")
_NOT_OURS = ("test_", "conftest", "__main__")
_FOR_TESTS = "libs.testkit."

_HEAD = """# Problems

Every refusal is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document. Match on
`code`; what to do follows from the kind:

| kind | status | what a client does |
|---|---|---|
| `invalid`, `too-large` | 400, 405, 413, 415, 431 | mend the request: it will be refused again |
| `unauthenticated` | 401 | sign in, or get a new token |
| `forbidden` | 403 | nothing: this caller may not |
| `not-found` | 404 | look elsewhere |
| `rejected` | 409 | tell the user: the domain said no |
| `conflict` | 409 | try again once |
| `rate-limited`, `unavailable` | 412, 429, 503 | try again after `retry_after` seconds, same key |
| `internal` | 500 | report it; a bug of ours |

Over the bus, `owner-moved` (unavailable) tells a caller that a slot has just changed hands; the bus
asks again by itself. Written by `backline errors --markdown`.

| code | kind | status | means |
|---|---|---|---|
"""


@app.command()
def errors(
    markdown: Annotated[bool, typer.Option(help="Print the page docs/errors.md.")] = False,
) -> None:
    """List every problem that a caller can meet, by its code."""
    if markdown:
        typer.echo(page(), nl=False)
        return
    for problem in problems():
        typer.echo(f"{problem.status}  {problem.code:<32}  {problem.title}")


def page() -> str:
    """The page of problems."""
    rows = [
        f"| `{problem.code}` | {problem.kind} | {problem.status} | {problem.title} |"
        for problem in problems()
    ]
    return _HEAD + "\n".join(rows) + "\n"


def problems() -> list[type[BacklineError]]:
    """One class for each code, by code; those of no service first."""
    for package in PACKAGES:
        for name in _modules(package):
            importlib.import_module(name)
    by_code = {cls.code: cls for cls in reversed(list(_below(BacklineError)))}
    return sorted(by_code.values(), key=lambda cls: ("." in cls.code, cls.code))


def _modules(package: str) -> Iterator[str]:
    paths = importlib.import_module(package).__path__
    for found in pkgutil.walk_packages(paths, f"{package}."):
        if not found.name.rsplit(".", 1)[1].startswith(_NOT_OURS):
            yield found.name


def _below(cls: type[BacklineError]) -> Iterator[type[BacklineError]]:
    for child in cls.__subclasses__():
        module = child.__module__
        tested = module.startswith(_FOR_TESTS) or any(
            part.startswith(_NOT_OURS) for part in module.split(".")
        )
        if child is not RemoteProblem and module.startswith(PACKAGES) and not tested:
            yield child
        yield from _below(child)
