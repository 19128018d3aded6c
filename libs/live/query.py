"""One live query: a question, its answer as it was last shown, and everyone who watches it.

New answers come in by `observe`, from whoever has them and in any order; the newest counts. What
changed since it was last shown goes out as one frame, made once: at once after a quiet time, and
then at most every `spacing_seconds`. All watchers have been shown the same, so one patch serves
them all; who could not take it is shown a whole result later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import orjson
from opentelemetry.trace import Span

from libs.bus import Answer
from libs.kernel.errors import Problem
from libs.live.cursor import Cursor, CursorSigner, canonical, digest_of_result, hash_of_epoch
from libs.live.frames import (
    Encoding,
    Frame,
    change_frame,
    error_frame,
    result_frame,
    resumed_frame,
)
from libs.live.patch import Json, difference
from libs.live.question import Question
from libs.live.watcher import Watcher
from libs.telemetry import names, span
from libs.telemetry.metrics import LIVE_FRAMES, LIVE_FRAMES_SUPERSEDED, LIVE_SUBSCRIPTIONS

RECENT_CHANGES_MAX = 32
WRITES_PER_TURN = 256
CAUSES_MAX = 16
PATCH_EXCESS_BYTES = 512
"""How much longer than the whole result a patch may be: beyond it, it replaces the whole."""

Spawn = Callable[[Coroutine[Any, Any, None]], None]
Group = tuple[Encoding, bytes]


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as watchers have it; `text` and `digest` are of the result, in canonical JSON."""

    position: int
    epoch: str
    result: Json
    text: bytes
    digest: bytes
    cursor: str


@dataclass(frozen=True, slots=True)
class Change:
    """A frame that was shown, and the digest of the result it was a change to."""

    before: bytes
    frame: Frame


class LiveQuery:
    """Keeps its watchers' results true. Belongs to one event loop."""

    def __init__(
        self,
        question: Question,
        signer: CursorSigner,
        spawn: Spawn,
        on_idle: Callable[[], None],
        *,
        spacing_seconds: float,
    ) -> None:
        """Nobody watches yet.

        spawn            runs a coroutine that somebody owns
        on_idle          called when the last watcher has left
        spacing_seconds  between two changes
        """
        self.question = question
        self.watchers = 0
        self._signer = signer
        self._spawn = spawn
        self._on_idle = on_idle
        self._spacing_seconds = spacing_seconds
        self._loop = asyncio.get_running_loop()
        self._latest: Answer | None = None
        self._shown: Shown | None = None
        self._version = 0
        self._recent: deque[Change] = deque(maxlen=RECENT_CHANGES_MAX)
        self._groups: dict[Group, dict[Watcher, None]] = {}
        self._waiting: dict[Watcher, Cursor | None] = {}
        self._causes: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._is_sending = False

    # ------------------------------------------------------------------------------ answers

    @property
    def answer(self) -> Answer | None:
        """The newest answer; None before the first."""
        return self._latest

    @property
    def wanted(self) -> int:
        """The position that those who wait have seen elsewhere; 0 when any answer will do."""
        return max(map(self._position_of, self._waiting.values()), default=0)

    def observe(self, answer: Answer, cause: str | None = None) -> None:
        """Take an answer, unless a newer one is known. An answer of another epoch is newer.

        cause    the traceparent of what brought it about
        """
        latest = self._latest
        if latest is not None and latest.epoch == answer.epoch:
            if answer.position <= latest.position:
                return
        else:
            self._recent.clear()
        self._latest = answer
        if cause is not None and len(self._causes) < CAUSES_MAX:
            self._causes.append(cause)
        if self.watchers:
            self._show_soon()

    def admit_waiting(self) -> None:
        """The question was answered: let in those for whom what we have is new enough."""
        if not self._groups:
            self._renew_shown()
        for watcher, cursor in list(self._waiting.items()):
            if self._shown is not None and self._position_of(cursor) <= self._shown.position:
                del self._waiting[watcher]
                self._admit(watcher, cursor)

    # ------------------------------------------------------------------------------ watchers

    def attach(self, watcher: Watcher, cursor: Cursor | None, *, when_asked_again: bool) -> bool:
        """Begin to show the query to a watcher.

        cursor            what it has already; None for nothing
        when_asked_again  not before the next answer, as the present one may be stale
        returns           whether it is shown now; if not, it waits for an answer
        """
        self.watchers += 1
        LIVE_SUBSCRIPTIONS.inc()
        if not self._groups:
            self._renew_shown()
        shown = self._shown
        if shown is None or when_asked_again or self._position_of(cursor) > shown.position:
            self._waiting[watcher] = cursor
            return False
        self._admit(watcher, cursor)
        return True

    def detach(self, watcher: Watcher) -> None:
        """Stop showing. The watcher must be attached."""
        self.watchers -= 1
        LIVE_SUBSCRIPTIONS.dec()
        watcher.is_paused = True  # A frame may be on its way to many just now; not to this one.
        if watcher in self._waiting:
            del self._waiting[watcher]
        else:
            key = (watcher.encoding, watcher.subscription_id)
            group = self._groups[key]
            del group[watcher]
            if not group:
                del self._groups[key]
        if not self.watchers:
            self._on_idle()

    def catch_up(self, watcher: Watcher) -> None:
        """A watcher that was paused takes frames again: show it what it missed, as a whole."""
        if watcher.version != self._version and watcher not in self._waiting:
            self._send_result(watcher)

    def refuse_waiting(self, problem: Problem) -> None:
        """No answer is to be had: whoever waits for one is told why, and is no watcher any more."""
        self._dismiss(list(self._waiting), problem)

    def end(self, problem: Problem) -> None:
        """The question can no longer be answered: tell everyone."""
        self.close()
        shown = [watcher for group in self._groups.values() for watcher in group]
        self._dismiss([*self._waiting, *shown], problem)

    def close(self) -> None:
        """Show nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _dismiss(self, watchers: Iterable[Watcher], problem: Problem) -> None:
        frame = error_frame(problem)
        for watcher in watchers:
            self.detach(watcher)
            watcher.send(frame)
            watcher.on_end(watcher)

    def _position_of(self, cursor: Cursor | None) -> int:
        """What a watcher has seen elsewhere: time must not run backwards for it."""
        latest = self._latest
        if cursor is None or latest is None or not self._is_ours(cursor, latest.epoch):
            return 0
        return cursor.position

    def _is_ours(self, cursor: Cursor, epoch: str) -> bool:
        return cursor.question == self.question.hash and cursor.epoch == hash_of_epoch(epoch)

    def _admit(self, watcher: Watcher, cursor: Cursor | None) -> None:
        frames = None if cursor is None else self._frames_after(cursor)
        if frames is None:
            self._send_result(watcher)
        else:
            for frame in frames:
                watcher.send(frame)
            watcher.version = self._version
        self._groups.setdefault((watcher.encoding, watcher.subscription_id), {})[watcher] = None

    def _frames_after(self, cursor: Cursor) -> list[Frame] | None:
        """What leads from the cursor's result to the one shown; None when only a result does."""
        shown = self._shown
        assert shown is not None
        if not self._is_ours(cursor, shown.epoch):
            return None
        if cursor.digest == shown.digest:
            return [resumed_frame(shown.position, shown.cursor)]
        frames: list[Frame] = []
        for change in reversed(self._recent):
            frames.append(change.frame)
            if change.before == cursor.digest:
                frames.append(resumed_frame(cursor.position, self._signer.write(cursor)))
                return frames[::-1]
        return None

    def _send_result(self, watcher: Watcher) -> None:
        shown = self._shown
        assert shown is not None
        watcher.send(result_frame(shown.position, shown.cursor, shown.text))
        watcher.version = self._version
        LIVE_FRAMES.labels("result").inc()

    # ------------------------------------------------------------------------------ showing

    def _show_soon(self) -> None:
        if self._timer is not None or self._is_sending:
            return
        wait = self._not_before - self._loop.time()
        if wait > 0:
            self._timer = self._loop.call_later(wait, self._on_timer)
        else:
            self._show()

    def _on_timer(self) -> None:
        self._timer = None
        self._show()

    def _show(self) -> None:
        """Tell everyone who watches what is new, and let in who waited for it."""
        causes, self._causes = self._causes, []
        frame = self._renew_shown()
        if frame is not None and self._groups:
            self._not_before = self._loop.time() + self._spacing_seconds
            with self._pushing(causes):
                self._broadcast(frame)
        self.admit_waiting()

    def _renew_shown(self) -> Frame | None:
        """Make what is known what is shown; returns the frame that tells it, if there is news."""
        latest, before = self._latest, self._shown
        if latest is None or (before is not None and before.result is latest.result):
            return None
        if before is None or before.epoch != latest.epoch:
            self._shown = shown = self._as_shown(latest)
            self._version += 1
            return result_frame(shown.position, shown.cursor, shown.text)
        patch = difference(before.result, latest.result)
        self._shown = shown = self._as_shown(latest)
        if not patch:
            return None  # Whoever comes next may know how new it is; the others need not.
        text = orjson.dumps(patch)
        if len(text) > len(shown.text) + PATCH_EXCESS_BYTES:
            text = b'[{"op":"replace","path":"","value":%b}]' % shown.text
        frame = change_frame(shown.position, shown.cursor, text)
        self._recent.append(Change(before.digest, frame))
        self._version += 1
        return frame

    def _as_shown(self, answer: Answer) -> Shown:
        text = canonical(answer.result)
        digest = digest_of_result(text)
        epoch = hash_of_epoch(answer.epoch)
        cursor = self._signer.write(Cursor(self.question.hash, epoch, answer.position, digest))
        return Shown(answer.position, answer.epoch, answer.result, text, digest, cursor)

    def _pushing(self, causes: list[str]) -> AbstractContextManager[Span]:
        return span(
            f"push {self.question.spec.name}",
            parent=causes[0] if causes else None,
            links=causes[1:],
            attributes={names.QUERY: self.question.spec.name, names.WATCHERS: self.watchers},
        )

    def _broadcast(self, frame: Frame) -> None:
        if self.watchers <= WRITES_PER_TURN:
            for (encoding, subscription_id), watchers in self._groups.items():
                self._write(frame, encoding(frame, subscription_id), watchers)
        else:
            self._is_sending = True
            self._spawn(self._broadcast_in_turns(frame))

    async def _broadcast_in_turns(self, frame: Frame) -> None:
        """Write to many without keeping everything else waiting.

        The next frame waits for as long again as this one took: where there is more to send than
        can be sent, frames become fewer, and whoever votes is still heard.
        """
        began_at = self._loop.time()
        try:
            for (encoding, subscription_id), group in list(self._groups.items()):
                payload, watchers = encoding(frame, subscription_id), list(group)
                for start in range(0, len(watchers), WRITES_PER_TURN):
                    self._write(frame, payload, watchers[start : start + WRITES_PER_TURN])
                    await asyncio.sleep(0)
        finally:
            self._is_sending = False
        ended_at = self._loop.time()
        self._not_before = max(self._not_before, ended_at + (ended_at - began_at))
        shown, latest = self._shown, self._latest
        if self.watchers and shown and latest and shown.result is not latest.result:
            self._show_soon()

    def _write(self, frame: Frame, payload: bytes, watchers: Iterable[Watcher]) -> None:
        before, version = self._version - 1, self._version
        written = spared = 0
        for watcher in watchers:
            if watcher.is_paused:
                spared += 1
            elif watcher.version == before:
                watcher.write(payload)
                watcher.version = version
                written += 1
            elif watcher.version != version:
                self._send_result(watcher)
        LIVE_FRAMES.labels(frame.op).inc(written)
        if spared:
            LIVE_FRAMES_SUPERSEDED.inc(spared)
