"""Connections to the real servers: refused subjects, outages, and what readiness says of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from libs.chassis.connections import NatsClosed, NatsRefused, connect_nats
from libs.chassis.process import Process
from libs.chassis.secrets import SecretMissing, Secrets
from libs.chassis.service import Runtime
from libs.chassis.settings import ProcessSettings
from libs.telemetry.metrics import NATS_CONNECTED, NATS_PERMISSION_VIOLATIONS
from libs.testkit.stack import RunningDatabase, RunningNats, running_nats

pytestmark = pytest.mark.connected


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[RunningNats]:
    with running_nats(tmp_path) as server:
        yield server


def settings_of(nats: RunningNats, **more: object) -> ProcessSettings:
    return ProcessSettings.model_validate(
        {"nats_url": nats.url, "secrets": nats.secrets, "strict": True, **more}
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110  # Nobody tells us when it comes true.
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("verb", ["publish", "subscribe"])
async def test_ends_the_process_when_nats_refuses_a_subject(
    nats_server: RunningNats, verb: str
) -> None:
    process = Process(settings_of(nats_server))
    before = NATS_PERMISSION_VIOLATIONS.labels("toy")._value.get()
    try:
        client = await process.connection("toy")
        if verb == "publish":
            await client.publish("evt.voting.ballot.shw_1", b"not ours")
        else:
            await client.subscribe("cmd.voting.1")
        with pytest.raises(NatsRefused, match=r"toy: .*ermissions"):
            async with asyncio.timeout(10):
                await process.until_broken()
    finally:
        await process.close()
    assert NATS_PERMISSION_VIOLATIONS.labels("toy")._value.get() == before + 1


async def test_only_raises_the_alarm_when_the_process_is_not_strict(
    nats_server: RunningNats,
) -> None:
    broken: list[Exception] = []
    settings = settings_of(nats_server, strict=False)
    counter = NATS_PERMISSION_VIOLATIONS.labels("toy")._value
    before = counter.get()
    client = await connect_nats("toy", settings, Secrets(settings.secrets), broken.append)
    try:
        await client.publish("evt.voting.ballot.shw_1", b"not ours")

        async def is_counted() -> bool:
            return bool(counter.get() == before + 1)

        await until(is_counted)
    finally:
        await client.close()
    assert broken == []


async def test_goes_on_when_an_answer_comes_too_late(own_nats: RunningNats) -> None:
    process = Process(settings_of(own_nats))
    counter = NATS_PERMISSION_VIOLATIONS.labels("toy")._value
    before = counter.get()
    asked: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()

    async def on_message(message: Msg) -> None:
        asked.set_result(message)

    try:
        client = await process.connection("toy")
        await client.subscribe("cmd.toy.1", cb=on_message)
        await client.flush()
        async with asyncio.timeout(15):
            caller = await own_nats.connect("gateway")
            await caller.publish("cmd.toy.1", b"", reply=caller.new_inbox())
            message = await asked
            await caller.close()
            own_nats.server.stop()
            own_nats.server.start()
            while not client.is_connected or client.stats["reconnects"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await message.respond(b"too late")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await process.until_broken()
    finally:
        await process.close()
    assert counter.get() == before


async def test_ends_the_process_when_nats_closes_the_connection(nats_server: RunningNats) -> None:
    process = Process(settings_of(nats_server))
    try:
        client = await process.connection("toy")
        await client._process_err("'user authentication revoked'")  # As if the server said so.
        with pytest.raises(NatsClosed, match="toy: nats: user authentication revoked"):
            async with asyncio.timeout(10):
                await process.until_broken()
    finally:
        await process.close()


async def test_goes_on_when_nats_comes_back(own_nats: RunningNats) -> None:
    process = Process(settings_of(own_nats))
    runtime = Runtime(process, "toy")
    heard = asyncio.Event()

    async def on_message(_message: object) -> None:
        heard.set()

    async def is_ready() -> bool:
        return (await process.health.readiness())[0]

    async def is_away() -> bool:
        is_ready, document = await process.health.readiness()
        return not is_ready and document["depends_on"] == {"nats as toy": "ConnectionError"}

    try:
        client = await runtime.connection()
        await client.subscribe("hot.toy.>", cb=on_message)
        await until(is_ready)
        own_nats.server.stop()
        await until(is_away)
        assert NATS_CONNECTED.labels("toy")._value.get() == 0
        own_nats.server.start()
        await until(is_ready)
        await client.publish("hot.toy.score", b"1")
        async with asyncio.timeout(10):
            await heard.wait()
        assert NATS_CONNECTED.labels("toy")._value.get() == 1
    finally:
        await process.close()


async def test_waits_for_nats_when_it_starts_later(own_nats: RunningNats) -> None:
    own_nats.server.stop()
    process = Process(settings_of(own_nats))
    try:
        connecting = asyncio.create_task(process.connection("toy"))
        done, _ = await asyncio.wait({connecting}, timeout=0.5)
        assert not done
        own_nats.server.start()
        async with asyncio.timeout(10):
            assert (await connecting).is_connected
    finally:
        await process.close()


async def test_works_in_its_own_schema_when_it_asks_for_the_database(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    process = Process(settings_of(nats_server, database_url=database.url))
    try:
        async with process.database("auth").connect() as connection:
            found = await connection.exec_driver_sql(
                "select current_user, current_setting('search_path'), current_setting('timezone')"
            )
            assert found.one() == ("backline_auth", "auth", "UTC")
        is_ready, document = await process.health.readiness()
        assert is_ready
        assert document["depends_on"] == {"database as auth": "ready"}
    finally:
        await process.close()


async def test_is_not_ready_when_the_database_is_away(nats_server: RunningNats) -> None:
    url = "postgresql://127.0.0.1:1/backline"
    process = Process(settings_of(nats_server, database_url=url))
    try:
        process.database("auth")
        is_ready, document = await process.health.readiness()
        assert not is_ready
        assert document["status"] == "not ready"
        assert document["depends_on"] == {"database as auth": "ConnectionRefusedError"}
    finally:
        await process.close()


async def test_names_the_missing_file_when_a_service_has_no_secret(
    nats_server: RunningNats, tmp_path: Path
) -> None:
    process = Process(settings_of(nats_server, secrets=tmp_path))
    try:
        with pytest.raises(SecretMissing, match=r"toy\.nats: No such file"):
            await process.connection("toy")
    finally:
        await process.close()
