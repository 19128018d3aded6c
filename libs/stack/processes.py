"""Child processes that never outlive the process that started them.

A child gets a session of its own, so that Ctrl-C in a terminal reaches only its parent, which then
stops its children in order. Should the parent die without a chance to do so, the kernel sends the
child a signal (`PR_SET_PDEATHSIG`, Linux only). That promise is tied to the thread which started
the child, so children are started from the main thread.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LOG_SIZE_MAX_BYTES = 20_000_000
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(Exception):
    """A child process ended, or did not get ready, when it should have been running."""


@dataclass(slots=True)
class Child:
    """One program to run and to stop.

    arguments      the program and its arguments
    log_path       where its output is appended; a log grown beyond 20 MB is put aside first
    environment    the whole environment of the child; None for ours
    stop_signals   sent in this order, each with its seconds to obey; SIGKILL comes last of itself
    orphan_signal  sent by the kernel when we die; None if the program sees to it by other means
    inherited      descriptors the child keeps open (a lock that should live as long as it does)
    """

    name: str
    arguments: Sequence[str]
    log_path: Path
    environment: Mapping[str, str] | None = None
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    orphan_signal: signal.Signals | None = signal.SIGKILL
    inherited: Sequence[int] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the program, from the main thread; a program that still runs is left alone."""
        if self.is_running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{self.name} must be started from the main thread")
        with _open_log(self.log_path) as log:
            self._process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
                pass_fds=tuple(self.inherited),
                # Two system calls and no lock, so threads do no harm here.
                preexec_fn=_die_with_parent(self.orphan_signal),  # noqa: PLW1509
            )

    def wait(self, timeout_seconds: float) -> int:
        """Wait for the program to end by itself, and return what it ended with.

        raises   ChildFailed when it takes longer; it is killed then
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure(f"took longer than {timeout_seconds:g} s") from None

    def stop(self) -> None:
        """Ask the program to end, insist, and wait until it has ended."""
        self.request_stop()
        self.finish_stop()

    def request_stop(self) -> None:
        """Ask the program to end; `finish_stop` sees it through."""
        if self.is_running:
            self.signal(self.stop_signals[0][0])

    def finish_stop(self) -> None:
        """Wait for a program that was asked to end; insist, and at last end it."""
        process = self._process
        if process is None:
            return
        for turn, (stop_signal, patience_seconds) in enumerate(self.stop_signals):
            if turn > 0:
                process.send_signal(stop_signal)
            try:
                process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        self.kill()

    def kill(self) -> None:
        """End the program at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What the program ended with (negative: the signal); None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def ending(self) -> str:
        """How the program ended, in words."""
        code = self.exit_code
        if code is None:
            return "runs"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def failure(self, what: str) -> ChildFailed:
        """An error that says what went wrong and ends with the last lines of the log."""
        return ChildFailed(
            f"{self.name} {what} ({self.ending}); {self.log_path} ends with:\n{self.tail()}"
        )

    def tail(self, lines: int = 12) -> str:
        """The last lines of the log."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_SIZE_MAX_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def _die_with_parent(orphan_signal: signal.Signals | None) -> Callable[[], None] | None:
    libc = _libc
    if libc is None or orphan_signal is None:
        return None
    parent = os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:  # It died before we could ask.
            os._exit(1)

    return ask_the_kernel
