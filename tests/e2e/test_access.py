"""Every command and query, tried by every kind of caller, against the table in docs/access.md."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from contracts import all as contracts
from libs.bus import Bus
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import NOBODY, Access, Caller, CommandSpec, Key, QuerySpec, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from tests.e2e.callers import token_of

pytestmark = [pytest.mark.connected, pytest.mark.timeout(240)]

ROW = re.compile(r"^\| `([a-z.-]+)` \| ([a-z ]+) \| (own)? ?\|$", re.MULTILINE)
LEAST = {
    "anyone": Access.PUBLIC,
    "signed in": Access.SIGNED_IN,
    "moderator": Access.MODERATOR,
    "admin": Access.ADMIN,
    "services": Access.SERVICE,
}
CALLERS = {
    "stranger": NOBODY,
    "member": Caller("usr_member", ("member",)),
    "moderator": Caller("usr_moderator", ("moderator",)),
    "admin": Caller("usr_an_admin", ("admin",)),
    "service": service_caller("gateway"),
}
REFUSALS = {"unauthenticated", "forbidden"}
SIDE_EFFECTS = {"auth.deliver-mail"}
"""Not carried out even for a service that may: there is nobody to send it to."""

Spec = CommandSpec | QuerySpec


def reviewed() -> dict[str, Access]:
    text = (Path(__file__).parents[2] / "docs/access.md").read_text()
    return {name: LEAST[least] for name, least, _ in ROW.findall(text)}


def specs(*, private: bool) -> Iterator[Spec]:
    registry = contracts.load(private=private)
    yield from registry.commands.values()
    yield from registry.queries.values()


def test_says_what_was_reviewed() -> None:
    assert {spec.name: spec.access for spec in specs(private=True)} == reviewed()


@pytest.fixture
async def bus(nats_server: RunningNats) -> AsyncIterator[Bus]:
    async with bus_of("gateway", nats_server) as bus:
        yield bus


def test_tries_everybody() -> None:
    assert {each.access for each in CALLERS.values()} == set(Access)


async def test_lets_nobody_do_more_than_was_reviewed(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    services = ["auth", "catalog", "voting", "scheduler", "ingress", "gateway"]
    async with running_services(services, nats_server, database) as settings:
        address = f"http://127.0.0.1:{settings.port}"
        async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
            for name, caller in CALLERS.items():
                signed = ""
                if name not in {"stranger", "service"}:
                    signed = token_of(nats_server, caller.user_id, name)
                for spec in specs(private=True):
                    may = spec.access.admits(caller)
                    if spec.name not in SIDE_EFFECTS:
                        code = await _by_bus(bus, spec, caller)
                        assert (code not in REFUSALS) == may, (spec.name, name, code)
                    if name != "service":
                        code = await _by_http(client, spec, signed)
                        is_public = spec.name in PUBLIC
                        assert (code == "route-unknown") != is_public, (spec.name, code)
                        assert not is_public or (code not in REFUSALS) == may, (spec.name, name)


PUBLIC = {spec.name for spec in specs(private=False)}


async def _by_bus(bus: Bus, spec: Spec, caller: Caller) -> str:
    """What is said to somebody who got past the gateway."""
    try:
        if isinstance(spec, QuerySpec):
            await bus.ask_raw(spec.name, {}, caller=caller)
        else:
            if spec.key == Key.ACTOR and not caller.user_id:
                return "unauthenticated"  # It would be about nobody: there is no way to send it.
            args = {} if spec.key.startswith("@") else {spec.key: "x_1"}
            await bus.send_raw(spec.name, args, caller=caller)
    except RemoteProblem as error:
        return str(error.document["code"])
    return "ok"


async def _by_http(client: httpx2.AsyncClient, spec: Spec, signed: str) -> str:
    headers = {"authorization": f"Bearer {signed}"} if signed else {}
    path = f"/v1/{spec.name.replace('.', '/')}"
    if isinstance(spec, QuerySpec):
        answer = await client.get(path, headers=headers)
    else:
        answer = await client.post(path, headers=headers)
    return "ok" if answer.is_success else str(answer.json()["code"])
