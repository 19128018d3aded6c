"""Reading what others have written: never trusting a type, never failing at what is not needed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

TEXT_MAX: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM: Final = 100_000_000_000
"""Numbers from here on count milliseconds: as seconds they would be in the year 5138."""

_PARTNER_ID: Final = re.compile(r"[A-Za-z0-9_.:=+/-]{1,200}")
_NUMBER: Final = re.compile(r"[0-9]{1,16}(\.[0-9]{1,9})?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Unreadable(Exception):
    """A body says something that we know of, and says it in a way that we cannot read."""


@dataclass(frozen=True, slots=True)
class About:
    """What a body is about.

    event_type  empty when it does not say
    key         the same for all that must be processed in order; None when that cannot be told
    """

    event_type: str = ""
    key: str | None = None


def at(document: Any, *path: str | int) -> Any:
    """What stands at a path in a document; None where there is nothing."""
    for step in path:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        else:
            known = isinstance(document, list) and step < len(document)
            document = document[step] if known else None
    return document


def text(document: Any, *path: str | int) -> str:
    """A text at a path, on one line and not long; empty where there is none."""
    found = at(document, *path)
    return _CONTROL.sub("", found)[:TEXT_MAX] if isinstance(found, str) else ""


def partner_id(document: Any, *path: str | int) -> str | None:
    """An id at a path. A number counts as one; an e-mail address, or anything long, as none."""
    found = at(document, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return found if isinstance(found, str) and _PARTNER_ID.fullmatch(found) else None


def needed_id(document: Any, *path: str | int) -> str:
    """An id that must be there. raises   Unreadable"""
    found = partner_id(document, *path)
    if found is None:
        raise Unreadable(f"no id at {_place(path)}")
    return found


def moment(document: Any, *path: str | int) -> datetime | None:
    """A moment at a path; None where nothing stands.

    Partners write seconds, milliseconds, both as texts, and ISO 8601 with any offset; some of them
    in the same field. Without an offset it is UTC.
    raises   Unreadable for anything else
    """
    found = at(document, *path)
    if found is None:
        return None
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = float(found) if "." in found else int(found)
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            seconds = found / 1000 if found >= _MILLISECONDS_FROM else found
            return _EPOCH + timedelta(seconds=seconds)
        if isinstance(found, str):
            read = datetime.fromisoformat(found)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # Said below, with its place.
    raise Unreadable(f"no moment at {_place(path)}")


def facts(document: Any, *names: str) -> dict[str, str]:
    """Words and numbers of a document by their names, those that are there."""
    found = {}
    for name in names:
        value = at(document, *name.split("."))
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, int):
            found[name] = str(value)[:TEXT_MAX]
        elif isinstance(value, str):
            found[name] = text(document, *name.split("."))
    return found


def _place(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path)) or "the top"
