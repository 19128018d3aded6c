"""The files that browsers are given: those of the pages, and the client."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libs

_HERE = Path(__file__).parents[1]
_FOLDERS = {
    "static": _HERE / "static",
    "client": Path(libs.__path__[0], "client-js", "src"),
}
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = {".woff2"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `gzipped` is None where compressing gains nothing."""

    content: bytes
    gzipped: bytes | None
    media_type: str
    etag: str


class Assets:
    """The files under `static/`, and the client under `client/`, read once.

    version  changes whenever any of them does, so that an address with it may be kept for good
    """

    def __init__(self) -> None:
        self._assets = dict(_read_all())
        names = "".join(f"{name}{asset.etag}" for name, asset in sorted(self._assets.items()))
        self.version = _digest(names.encode())

    def find(self, path: str) -> Asset | None:
        """The file at a path such as `static/page.css`; None when there is none."""
        return self._assets.get(path)

    def address(self, path: str) -> str:
        """Where browsers find a file, in its present version. raises KeyError: no such file"""
        if path not in self._assets:
            raise KeyError(path)
        return f"/assets/{self.version}/{path}"


def _read_all() -> Iterator[tuple[str, Asset]]:
    for name, folder in _FOLDERS.items():
        for path in sorted(folder.rglob("*")):
            if path.suffix in _TYPES and path.is_file():
                yield f"{name}/{path.relative_to(folder).as_posix()}", _read(path)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    gzipped = None if path.suffix in _COMPRESSED_ALREADY else gzip.compress(content, mtime=0)
    return Asset(content, gzipped, _TYPES[path.suffix], f'"{_digest(content)}"')


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
