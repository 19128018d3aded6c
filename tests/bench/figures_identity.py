"""Figures of identity: tokens checked, sessions renewed, and how soon a right is gone."""

import asyncio
import time
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

from libs.bus import Bus
from libs.chassis.revocations import Revocations
from libs.chassis.tokens import Jwks, Signer, Verifier
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller
from services.auth.adapters.passwords import Passwords
from tests.bench.edge import EDGE
from tests.bench.figure import Figure, Measured
from tests.bench.stack import BenchStack, bench_stack
from tests.e2e.callers import signed_in

CONNECTIONS = 1_000
CONNECTIONS_OF_A_SESSION = 10
BETWEEN_ENDINGS_SECONDS = 0.05
RENEWALS = 3_000
IN_FLIGHT = 64
CHECKS = 20_000

Session = dict[str, Any]


# ---------------------------------------------------------------------------------- tokens


async def token_check(*, quick: bool) -> Figure:
    """What it takes the gateway to know a token, at first sight and again."""
    count = CHECKS // 20 if quick else CHECKS
    signer = Signer.of_this_process()

    async def fetch() -> Jwks:
        return signer.jwks()

    verifier, revocations = Verifier(fetch, system_clock), Revocations(system_clock)
    revocations.learn([])
    now = system_clock()
    tokens = [
        signer.sign(new_id(), ("member",), "named", at=now, ttl_seconds=900, session_id=new_id())[0]
        for _ in range(count // 10)
    ]
    began_at = time.perf_counter()
    for token in tokens:
        revocations.check(await verifier.verify(token))
    first = (time.perf_counter() - began_at) / len(tokens)
    began_at = time.perf_counter()
    for number in range(count):
        identity = verifier.recall(tokens[number % len(tokens)])
        assert identity is not None
        revocations.check(identity)
    again = (time.perf_counter() - began_at) / count
    return Figure(
        "token-check",
        "an access token is checked, revocations included",
        "first sight ≤ 200 µs, then ≤ 5 µs",
        Measured("at first sight", first * 1e6, "µs"),
        [Measured("again", again * 1e6, "µs")],
    )


async def sign_in_cost(*, quick: bool) -> Figure:
    """What bounds signing in with a password: argon2id."""
    passwords = Passwords()
    known = await passwords.hash("a harmonica in the rain")
    count = 8 if quick else 60
    began_at = time.perf_counter()
    await asyncio.gather(*(passwords.is_right(known, "a wrong one") for _ in range(count)))
    seconds = time.perf_counter() - began_at
    parameters = known.split("$")[3]
    return Figure(
        "sign-in",
        f"passwords checked (argon2id, {parameters}), in two threads",
        "bounded by argon2 alone",
        Measured("checked", count / seconds, "/s", {"ms_each": 2000 * seconds / count}),
    )


# ---------------------------------------------------------------------------------- sessions


async def renewals(*, quick: bool) -> Figure:
    """Sessions renewed a second, each a commit."""
    count = RENEWALS // 20 if quick else RENEWALS
    async with bench_stack(EDGE, with_database=True) as stack:
        client = await stack.connect("auth")
        bus = Bus(client)
        sessions = await _signed_in(bus, IN_FLIGHT)
        seconds: list[float] = []

        async def renew(session: Session, times: int) -> None:
            for _ in range(times):
                sent_at = time.perf_counter()
                args = {name: session[name] for name in ("session_id", "refresh_token")}
                session = await bus.send_raw("auth.renew-session", args, caller=NOBODY)
                seconds.append(time.perf_counter() - sent_at)

        began_at = time.perf_counter()
        await asyncio.gather(*(renew(session, count // IN_FLIGHT) for session in sessions))
        took = time.perf_counter() - began_at
        await client.close()
    return Figure(
        "renewals",
        f"sessions renewed, {IN_FLIGHT} in flight",
        "500/s",
        Measured("Backline", len(seconds) / took, "/s", _percentiles(seconds)),
    )


async def revocation(*, quick: bool) -> Figure:
    """From the command that ends a session to the close of its connections, among many others."""
    connections = CONNECTIONS // 10 if quick else CONNECTIONS
    async with bench_stack(EDGE, with_database=True) as stack:
        client = await stack.connect("auth")
        bus = Bus(client)
        sessions = await _signed_in(bus, connections // CONNECTIONS_OF_A_SESSION)
        opened = [await _connected(stack, session) for session in sessions]
        seconds: list[float] = []

        async def end(session: Session, its: list[ClientConnection]) -> None:
            sent_at = time.perf_counter()
            caller = Caller(session["user_id"], ("member",))
            args = {"session_id": session["session_id"]}
            closing = [asyncio.create_task(_closed_after(each, sent_at)) for each in its]
            await bus.send_raw("auth.end-session", args, caller=caller)
            seconds.extend(await asyncio.gather(*closing))

        endings = []
        for session, its in zip(sessions, opened, strict=True):
            endings.append(asyncio.create_task(end(session, its)))
            await asyncio.sleep(BETWEEN_ENDINGS_SECONDS)
        await asyncio.gather(*endings)
        await client.close()
    numbers = _percentiles(seconds)
    return Figure(
        "revocation",
        f"sign-out to close, {connections:,} connections open, {1 / BETWEEN_ENDINGS_SECONDS:.0f}/s",
        "p99 ≤ 1,000 ms",
        Measured("p99", numbers["p99_ms"], "ms", numbers),
    )


async def _signed_in(bus: Bus, count: int) -> list[Session]:
    return await asyncio.gather(*(signed_in(bus) for _ in range(count)))


async def _connected(stack: BenchStack, session: Session) -> list[ClientConnection]:
    hello = orjson.dumps({"op": "auth", "token": session["token"]}).decode()
    found = []
    for _ in range(CONNECTIONS_OF_A_SESSION):
        connection = await connect(f"ws://127.0.0.1:{stack.port}/v1/live", ping_interval=None)
        await connection.send(hello)
        await connection.recv()
        found.append(connection)
    return found


async def _closed_after(connection: ClientConnection, since: float) -> float:
    await connection.wait_closed()
    return time.perf_counter() - since


def _percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
        "max_ms": 1000 * ordered[-1],
    }
