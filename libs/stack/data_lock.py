"""One stack per data directory.

Two nats-servers on one store start without complaint and then lose acknowledged messages, so the
directory is locked before anything is started in it. The lock belongs to the open file, and the
servers inherit that file: it is held until the last of them is gone, even if the process that
took it was killed.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_RETRY_SECONDS = 0.05


class DataInUse(Exception):
    """Another stack works on this data."""

    def __init__(self, data: Path, pid: int | None, *, is_alive: bool) -> None:
        self.pid = pid
        who = f"process {pid}" if is_alive else f"servers that process {pid} left behind"
        super().__init__(f"{data} is in use by {who}")


class DataLock:
    """The exclusive right to a data directory, until it is closed by us and by every heir.

    file_descriptor   to be inherited by the servers that work on the data
    """

    def __init__(self, data: Path, *, patience_seconds: float = 10.0) -> None:
        """Take the lock of `data`, which is made when missing.

        A holder that lives is not waited for. One that is dead has servers which are about to
        follow it: they get `patience_seconds`.

        raises   DataInUse
        """
        data.mkdir(parents=True, exist_ok=True)
        self._path = data / "lock"
        self.file_descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience_seconds
        try:
            while not self._try():
                holder = self._holder()
                is_alive = holder is not None and _has_open(holder, self._path)
                if is_alive or time.monotonic() > deadline:
                    raise DataInUse(data, holder, is_alive=is_alive)
                time.sleep(_RETRY_SECONDS)
        except BaseException:
            os.close(self.file_descriptor)
            raise
        os.ftruncate(self.file_descriptor, 0)
        os.pwrite(self.file_descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Give up our share of the lock."""
        os.close(self.file_descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _try(self) -> bool:
        try:
            fcntl.flock(self.file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int | None:
        text = self._path.read_text().strip()
        return int(text) if text.isdigit() else None


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process lives and has the file open (ids are used again, zombies hold nothing)."""
    descriptors = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        return _answers(pid)
    try:
        return any(path.samefile(each) for each in descriptors.iterdir() if each.exists())
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # Somebody else's process has the id: it lives, and we may not look closer.


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
