"""HTTP as clients see it: the whole application in a real uvicorn, over a bus that is not there."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast

import httpx2
import orjson
import pytest
import uvicorn
import uvloop

from contracts import all as contracts
from contracts.auth import GetJwks
from libs.bus import Answer, Bus
from libs.chassis.revocations import Revocations
from libs.chassis.tokens import Signer
from libs.kernel.clock import system_clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.messages import Caller, Query
from libs.live.cursor import CursorSigner
from libs.live.hub import LiveHub, OnMessage, StopListening
from libs.live.limits import Limits
from libs.live.question import Questions
from libs.live.server import LiveServer
from libs.readmodel.errors import ReadModelBehind
from services.gateway.adapters import Desk
from services.gateway.api.application import create_application
from services.gateway.api.cross_origin import CrossOrigin
from services.gateway.api.routes import Routes

VOTE = {"show_id": "shw_1", "song_id": "sng_9"}
CAST = "/v1/voting/cast-vote"
TALLY = "/v1/voting/get-tally"
SIGNER = Signer.of_this_process()
MESSAGES = contracts.load()


def on_uvloop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        uvloop.run(bounded())

    return run


class StandInBus:
    """Answers in the place of every service, and remembers what it was asked."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.position = 7

    async def send_raw(self, name: str, args: Any, **more: Any) -> dict[str, Any]:
        self.sent.append({"name": name, "args": args, **more})
        if self.error is not None:
            raise self.error
        return {"vote_id": "vot_1", "position": 12}

    async def ask_raw(
        self, name: str, args: Any, *, caller: Caller, after: int | None = None
    ) -> Answer:
        self.asked.append({"name": name, "args": args, "caller": caller, "after": after})
        if self.error is not None:
            raise self.error
        return Answer(self.position, "e", {"asked": name, "at": self.position})

    async def ask(self, query: Query[Any], *, caller: Caller) -> Answer:  # noqa: ARG002
        assert isinstance(query, GetJwks)
        return Answer(0, "e", SIGNER.jwks())


class Site:
    """The application, what is behind it and a client in front of it."""

    def __init__(self) -> None:
        self.bus = StandInBus()
        self.client: httpx2.AsyncClient
        self.listeners: dict[str, OnMessage] = {}
        questions = Questions(MESSAGES, asked_by="gateway")
        revocations = Revocations(system_clock)
        revocations.learn([])
        desk = Desk(cast("Bus", self.bus), MESSAGES, system_clock, revocations)
        hub = LiveHub(self.bus, self._listen, CursorSigner(b"secret"), Limits())
        self.live = LiveServer(
            hub=hub,
            questions=questions,
            verify=desk.identify,
            send=desk.send,
            clock=system_clock,
            path="/v1/live",
        )
        routes = Routes(
            MESSAGES,
            desk,
            self.live,
            cross_origin=CrossOrigin(["https://app.example"]),
            body_bytes_max=65_536,
        )
        self.application: Any = create_application(MESSAGES, routes)

    async def _listen(self, subject: str, on_message: OnMessage) -> StopListening:
        self.listeners[subject] = on_message

        async def stop() -> None:
            self.listeners.pop(subject, None)

        return stop


@asynccontextmanager
async def running() -> AsyncIterator[Site]:
    site = Site()
    server = uvicorn.Server(
        uvicorn.Config(site.application, ws="none", lifespan="off", log_config=None)
    )
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    ready = asyncio.Event()
    live = asyncio.create_task(site.live.run(ready.set))
    serving = asyncio.create_task(server._serve([bound]))
    await ready.wait()
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with httpx2.AsyncClient(base_url=address, trust_env=False) as site.client:
        yield site
    await site.live.drain()
    server.should_exit = True
    await serving
    live.cancel()
    await asyncio.gather(live, return_exceptions=True)


def token(user_id: str = "usr_1", *roles: str, seconds: float = 60) -> dict[str, str]:
    at = datetime.now(UTC) + timedelta(seconds=min(0, seconds - 60))
    text, _ = SIGNER.sign(user_id, roles or ("member",), "guest", at=at, ttl_seconds=60)
    return {"Authorization": f"Bearer {text}"}


def code_of(response: httpx2.Response) -> tuple[int, str]:
    """The status and code of a problem, after a look at its form."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:backline:problem:{problem['code']}"
    return response.status_code, problem["code"]


# ---------------------------------------------------------------------------------- commands


@on_uvloop
async def test_carries_a_command_out_when_all_is_well() -> None:
    async with running() as site:
        response = await site.client.post(CAST, json=VOTE, headers=token())
        assert response.status_code == 200
        assert response.json() == {"vote_id": "vot_1", "position": 12}
        assert response.headers["backline-position"] == "12"
        (sent,) = site.bus.sent
        assert (sent["name"], sent["args"]) == ("voting.cast-vote", VOTE)
        assert sent["caller"] == Caller("usr_1", ("member",))
        assert sent["command_id"] is None


@on_uvloop
async def test_makes_the_same_command_when_caller_and_key_are_the_same() -> None:
    async with running() as site:
        for user, key in [("a", "k"), ("a", "k"), ("b", "k"), ("a", "j")]:
            headers = {**token(user), "Idempotency-Key": key}
            await site.client.post(CAST, json=VOTE, headers=headers)
        ids = [sent["command_id"] for sent in site.bus.sent]
        assert ids[0] == ids[1]
        assert len(set(ids)) == 3


@on_uvloop
async def test_trusts_a_strangers_key_when_nobody_could_guess_it() -> None:
    async with running() as site:
        for key in ["short", "short", "x" * 20, "x" * 20]:
            headers = {"Idempotency-Key": key}
            await site.client.post("/v1/auth/start-guest-session", headers=headers)
        ids = [sent["command_id"] for sent in site.bus.sent]
        assert ids[:2] == [None, None]
        assert ids[2] == ids[3] is not None


@on_uvloop
async def test_refuses_a_command_when_the_request_is_wrong() -> None:
    async with running() as site:
        json_type = {"Content-Type": "application/json"}
        signed = token()
        big = b'{"show_id":"' + b"x" * 70_000 + b'"}'

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(9):
                yield b" " * 8192

        requests: list[tuple[dict[str, Any], tuple[int, str]]] = [
            ({"json": VOTE}, (401, "unauthenticated")),
            ({"json": VOTE, "headers": {"Authorization": "Basic x"}}, (401, "token-invalid")),
            ({"json": VOTE, "headers": {"Authorization": "Bearer x.y.z"}}, (401, "token-invalid")),
            ({"json": VOTE, "headers": token(seconds=-5)}, (401, "token-expired")),
            ({"content": b"{", "headers": signed | json_type}, (400, "body-not-json")),
            ({"content": b"[]", "headers": signed | json_type}, (400, "body-not-json")),
            ({"content": b"\xff", "headers": signed | json_type}, (400, "body-not-json")),
            ({"content": b"{}", "headers": signed}, (415, "media-type-unsupported")),
            ({"data": VOTE, "headers": signed}, (415, "media-type-unsupported")),
            ({"content": big, "headers": signed | json_type}, (413, "body-too-large")),
            ({"content": chunks(), "headers": signed | json_type}, (413, "body-too-large")),
            ({"json": {}, "headers": signed}, (400, "arguments-invalid")),
            ({"json": VOTE | {"more": 1}, "headers": signed}, (400, "arguments-invalid")),
            ({"json": VOTE | {"song_id": 5}, "headers": signed}, (400, "arguments-invalid")),
            ({"json": VOTE | {"song_id": "a.b"}, "headers": signed}, (400, "arguments-invalid")),
            ({"json": VOTE, "headers": signed | {"Idempotency-Key": ""}}, (400, "header-invalid")),
            (
                {"json": VOTE, "headers": signed | {"Idempotency-Key": "k" * 129}},
                (400, "header-invalid"),
            ),
        ]
        for request, expected in requests:
            assert code_of(await site.client.post(CAST, **request)) == expected, request
        assert site.bus.sent == []


@on_uvloop
async def test_tells_who_may_not_from_who_is_unknown() -> None:
    async with running() as site:
        path, body = "/v1/voting/open-ballot", {"show_id": "shw_1"}
        assert code_of(await site.client.post(path, json=body)) == (401, "unauthenticated")
        response = await site.client.post(path, json=body, headers=token())
        assert code_of(response) == (403, "forbidden")
        response = await site.client.post(path, json=body, headers=token("m", "moderator"))
        assert response.status_code == 200
        internal = await site.client.post("/v1/voting/set-up-ballot", headers=token("a", "admin"))
        assert code_of(internal) == (403, "forbidden")


@on_uvloop
async def test_passes_on_what_the_service_said_when_it_refused() -> None:
    async with running() as site:
        document = {
            "type": "urn:backline:problem:voting.ballot-not-open",
            "title": "t",
            "status": 409,
            "kind": "rejected",
            "code": "voting.ballot-not-open",
            "detail": "d",
        }
        site.bus.error = RemoteProblem(document)
        response = await site.client.post(CAST, json=VOTE, headers=token())
        assert code_of(response) == (409, "voting.ballot-not-open")
        assert response.json() == document
        site.bus.error = Unavailable(retry_after_seconds=0.4)
        response = await site.client.get(TALLY, params={"show_id": "s"})
        assert code_of(response) == (503, "unavailable")
        assert response.headers["retry-after"] == "1"
        site.bus.error = RuntimeError("the password is 12345")
        response = await site.client.get(TALLY, params={"show_id": "s"})
        assert code_of(response) == (500, "internal")
        assert "12345" not in response.text


# ---------------------------------------------------------------------------------- queries


@on_uvloop
async def test_types_the_parameters_when_a_query_is_asked() -> None:
    async with running() as site:
        address = "/v1/voting/list-ballots?show_ids=a&show_ids=b&limit=7&status=open"
        response = await site.client.get(address, headers={"Backline-After": "41"})
        assert response.json() == {"asked": "voting.list-ballots", "at": 7}
        assert response.headers["backline-position"] == "7"
        assert site.bus.asked[-1]["args"] == {
            "show_ids": ["a", "b"],
            "limit": 7,
            "status": "open",
        }
        assert site.bus.asked[-1]["after"] == 41
        await site.client.get("/v1/voting/list-ballots?show_ids=a")
        assert site.bus.asked[-1]["args"] == {"show_ids": ["a"], "limit": 50, "status": None}
        args = json.dumps({"show_id": "s"})
        await site.client.get(
            "/v1/gateway/get-viewers", params={"query": "voting.get-tally", "args": args}
        )
        assert site.bus.asked[-1]["args"] == {
            "query": "voting.get-tally",
            "args": {"show_id": "s"},
        }
        head = await site.client.head(address)
        assert (head.status_code, head.content) == (200, b"")


@on_uvloop
async def test_refuses_a_query_when_its_parameters_are_wrong() -> None:
    async with running() as site:
        for address in (
            TALLY,
            f"{TALLY}?show_id=",
            f"{TALLY}?show_id=a&show_id=b",
            f"{TALLY}?show_id=a&more=1",
            f"{TALLY}?show_id=%ff%fe",
            f"{TALLY}?show_id=" + "a" * 5000,
            f"{TALLY}?show_id=a&" + "&".join(f"x{n}=1" for n in range(600)),
            "/v1/voting/list-ballots?limit=0",
            "/v1/voting/list-ballots?limit=many",
            "/v1/voting/list-ballots?status=none",
            "/v1/gateway/get-viewers?query=a&args=%7B",
            "/v1/gateway/get-viewers?query=a&args=5",
        ):
            assert code_of(await site.client.get(address)) == (400, "arguments-invalid"), address
        for after in ("x", "-1", "", "9" * 19 + "9", "9" * 30):
            response = await site.client.get(
                f"{TALLY}?show_id=a", headers={"Backline-After": after}
            )
            assert code_of(response) == (400, "header-invalid"), after
        assert site.bus.asked == []


@on_uvloop
async def test_answers_with_412_when_the_position_asked_for_is_not_reached() -> None:
    async with running() as site:
        site.bus.error = RemoteProblem(ReadModelBehind(retry_after_seconds=1).problem())
        response = await site.client.get(f"{TALLY}?show_id=a", headers={"Backline-After": "99"})
        assert code_of(response) == (412, "position-not-reached")
        assert response.json()["kind"] == "unavailable"
        assert response.headers["retry-after"] == "1"


# ---------------------------------------------------------------------------------- paths, origins


@on_uvloop
async def test_answers_with_a_problem_when_path_or_method_is_unknown() -> None:
    async with running() as site:
        client = site.client
        for path in ("/v1", "/v1/", "/v1/x", "/v1/voting", "/v1/voting/cast-vote/", "/v1/a/b/c"):
            assert code_of(await client.get(path)) == (404, "route-unknown"), path
        for path in ("/", "/nothing", "/docs/x", "/v1x"):
            assert code_of(await client.get(path)) == (404, "route-unknown"), path
        assert code_of(await client.get("/v1/%00%ff/..%2f")) == (404, "route-unknown")
        for method, path, allow in [
            ("GET", CAST, "POST, OPTIONS"),
            ("DELETE", TALLY, "GET, HEAD, OPTIONS"),
            ("TRACE", TALLY, "GET, HEAD, OPTIONS"),
            ("POST", "/v1/live", "GET, OPTIONS"),
            ("POST", "/docs", "GET, HEAD"),
            ("PUT", "/openapi.json", "GET, HEAD"),
        ]:
            response = await client.request(method, path)
            assert code_of(response) == (405, "method-not-allowed"), path
            assert response.headers["allow"] == allow


@on_uvloop
async def test_lets_pages_of_listed_origins_in_and_no_others() -> None:
    async with running() as site:
        ask = {"Access-Control-Request-Method": "POST"}
        listed, other = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
        response = await site.client.options(CAST, headers=listed | ask)
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "Idempotency-Key" in response.headers["access-control-allow-headers"]
        response = await site.client.options(CAST, headers=other | ask)
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["allow"] == "POST, OPTIONS"
        response = await site.client.get(f"{TALLY}?show_id=a", headers=listed)
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert response.headers["vary"] == "Origin"
        response = await site.client.get(TALLY, headers=listed)
        assert response.headers["access-control-allow-origin"] == "https://app.example"


@on_uvloop
async def test_describes_itself() -> None:
    async with running() as site:
        document = (await site.client.get("/openapi.json")).json()
        assert document["paths"]["/v1/voting/cast-vote"]["post"]["operationId"]
        page = await site.client.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "voting.cast-vote" in page.text
        for outside in ("https://", "//cdn", "<script"):
            assert outside not in page.text


# ---------------------------------------------------------------------------------- streams


class Events:
    """An event stream, read event by event."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str | None, Any]:
        """The next event: its id, and the frame."""
        cursor = None
        async for line in self._lines:
            if line.startswith("id: "):
                cursor = line.removeprefix("id: ")
            elif line.startswith("data: "):
                return cursor, orjson.loads(line.removeprefix("data: "))
        raise EOFError


def live(**parameters: str) -> str:
    given = {"query": "voting.get-tally", "args": '{"show_id":"s"}', **parameters}
    return f"/v1/live?{httpx2.QueryParams(given)}"


@on_uvloop
async def test_streams_a_result_and_changes_and_resumes() -> None:
    async with running() as site:
        async with site.client.stream("GET", live()) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            events = Events(response)
            cursor, frame = await events.next()
            assert (frame["op"], frame["id"], frame["result"]["at"]) == ("result", 1, 7)
            assert frame["cursor"] == cursor
            push = {"position": 8, "epoch": "e", "result": {"asked": "x", "at": 8}}
            site.listeners["hot.voting.get-tally.s"]("", orjson.dumps(push), None)
            cursor, frame = await events.next()
            assert (frame["op"], frame["position"]) == ("change", 8)
            assert cursor == frame["cursor"]
        assert cursor is not None
        for address, headers in [
            (live(cursor=cursor), {}),
            (live(cursor="bad"), {"Last-Event-ID": cursor}),
        ]:
            async with site.client.stream("GET", address, headers=headers) as response:
                assert (await Events(response).next())[1]["op"] == "resumed"


@on_uvloop
async def test_refuses_a_stream_before_it_begins_when_it_cannot_be() -> None:
    async with running() as site:
        for address, expected in [
            ("/v1/live", (400, "arguments-invalid")),
            (live(query="a.b"), (404, "query-unknown")),
            (live(args="{"), (400, "arguments-invalid")),
            (live(args="[]"), (400, "arguments-invalid")),
            (live(more="1"), (400, "arguments-invalid")),
            (live(query="voting.get-my-vote"), (401, "unauthenticated")),
        ]:
            assert code_of(await site.client.get(address)) == expected, address


@on_uvloop
async def test_ends_a_stream_when_the_query_fails_the_token_expires_or_it_drains() -> None:
    async with running() as site:
        site.bus.error = Unavailable()
        async with site.client.stream("GET", live()) as response:
            events = Events(response)
            assert (await events.next())[1]["problem"]["code"] == "unavailable"
            with pytest.raises(EOFError):
                await events.next()
        site.bus.error = None
        headers = token(seconds=1.5)
        async with site.client.stream("GET", live(), headers=headers) as response:
            events = Events(response)
            await events.next()
            with pytest.raises(EOFError):
                await events.next()
        async with site.client.stream("GET", live()) as response:
            events = Events(response)
            await events.next()
            await site.live.drain()
            with pytest.raises(EOFError):
                await events.next()
        assert code_of(await site.client.get(live())) == (503, "live.draining")
        assert site.live.connections == 0
