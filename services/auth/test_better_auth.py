"""Users of Better Auth, from a dump with genuine hashes: taken over once, and let in."""

import gzip
import io
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.kernel.ids import new_id
from libs.testkit.stack import RunningDatabase, RunningNats
from services.auth.adapters.passwords import BETTER_AUTH, Passwords
from services.auth.cli.taking_over import take_over
from services.auth.conftest import Mailbox
from services.auth.test_accounts import code_of, say

LEGACY = Path(__file__).parents[2].parent / "shared/data/legacy-pg/open"
COPY = re.compile(r"^COPY (\S+) \((.*?)\) FROM stdin;\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL)

pytestmark = [
    pytest.mark.connected,
    pytest.mark.skipif(
        not LEGACY.exists() and not os.environ.get("CI"),
        reason="the dump of Better Auth is not beside this checkout",
    ),
]


async def test_knows_genuine_hashes() -> None:
    passwords = Passwords()
    for known in json.loads((LEGACY / "better_auth_password_hashes.json").read_text()):
        taken_over = BETTER_AUTH + known["hash"]
        assert passwords.is_of_another_system(taken_over)
        assert await passwords.is_right(taken_over, known["password"])
        assert not await passwords.is_right(taken_over, known["password"] + " ")


@pytest.fixture
async def legacy(database: RunningDatabase) -> AsyncIterator[str]:
    """A database of Better Auth, as it was dumped."""
    dump = gzip.decompress((LEGACY / "better_auth.sql.gz").read_bytes()).decode()
    name = f"legacy_{new_id().lower().replace('-', '_')}"
    admin = await asyncpg.connect(database.superuser_url)
    await admin.execute(f'create database "{name}"')
    url = database.superuser_url.rpartition("/")[0] + f"/{name}"
    connection = await asyncpg.connect(url)
    for table in re.findall(r"^CREATE TABLE .*?^\);$", dump, re.MULTILINE | re.DOTALL):
        await connection.execute(table)
    for table, columns, rows in COPY.findall(dump):
        await connection.copy_to_table(
            table.removeprefix("public.").strip('"'),
            source=io.BytesIO(rows.encode()),
            columns=[each.strip().strip('"') for each in columns.split(",")],
        )
    await connection.close()
    yield url
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


async def test_takes_users_over_once_and_lets_them_in(
    bus: Bus,
    mailbox: Mailbox,
    legacy: str,
    nats_server: RunningNats,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKLINE_NATS_URL", nats_server.url)
    monkeypatch.setenv("BACKLINE_SECRETS", str(nats_server.secrets))
    first = await take_over(legacy)
    assert (first.read, first.new, first.unchanged, first.refused) == (60, 60, 0, [])
    before = await _last_position(nats_server)
    second = await take_over(legacy)
    assert (second.new, second.unchanged) == (0, 60)
    assert await _last_position(nats_server) == before

    connection = await asyncpg.connect(legacy)
    found = await connection.fetchrow(
        'select u.email, a.password from "user" u join account a on a."userId" = u.id'
        ' where a.password is not null and u."emailVerified" limit 1'
    )
    await connection.close()
    assert found is not None
    known = json.loads((LEGACY / "better_auth_password_hashes.json").read_text())
    (password,) = {each["password"] for each in known if each["hash"] == found["password"]}
    wrong = say(bus, "sign-in", email=found["email"], password="not it")
    assert await code_of(wrong) == "auth.credentials-wrong"
    for _ in range(2):  # By the hash of Better Auth, then by our own.
        session = await say(bus, "sign-in", email=found["email"], password=password)
        assert session["kind"] == "named"
    sent = await say(bus, "send-sign-in-mail", email=found["email"])
    assert sent == {"position": 0}
    assert await mailbox.proof(found["email"])


async def _last_position(nats_server: RunningNats) -> int:
    client = await nats_server.connect("auth")
    try:
        return await (await JetStreamLog.open(client, "auth")).last_position()
    finally:
        await client.close()
