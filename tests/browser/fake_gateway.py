"""The gateway's protocol in front of a `Stage`, with the faults a test asks for."""

import asyncio
import itertools
from typing import Any
from urllib.parse import parse_qs

import jsonpatch
import orjson

from libs.chassis.asgi import Application, Receive, Scope, Send
from libs.kernel.errors import BacklineError, NotFound
from tests.browser.stage import Stage, problem_of


class FakeGateway:
    """`/v1` of a stage; everything else goes to the pages."""

    def __init__(self, stage: Stage, pages: Application) -> None:
        self.stage = stage
        self._pages = pages
        self._lines: set[_Line] = set()
        self._cursors: dict[str, Any] = {}
        self._next_cursor = itertools.count(1)
        self.commands: list[dict[str, Any]] = []
        self.said: list[dict[str, str]] = []
        self.lost_replies = 0
        self.close_code_for_all = 0
        stage.on_change = self.refresh

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_line(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await self._answer(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def refresh(self) -> None:
        """Send everyone what changed for them."""
        for line in list(self._lines):
            line.refresh()

    def cut_all(self, code: int = 1012) -> None:
        """Close every line."""
        for line in list(self._lines):
            line.close(code)

    # ------------------------------------------------------------------ cursors

    def cursor_for(self, result: Any) -> str:
        cursor = f"cursor-{next(self._next_cursor)}"
        self._cursors[cursor] = result
        return cursor

    def result_at(self, cursor: str | None) -> Any:
        """What was said with a cursor; None when it is not ours."""
        return self._cursors.get(cursor or "")

    def forget_cursors(self) -> None:
        """As if the log had been made anew."""
        self._cursors.clear()

    # ------------------------------------------------------------------ HTTP

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/v1/").replace("/", ".", 1)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        try:
            user = self.stage.user_of(
                headers["authorization"].removeprefix("Bearer ")
                if "authorization" in headers
                else None
            )
            if scope["method"] == "POST":
                body = orjson.loads(await _body(receive) or b"{}")
                key = headers.get("idempotency-key", "")
                result = self.command(name, body, user, key, via="HTTP")
                if self.lose_reply(name):
                    await _respond(send, 502, "text/html", "Whoever stands between lost us.")
                    return
            else:
                given = parse_qs(scope["query_string"].decode())
                args = {
                    key: values if key.endswith("_ids") else values[0]
                    for key, values in given.items()
                }
                result = self.stage.ask(name, args, user)
            await _respond(send, 200, "application/json", result)
        except BacklineError as error:
            problem = problem_of(error)
            await _respond(send, problem["status"], "application/problem+json", problem)

    def command(
        self, name: str, args: dict[str, Any], user: str, key: str, *, via: str
    ) -> dict[str, Any]:
        self.commands.append({"command": name, "user": user, "key": key, "via": via})
        if name == "auth.start-guest-session":
            return self.stage.start_guest_session()
        if name == "voting.cast-vote":
            return self.stage.cast_vote(user, key, args)
        raise NotFound(f"there is no command {name}")

    def lose_reply(self, command: str) -> bool:
        """Whether the reply to this command is to be lost, as often as was asked for."""
        is_lost = self.lost_replies > 0 and command == "voting.cast-vote"
        self.lost_replies -= is_lost
        return is_lost

    # ------------------------------------------------------------------ WebSocket

    async def _serve_line(self, receive: Receive, send: Send) -> None:
        await receive()
        if self.close_code_for_all:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": self.close_code_for_all})
            return
        await send({"type": "websocket.accept"})
        line = _Line(self)
        self._lines.add(line)
        writing = asyncio.create_task(line.write(send))
        try:
            while (message := await receive())["type"] == "websocket.receive":
                line.on_frame(orjson.loads(message["text"]))
        finally:
            self._lines.discard(line)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


class _Line:
    """One WebSocket."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self._stage = gateway.stage
        self._out: asyncio.Queue[dict[str, Any] | int] = asyncio.Queue()
        self._user = ""
        self._subscriptions: dict[int, tuple[str, dict[str, Any], Any]] = {}

    async def write(self, send: Send) -> None:
        while not isinstance(frame := await self._out.get(), int):
            await send({"type": "websocket.send", "text": orjson.dumps(frame).decode()})
        await send({"type": "websocket.close", "code": frame})

    def close(self, code: int) -> None:
        self._out.put_nowait(code)

    def on_frame(self, frame: dict[str, Any]) -> None:
        try:
            self._obey(frame)
        except BacklineError as error:
            problem = problem_of(error)
            self._out.put_nowait({"op": "error", "id": frame.get("id"), "problem": problem})

    def _obey(self, frame: dict[str, Any]) -> None:
        match frame["op"]:
            case "auth":
                self._user = self._stage.user_of(frame["token"])
                session = {"user_id": self._user, "roles": ["member"]} if self._user else None
                self._out.put_nowait({"op": "ready", "session": session})
            case "subscribe":
                self._subscribe(frame)
            case "unsubscribe":
                self._subscriptions.pop(frame["id"], None)
            case "ping":
                self._out.put_nowait({"op": "pong"})
            case "command":
                self._command(frame)

    def _command(self, frame: dict[str, Any]) -> None:
        gateway = self._gateway
        result = gateway.command(
            frame["command"], frame["args"], self._user, frame["key"], via="WebSocket"
        )
        if gateway.lose_reply(frame["command"]):
            self.close(1012)
            return
        reply = {"op": "reply", "id": frame["id"], "position": self._stage.position}
        self._out.put_nowait({**reply, "result": result})

    def _subscribe(self, frame: dict[str, Any]) -> None:
        query, args = frame["query"], frame["args"]
        result = self._stage.ask(query, args, self._user)
        before = self._gateway.result_at(frame["cursor"])
        if before is None:
            self._say("result", frame["id"], result, result=result)
        else:
            self._say("resumed", frame["id"], before)
        self._gateway.said.append({"op": "resumed" if before else "result", "query": query})
        self._subscriptions[frame["id"]] = (query, args, result if before is None else before)
        self.refresh()

    def refresh(self) -> None:
        for id_, (query, args, before) in self._subscriptions.items():
            try:
                result = self._stage.ask(query, args, self._user)
            except BacklineError:
                continue  # A running live query keeps its last result until its service is back.
            patch = jsonpatch.make_patch(before, result).patch
            if patch:
                self._subscriptions[id_] = (query, args, result)
                self._say("change", id_, result, patch=patch)

    def _say(self, op: str, id_: int, now: Any, **more: Any) -> None:
        cursor = self._gateway.cursor_for(now)
        frame = {"op": op, "id": id_, "position": self._stage.position, "cursor": cursor}
        self._out.put_nowait({**frame, **more})


async def _body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += bytes(message.get("body", b""))
        more = bool(message.get("more_body"))
    return body


async def _respond(send: Send, status: int, media_type: str, content: Any) -> None:
    headers = [(b"content-type", media_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(content)})
