"""What people should see of a log that is written for machines."""

import json
from pathlib import Path

_WORTH_SEEING = frozenset({"warning", "error", "critical"})
_LINE_LENGTH_MAX = 300


class LogTail:
    """Reads what is added to a log from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0
        self._unfinished = b""

    def news(self) -> list[str]:
        """The new lines worth seeing: warnings, errors, and whatever is no log line at all."""
        shown = (_shown(line)[:_LINE_LENGTH_MAX] for line in self._new_lines())
        return [line for line in shown if line]

    def _new_lines(self) -> list[bytes]:
        if not self._path.exists():
            return []
        if self._path.stat().st_size < self._position:  # Put aside, and begun anew.
            self._position = 0
        with self._path.open("rb") as file:
            file.seek(self._position)
            added = file.read()
        self._position += len(added)
        *lines, self._unfinished = (self._unfinished + added).split(b"\n")
        return lines


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").rstrip()
    try:
        entry = json.loads(text)
    except ValueError:
        return text
    if not isinstance(entry, dict):
        return text
    if entry.get("level") not in _WORTH_SEEING:
        return ""
    details = {
        key: value
        for key, value in entry.items()
        if key not in {"event", "level", "timestamp", "trace_id", "span_id"}
    }
    fields = " ".join(f"{key}={value}" for key, value in details.items())
    return f"{entry['level']}: {entry.get('event', '')} {fields}".rstrip()
