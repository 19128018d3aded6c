"""What the server itself says to each user, for the table as it stands."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from libs.stack.permissions import (
    DEPLOYER,
    SERVICES,
    Access,
    permissions_of,
    users,
)
from libs.testkit.stack import RunningNats, running_nats

TIMEOUT_SECONDS = 10
FORBIDDEN_TO_ALL = "forbidden.to.all"
STREAMS_OF = ("VOTING", "CATALOG", "INGRESS", "TOY")


class Person:
    """A connected user who remembers what the server refused."""

    def __init__(self, client: Client, refusals: asyncio.Queue[str]) -> None:
        self.client = client
        self._refusals = refusals

    async def is_refused(self, subject: str, payload: bytes = b"{}") -> bool:
        """Whether the server refuses a message on this subject."""
        await self.client.publish(subject, payload)
        return await self._was_refused("publish", subject)

    async def is_deaf_to(self, subject: str) -> bool:
        """Whether the server refuses a subscription to this subject."""
        subscription = await self.client.subscribe(subject)
        refused = await self._was_refused("subscription", subject)
        if not refused:
            await subscription.unsubscribe()
        return refused

    async def ask(self, subject: str, body: object) -> dict[str, Any]:
        answer = await self.client.request(subject, json.dumps(body).encode(), TIMEOUT_SECONDS)
        return dict(json.loads(answer.data))

    async def _was_refused(self, what: str, subject: str) -> bool:
        """Whether a refusal of the subject comes before that of a message refused to everyone."""
        await self.client.publish(FORBIDDEN_TO_ALL, b"")
        refused = False
        while True:
            refusal = await asyncio.wait_for(self._refusals.get(), TIMEOUT_SECONDS)
            if FORBIDDEN_TO_ALL in refusal:
                return refused
            assert f'permissions violation for {what} to "{subject.lower()}"' in refusal
            refused = True


async def join(server: RunningNats, user: str) -> Person:
    refusals: asyncio.Queue[str] = asyncio.Queue(maxsize=100)

    async def remember(error: Exception) -> None:
        refusals.put_nowait(str(error).lower())

    return Person(await server.connect(user, error_cb=remember), refusals)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    """A server of our own: these tests make and delete the logs that others work with."""
    with running_nats(tmp_path_factory.mktemp("permissions")) as server:
        yield server


@pytest.fixture
async def people(own_server: RunningNats) -> AsyncIterator[dict[str, Person]]:
    everyone = {
        user: await join(own_server, user)
        for user in ("voting", "catalog", "gateway", "toy", "toyreader", DEPLOYER)
    }
    for service in STREAMS_OF:
        for kind, subjects in {
            "EVT": ["evt"],
            "SNAP": ["snap"],
            "SCHED": ["sched", "due"],
        }.items():
            config = {
                "name": f"{kind}_{service}",
                "subjects": [f"{each}.{service.lower()}.>" for each in subjects],
                "allow_direct": True,
                "allow_msg_schedules": kind == "SCHED",
            }
            answer = await everyone[DEPLOYER].ask(f"$JS.API.STREAM.CREATE.{kind}_{service}", config)
            assert "error" not in answer
    yield everyone
    for kind in ("EVT", "SNAP", "SCHED"):
        for service in STREAMS_OF:
            await everyone[DEPLOYER].ask(f"$JS.API.STREAM.DELETE.{kind}_{service}", {})
    for each in everyone.values():
        await each.client.close()


def consumer(stream: str, name: str, *filters: str) -> dict[str, Any]:
    config: dict[str, Any] = {"name": name, "ack_policy": "none"}
    if len(filters) == 1:
        config["filter_subject"] = filters[0]
    elif filters:
        config["filter_subjects"] = list(filters)
    return {"stream_name": stream, "config": config}


@pytest.mark.connected
async def test_writes_its_own_log_and_no_other_when_it_is_a_service(
    people: dict[str, Person],
) -> None:
    voting = people["voting"]
    for subject in ("evt.voting.ballot.b1", "snap.voting.ballot.b1"):
        answer = await voting.ask(subject, {})
        assert answer["stream"] in {"EVT_VOTING", "SNAP_VOTING"}
    for kind in ("evt", "snap", "sched", "due", "chg", "hot"):
        assert await voting.is_refused(f"{kind}.catalog.show.s1")
    assert await voting.is_refused("$KV.MEMBERS.catalog.m1")
    assert await voting.is_refused("_INBOX_catalog.anything")


@pytest.mark.connected
async def test_writes_no_log_at_all_when_it_is_the_deployer(people: dict[str, Person]) -> None:
    assert await people[DEPLOYER].is_refused("evt.voting.ballot.b1")
    assert await people[DEPLOYER].is_refused("cmd.voting.1")


@pytest.mark.connected
async def test_changes_no_stream_when_it_is_a_service(people: dict[str, Person]) -> None:
    for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE"):
        for stream in ("EVT_VOTING", "EVT_CATALOG", "KV_MEMBERS"):
            assert await people["voting"].is_refused(f"$JS.API.STREAM.{verb}.{stream}")
    assert await people["voting"].is_refused("$JS.API.STREAM.PURGE.SNAP_CATALOG")
    answer = await people["voting"].ask("$JS.API.STREAM.PURGE.SNAP_VOTING", {})
    assert answer["success"]


@pytest.mark.connected
async def test_reads_only_the_declared_log_when_it_follows_another_service(
    people: dict[str, Person],
) -> None:
    await people["catalog"].ask("evt.catalog.show.s1", {"name": "first"})
    voting = people["voting"]
    create = "$JS.API.CONSUMER.CREATE.EVT_CATALOG"
    follow = consumer("EVT_CATALOG", "voting--shows", "evt.catalog.>")
    made = await voting.ask(f"{create}.voting--shows.evt.catalog.>", follow)
    assert made["name"] == "voting--shows"
    inbox = voting.client.new_inbox()
    subscription = await voting.client.subscribe(inbox)
    await voting.client.publish(
        "$JS.API.CONSUMER.MSG.NEXT.EVT_CATALOG.voting--shows", b"", reply=inbox
    )
    assert json.loads((await subscription.next_msg(TIMEOUT_SECONDS)).data) == {"name": "first"}

    # Without a filter, with another one than the subject says, or with several: refused.
    assert await voting.is_refused(f"{create}.voting--all")
    assert await voting.is_refused(create)
    liar = consumer("EVT_CATALOG", "liar", ">")
    assert "error" in await voting.ask(f"{create}.liar.evt.catalog.>", liar)
    several = consumer("EVT_CATALOG", "several", "evt.catalog.show.>", "evt.catalog.song.>")
    assert "error" in await voting.ask(f"{create}.several.evt.catalog.>", several)
    assert await voting.is_refused("$JS.API.STREAM.MSG.GET.EVT_CATALOG")
    assert await voting.is_refused("$JS.API.DIRECT.GET.EVT_CATALOG")
    # Of ingress catalog declares one aggregate, and of voting nothing.
    narrow = "$JS.API.CONSUMER.CREATE.EVT_INGRESS.catalog--x"
    objects = consumer("EVT_INGRESS", "catalog--x", "evt.ingress.object.>")
    made = await people["catalog"].ask(f"{narrow}.evt.ingress.object.>", objects)
    assert made["name"] == "catalog--x"
    for more in ("evt.ingress.>", "evt.ingress.inbox.>"):
        assert await people["catalog"].is_refused(f"{narrow}.{more}")
    foreign = "$JS.API.CONSUMER.CREATE.EVT_VOTING.catalog--x.evt.voting.>"
    assert await people["catalog"].is_refused(foreign)


@pytest.mark.connected
async def test_reads_its_own_log_in_every_way_when_it_is_a_service(
    people: dict[str, Person],
) -> None:
    toy = people["toy"]
    stored = await toy.ask("evt.toy.thing.t1", {"n": 1})
    answer = await toy.ask("$JS.API.STREAM.MSG.GET.EVT_TOY", {"seq": stored["seq"]})
    assert answer["message"]["subject"] == "evt.toy.thing.t1"
    direct = await toy.client.request("$JS.API.DIRECT.GET.EVT_TOY.evt.toy.thing.t1", b"", timeout=2)
    assert json.loads(direct.data) == {"n": 1}
    made = await toy.ask("$JS.API.CONSUMER.CREATE.EVT_TOY.any", consumer("EVT_TOY", "any"))
    assert made["name"] == "any"


@pytest.mark.connected
async def test_calls_only_whom_it_declares_when_it_is_a_service(people: dict[str, Person]) -> None:
    with pytest.raises(NoRespondersError):  # Allowed, and nobody there.
        await people["gateway"].client.request("cmd.voting.7", b"", timeout=TIMEOUT_SECONDS)
    with pytest.raises(NoRespondersError):
        await people["voting"].client.request("qry.catalog.get-show", b"", timeout=TIMEOUT_SECONDS)
    assert await people["catalog"].is_refused("cmd.voting.7")
    assert await people["toyreader"].is_refused("qry.voting.get-tally")


@pytest.mark.connected
async def test_answers_a_request_when_it_is_the_one_asked(people: dict[str, Person]) -> None:
    async def answer(message: Any) -> None:
        for part in (b"one", b"two"):
            await message.respond(part)

    await people["voting"].client.subscribe("cmd.voting.7", cb=answer)
    await people["voting"].client.flush(timeout=TIMEOUT_SECONDS)
    reply = await people["gateway"].client.request("cmd.voting.7", b"", timeout=TIMEOUT_SECONDS)
    assert reply.data == b"one"


@pytest.mark.connected
async def test_hears_only_what_it_declares_when_it_is_a_service(people: dict[str, Person]) -> None:
    for subject in ("cmd.voting.>", "qry.voting.>", "chg.catalog.>", "$KV.MEMBERS.voting.>"):
        assert not await people["voting"].is_deaf_to(subject)
    for subject in ("cmd.catalog.>", "evt.catalog.>", "_INBOX.>", "_INBOX_gateway.>", ">"):
        assert await people["voting"].is_deaf_to(subject)
    assert await people["catalog"].is_deaf_to("hot.voting.>")
    assert not await people["gateway"].is_deaf_to("hot.*.>")


def test_is_one_entry_when_a_service_is_added() -> None:
    services = {**SERVICES, "merch": Access(reads=("catalog",))}
    assert set(users(services)) == {*SERVICES, "merch", DEPLOYER}
    permissions = permissions_of("merch", services)
    assert "evt.merch.>" in permissions.publish
    assert "cmd.merch.>" in permissions.subscribe
    assert "$JS.API.CONSUMER.CREATE.EVT_CATALOG.*.evt.catalog.>" in permissions.publish
    assert not any(subject.startswith("cmd.catalog") for subject in permissions.publish)


def test_follows_the_streams_of_one_aggregate_alone_when_it_needs_no_more() -> None:
    publish = permissions_of("catalog", SERVICES).publish
    assert "$JS.API.CONSUMER.CREATE.EVT_INGRESS.*.evt.ingress.object.>" in publish
    assert "$JS.API.CONSUMER.CREATE.EVT_INGRESS.*.evt.ingress.>" not in publish


def test_gets_at_its_own_keys_alone_when_a_service_keeps_some() -> None:
    ingress, auth = (permissions_of(user, SERVICES) for user in ("ingress", "auth"))
    for own, other, bucket in ((ingress, auth, "KEYS_INGRESS"), (auth, ingress, "PERSONS")):
        assert f"$KV.{bucket}.*" in own.publish
        assert f"$KV.{bucket}.*" in own.subscribe
        assert not [each for each in (*other.publish, *other.subscribe) if bucket in each]
