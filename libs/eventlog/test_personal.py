"""What is personal: unreadable in the log, and gone when its key is."""

from base64 import b64encode

import orjson
import pytest
from nats.aio.client import Client

from libs.eventlog import EventLog, JetStreamLog, MemoryLog
from libs.eventlog.codec import encode
from libs.eventlog.conftest import SECRET
from libs.eventlog.keyring import Keyring
from libs.eventlog.protocol import last_message
from libs.eventlog.vault import STREAM, KeyUnreadable, PersonErased, Vault
from libs.kernel.ids import new_id
from libs.kernel.messages import Event, event, message
from libs.kernel.personal import Personal
from libs.testkit.builders import commit_of
from libs.testkit.stack import RunningNats
from libs.testkit.waiting import eventually

ADDRESS = "ann@example.org"


@event("toy.address_told", person="guest_id")
class AddressTold(Event):
    """A guest told where they live."""

    guest_id: str
    address: Personal[str]
    phone: Personal[str] = None
    country: str = "us"


@message
class Child:
    """Somebody whom a guest brings along."""

    name: str
    seats: int


@event("toy.family_told", person="guest_id")
class FamilyTold(Event):
    """A guest told whom they bring along, and what else there is to know."""

    guest_id: str
    children: Personal[list[Child]]
    notes: Personal[dict[str, str]]


async def tell(log: EventLog, guest: str) -> None:
    await log.append([commit_of(guest, AddressTold(guest_id=guest, address=ADDRESS))])


async def read(log: EventLog, guest: str) -> AddressTold:
    (commit,) = (await log.load("raffle", guest)).commits
    (recorded,) = commit.events
    assert isinstance(recorded.data, AddressTold)
    return recorded.data


async def followed(log: EventLog, guest: str) -> str | None:
    async for commits in log.follow(after=0):
        for commit in commits:
            for recorded in commit.events:
                if isinstance(recorded.data, AddressTold) and recorded.data.guest_id == guest:
                    return recorded.data.address
    raise AssertionError


async def test_is_read_as_it_was_written(log: EventLog) -> None:
    guest = new_id()
    await tell(log, guest)
    assert await read(log, guest) == AddressTold(guest_id=guest, address=ADDRESS)
    assert await followed(log, guest) == ADDRESS


async def test_may_be_of_any_shape_that_json_has(log: EventLog) -> None:
    guest = new_id()
    told = FamilyTold(
        guest_id=guest, children=[Child(name="Bo", seats=2)], notes={"sealed": "x", "diet": "none"}
    )
    nothing = FamilyTold(guest_id=guest, children=[], notes={})
    await log.append([commit_of(guest, told, nothing)])
    (commit,) = (await log.load("raffle", guest)).commits
    assert [recorded.data for recorded in commit.events] == [told, nothing]


def test_is_not_written_without_a_key() -> None:
    commit = commit_of("g1", AddressTold(guest_id="g1", address=ADDRESS))
    with pytest.raises(TypeError):
        encode(commit.events)


def test_cannot_be_put_in_another_place() -> None:
    keyring = Keyring()
    keyring.put("ann", bytes(32))
    keyring.put("bob", bytes(32))
    sealed = keyring.seal("ann", "address", ADDRESS)["sealed"]
    assert keyring.open("ann", "address", sealed) == ADDRESS
    assert keyring.open("ann", "phone", sealed) is None
    assert keyring.open("bob", "address", sealed) is None


async def test_refuses_what_is_personal_of_somebody_who_was_erased_in_memory() -> None:
    log = MemoryLog("toy")
    await tell(log, "ann")
    log.keyring.put("ann", None)
    assert (await read(log, "ann")).address is None
    with pytest.raises(PersonErased):
        await tell(log, "ann")


# ---------------------------------------------------------------------------------- on the server


async def vault_and_log(client: Client) -> tuple[Vault, JetStreamLog]:
    vault = await Vault.open(client, SECRET)
    return vault, await JetStreamLog.open(client, "toy", vault)


@pytest.mark.connected
async def test_is_on_no_wire_and_in_no_message_in_the_clear(client: Client) -> None:
    _, log = await vault_and_log(client)
    guest = new_id()
    await tell(log, guest)
    stored = await last_message(client, "EVT_TOY", f"evt.toy.raffle.{guest}", timeout_seconds=2)
    assert stored is not None
    for form in (ADDRESS.encode(), b64encode(ADDRESS.encode())):
        assert form not in stored.payload
    (data,) = (each["data"] for each in orjson.loads(stored.payload))
    assert data["country"] == "us"
    assert data["phone"] is None


@pytest.mark.connected
async def test_is_none_for_a_service_without_the_keys(
    client: Client, nats_server: RunningNats
) -> None:
    _, log = await vault_and_log(client)
    guest = new_id()
    await tell(log, guest)
    reader = await nats_server.connect("toyreader")
    try:
        assert await followed(await JetStreamLog.open(reader, "toy"), guest) is None
    finally:
        await reader.close()


@pytest.mark.connected
async def test_is_gone_everywhere_once_its_key_is_destroyed(
    client: Client, nats_server: RunningNats
) -> None:
    vault, log = await vault_and_log(client)
    guest = new_id()
    await tell(log, guest)
    stored = await last_message(client, STREAM, f"$KV.PERSONS.{guest}", timeout_seconds=2)
    other_client = await nats_server.connect("toy")
    other_vault, other = await vault_and_log(other_client)
    assert (await read(other, guest)).address == ADDRESS
    await vault.destroy(guest)
    await vault.destroy(guest)
    await eventually(lambda: other_vault.keyring.is_erased(guest))
    for each in (log, other, (await vault_and_log(client))[1]):
        assert (await read(each, guest)).address is None
        assert await followed(each, guest) is None
        with pytest.raises(PersonErased):
            await tell(each, guest)
    await other_client.close()
    assert stored is not None
    blocks = list(nats_server.secrets.parent.rglob("KV_PERSONS/msgs/*.blk"))
    assert blocks
    assert not any(stored.payload in block.read_bytes() for block in blocks)


@pytest.mark.connected
async def test_has_one_key_however_many_make_it_at_once(client: Client) -> None:
    guest = new_id()
    vaults = [Vault(client, SECRET) for _ in range(20)]
    for vault in vaults:
        await vault.prepare([guest])
    sealed = vaults[0].keyring.seal(guest, "address", ADDRESS)["sealed"]
    assert {vault.keyring.open(guest, "address", sealed) for vault in vaults} == {ADDRESS}


@pytest.mark.connected
async def test_stops_when_the_secret_is_another(client: Client) -> None:
    guest = new_id()
    await Vault(client, SECRET).prepare([guest])
    with pytest.raises(KeyUnreadable):
        await Vault(client, "another").fetch([guest])
