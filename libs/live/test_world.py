"""A pretend world to try live queries in: a service, the messages it sends, and clients that watch.

Time is pretend too: a loop that never waits jumps to the next timer, so that hours take no time and
the same steps always do the same.
"""

import asyncio
import copy
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import jsonpatch
import orjson

from libs.bus import Answer
from libs.kernel.errors import Unavailable
from libs.kernel.messages import (
    NOBODY,
    Access,
    Caller,
    Query,
    QuerySpec,
    Registry,
    View,
    message,
)
from libs.live.cursor import CursorSigner
from libs.live.frames import Frame
from libs.live.hub import LiveHub, OnMessage, StopListening, Watched
from libs.live.limits import Limits
from libs.live.question import Question, Questions
from libs.live.watcher import Watcher

THINGS = ["alice", "b"]


class _Jumping(selectors.DefaultSelector):
    """Jumps over the time in which nothing can happen."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everyone waits for ever")
        self.now += max(0.0, timeout)
        return super().select(0)


class PretendLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run[T](work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=PretendLoop) as runner:
        return runner.run(work)


# ---------------------------------------------------------------------------------- the contract


@message
class Thing(View):
    thing: str
    parts: dict[str, int]
    order: list[str]


@message
class GetHot(Query[Thing]):
    """Pushed by its owner."""

    thing: str


@message
class GetCold(Query[Thing]):
    """Asked again."""

    thing: str
    limit: int = 3


@message
class GetMine(Query[Thing]):
    """The caller's own."""


def make_registry() -> Registry:
    registry = Registry()
    public = {"access": Access.PUBLIC, "private": False}
    registry.add_query(
        QuerySpec("demo.get-hot", GetHot, watches=("thing.{thing}",), hot="thing", **public)  # type: ignore[arg-type]
    )
    registry.add_query(
        QuerySpec("demo.get-cold", GetCold, watches=("thing.{thing}",), hot=None, **public)  # type: ignore[arg-type]
    )
    registry.add_query(
        QuerySpec(
            "demo.get-mine",
            GetMine,
            access=Access.SIGNED_IN,
            watches=("thing.{caller}",),
            hot=None,
            private=True,
        )
    )
    return registry


# ---------------------------------------------------------------------------------- the service


class Service:
    """Decides, pushes, projects, tells and answers, each in its own time."""

    def __init__(self) -> None:
        self.epoch, self.position = "e0", 0
        self.things: dict[str, dict[str, int]] = {}
        self.listeners: dict[str, list[OnMessage]] = {}
        self.is_down = False
        self.questions = 0
        self.history: dict[tuple[str, int], list[Any]] = {}
        self._checkpoint = 0
        self._projected: dict[str, dict[str, int]] = {}
        self._n = 0
        self._recreations = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # --- messages

    async def listen(self, subject: str, on_message: OnMessage) -> StopListening:
        listeners = self.listeners.setdefault(subject, [])
        listeners.append(on_message)

        async def stop() -> None:
            listeners.remove(on_message)

        return stop

    def send(self, subject: str, body: Any, *, delays: tuple[float, ...]) -> None:
        """Deliver a message once after each delay: none when lost, two when doubled."""
        payload = orjson.dumps(body)
        loop = asyncio.get_running_loop()
        pattern = "chg.*.*" if subject.startswith("chg.") else subject
        for delay in delays:
            loop.call_later(delay, self._deliver, pattern, subject, payload)

    def _deliver(self, pattern: str, subject: str, payload: bytes) -> None:
        for listener in list(self.listeners.get(pattern, ())):
            listener(subject, payload, None)

    # --- writing

    def write(
        self,
        thing: str,
        part: str,
        amount: int,
        *,
        push_delays: tuple[float, ...] = (0.0,),
        project_after: float = 0.01,
        notice_delays: tuple[float, ...] = (0.0,),
    ) -> None:
        """A commit: pushed by the owner, later projected and told."""
        self.position += 1
        parts = self.things.setdefault(thing, {})
        if amount:
            parts[part] = amount
        else:
            parts.pop(part, None)
        for each in THINGS:
            self.history.setdefault((each, self.position), []).append(self.result(each))
        push = {"position": self.position, "epoch": self.epoch, "result": view(thing, parts)}
        self.send(f"hot.demo.get-hot.{thing}", push, delays=push_delays)
        self._later(project_after, self.project, notice_delays)

    def project(self, notice_delays: tuple[float, ...] = (0.0,)) -> None:
        """Catch up with all that was committed, in one transaction, and tell."""
        changed = {
            thing for thing in self.things if self.things[thing] != self._projected.get(thing)
        }
        self._checkpoint, self._projected = self.position, copy.deepcopy(self.things)
        self.notify({f"thing.{thing}": self.position for thing in changed}, notice_delays)

    def notify(self, keys: dict[str, int], delays: tuple[float, ...]) -> None:
        self._n += 1
        notice = {
            "n": self._n,
            "publisher": f"p{self._recreations}",
            "epoch": self.epoch,
            "position": self._checkpoint,
            "keys": keys,
        }
        self.send("chg.demo.things", notice, delays=delays)

    def recreate(self) -> None:
        """The log is lost, and begun anew."""
        self._recreations += 1
        self.epoch, self.position, self._n = f"e{self._recreations}", 0, 0
        self.things, self._projected, self._checkpoint = {}, {}, 0

    async def beat(self) -> None:
        while True:
            self.notify({}, (0.0,))
            await asyncio.sleep(1)

    def _later(self, delay: float, act: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(delay, act, *args)

    # --- answering

    async def ask_raw(
        self, name: str, args: dict[str, Any], *, caller: Caller, after: int | None = None
    ) -> Answer:
        self.questions += 1
        await asyncio.sleep(0.002)
        for _ in range(20):
            if not self.is_down and self._checkpoint >= (after or 0):
                break
            await asyncio.sleep(0.05)
        else:
            raise Unavailable("too late")
        thing = caller.user_id if name == "demo.get-mine" else args["thing"]
        answer = Answer(self._checkpoint, self.epoch, self.result(thing, self._projected))
        await asyncio.sleep(0.003 * (self.questions % 3))
        return answer

    def was(self, thing: str, position: int, result: Any) -> bool:
        """Whether this was ever the result at this position."""
        return result in self.history.get((thing, position), [view(thing, {})])

    def result(self, thing: str, things: dict[str, dict[str, int]] | None = None) -> Any:
        return view(thing, (self.things if things is None else things).get(thing, {}))


def view(thing: str, parts: dict[str, int]) -> Any:
    order = sorted(parts, key=lambda part: (-parts[part], part))
    return {"thing": thing, "parts": dict(parts), "order": order}


# ---------------------------------------------------------------------------------- those who watch


class Client:
    """Believes what it is told, as docs/live-protocol.md says, and complains if that cannot be."""

    def __init__(self, question: Question, service: Service) -> None:
        self.question = question
        self.thing: str = question.args.get("thing") or question.caller.user_id
        self._service = service
        self.result: Any = None
        self.position = -1
        self.cursor: str | None = None
        self.problem: Any = None
        self.frames: list[dict[str, Any]] = []
        self.watcher: Watcher | None = None
        self._hub: LiveHub | None = None
        self._watched: Watched | None = None

    def connect(self, hub: LiveHub, *, keep_cursor: bool = True) -> None:
        self.disconnect()
        if not keep_cursor:
            self.cursor = None
        self.frames, self.problem = [], None
        self.watcher = watcher = Watcher(_encode, b"1", self._take, self._on_end)
        self._hub, self._watched = hub, hub.watch(self.question, watcher, self.cursor)

    def disconnect(self) -> None:
        if self.watcher is not None:
            assert self._watched is not None
            self._watched.query.detach(self.watcher)
            self.watcher = None

    def pause(self) -> None:
        if self.watcher is not None:
            self.watcher.is_paused = True

    def resume(self) -> None:
        if self.watcher is not None:
            assert self._watched is not None
            self.watcher.is_paused = False
            self._watched.query.catch_up(self.watcher)

    def _on_end(self, _: Watcher) -> None:
        self.watcher = None

    def _take(self, payload: bytes) -> None:
        frame = orjson.loads(payload)
        assert frame["id"] == 1
        if not self.frames:
            assert frame["op"] in {"result", "resumed", "error"}
        self.frames.append(frame)
        match frame["op"]:
            case "result":
                self.result = frame["result"]
            case "change":
                assert frame["position"] > self.position
                self.result = jsonpatch.apply_patch(
                    self.result, orjson.dumps(frame["patch"]).decode()
                )
            case "resumed":
                assert self.cursor is not None
                assert frame["position"] >= self.position
            case "error":
                self.problem, self.cursor = frame["problem"], None
                return
        self.position, self.cursor = frame["position"], frame["cursor"]
        assert self._service.was(self.thing, self.position, self.result)


def _encode(frame: Frame, subscription_id: bytes) -> bytes:
    return frame.json(subscription_id)


class World:
    """A service, two gateways, and what it takes to run them."""

    def __init__(self) -> None:
        self.service = Service()
        self.registry = make_registry()
        self.questions = Questions(self.registry, asked_by="gateway")
        self.hubs = [self._hub(), self._hub()]
        self._tasks: list[asyncio.Task[None]] = []

    def _hub(self) -> LiveHub:
        signer = CursorSigner(b"secret")
        return LiveHub(self.service, self.service.listen, signer, Limits())

    async def __aenter__(self) -> "World":
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(hub.run()) for hub in self.hubs]
        self._tasks.append(loop.create_task(self.service.beat()))
        await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def client(self, query: str, caller: Caller = NOBODY, **args: Any) -> Client:
        return Client(self.questions.of(query, args, caller), self.service)
