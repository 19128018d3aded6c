"""Finds the collections of setlists among files and folders, and reads them."""

import codecs
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.catalog.adapters import gdshowsdb, pearljam, setlistfm
from services.catalog.adapters.csv_table import Table
from services.catalog.adapters.findings import Finding, Part, Unreadable, Where


class Shape(StrEnum):
    """The shapes that can be read."""

    YAML = "gdshowsdb, YAML"
    JSON = "setlist.fm, JSON"
    TABLES = "Pearl Jam, CSV"


_SHAPE_OF_SUFFIX = {
    ".yaml": Shape.YAML,
    ".yml": Shape.YAML,
    ".json": Shape.JSON,
    ".jsonl": Shape.JSON,
    ".ndjson": Shape.JSON,
    ".csv": Shape.TABLES,
    ".tsv": Shape.TABLES,
}

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Files that are read together, because they refer to each other."""

    shape: Shape
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found under some paths.

    passed_over  files in folders that are of no shape we know; named files of that kind are refused
    """

    sources: list[Source]
    passed_over: list[Path]
    refusals: list[Finding]


def find_sources(paths: Sequence[Path]) -> Sources:
    """Look for files to read: the paths themselves, and all that is in those that are folders.

    The tables of one folder belong together; every other file stands for itself. Hidden files are
    not looked at, and no file is read twice.
    """
    found = Sources([], [], [])
    tables: dict[Path, list[Path]] = defaultdict(list)
    seen: set[Path] = set()
    for path, is_named in _files(paths, found):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        shape = _SHAPE_OF_SUFFIX.get(path.suffix.casefold())
        if shape is Shape.TABLES:
            tables[path.parent].append(path)
        elif shape is not None:
            found.sources.append(Source(shape, (path,)))
        elif is_named:
            reason = f"files are told apart by {' '.join(_SHAPE_OF_SUFFIX)}"
            found.refusals.append(_refused(path, reason))
        else:
            found.passed_over.append(path)
    found.sources.extend(Source(Shape.TABLES, tuple(files)) for files in tables.values())
    return found


def _files(paths: Sequence[Path], found: Sources) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it was named rather than found in a folder."""
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                parts = inner.relative_to(path).parts
                if inner.is_file() and not any(part.startswith(".") for part in parts):
                    yield inner, False
        elif path.is_file():
            yield path, True
        else:
            found.refusals.append(_refused(path, "there is no such file"))


def _refused(path: Path, reason: str) -> Finding:
    return Unreadable(reason).refusal(Part.FILE, Where(str(path), 0))


def read(source: Source) -> Iterator[Finding]:
    """Read the files of a source: its facts, and its refusals, also of files that do not open."""
    texts: list[tuple[str, str]] = []
    for path in source.files:
        try:
            texts.append((_text(path), str(path)))
        except OSError as error:
            yield _refused(path, f"cannot be read: {error.strerror}")
    match source.shape:
        case Shape.TABLES:
            yield from pearljam.read(Table(text, file) for text, file in texts)
        case Shape.YAML:
            for text, file in texts:
                yield from gdshowsdb.read(text, file)
        case Shape.JSON:
            for text, file in texts:
                yield from setlistfm.read(text, file)


def _text(path: Path) -> str:
    """The text of a file, with plain line ends. Bytes that are no text become U+FFFD, which the
    readers refuse where it matters.
    """
    raw = path.read_bytes()
    encodings = (name for mark, name in _BYTE_ORDER_MARKS.items() if raw.startswith(mark))
    text = raw.decode(next(encodings, "utf-8"), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
