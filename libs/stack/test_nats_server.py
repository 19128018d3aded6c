"""nats-server as the stack runs it."""

import json
import signal
import urllib.request
from pathlib import Path

import pytest
from nats.errors import Error as NatsError

from libs.stack.credentials import Credentials
from libs.stack.nats_config import PAYLOAD_SIZE_MAX_BYTES
from libs.stack.nats_server import NatsServer
from libs.stack.permissions import DEPLOYER, SERVICES, databases, users
from libs.stack.processes import ChildFailed
from libs.testkit.stack import RunningNats, running_nats

pytestmark = pytest.mark.connected


async def test_keeps_what_it_acknowledged_when_it_was_killed(tmp_path: Path) -> None:
    config = {"name": "EVT_TOY", "subjects": ["evt.toy.>"]}
    with running_nats(tmp_path) as nats_server:
        deployer = await nats_server.connect(DEPLOYER)
        await deployer.request("$JS.API.STREAM.CREATE.EVT_TOY", json.dumps(config).encode())
        toy = await nats_server.connect("toy")
        await toy.request("evt.toy.thing.t1", b"kept", timeout=5)
        nats_server.server.child.signal(signal.SIGKILL)
        nats_server.server.child.wait(10)
        nats_server.server.start()
        toy = await nats_server.connect("toy")
        answer = await toy.request("$JS.API.STREAM.MSG.GET.EVT_TOY", b'{"seq": 1}', timeout=5)
        assert b"evt.toy.thing.t1" in answer.data
        await toy.close()


async def test_refuses_whoever_has_no_key(nats_server: RunningNats) -> None:
    import nats

    with pytest.raises(NatsError, match="Authorization Violation"):
        await nats.connect(nats_server.url, allow_reconnect=False)
    with pytest.raises(NatsError, match="Authorization Violation"):
        await nats.connect(nats_server.url, user="voting", password="", allow_reconnect=False)


def test_fsyncs_every_message_and_takes_large_ones(nats_server: RunningNats) -> None:
    monitor = nats_server.server.monitor_url
    with urllib.request.urlopen(f"{monitor}/varz", timeout=5) as answer:
        status = json.load(answer)
    assert status["jetstream"]["config"]["sync_always"]
    assert status["max_payload"] == PAYLOAD_SIZE_MAX_BYTES
    assert status["host"] == status["http_host"] == "127.0.0.1"


def test_says_why_when_it_cannot_start(tmp_path: Path, nats_server: RunningNats) -> None:
    credentials = Credentials(tmp_path / "secrets")
    credentials.ensure(users(SERVICES), databases(SERVICES))
    taken = int(nats_server.url.rpartition(":")[2])
    server = NatsServer(tmp_path / "nats", credentials, ports=(taken, 0))
    with pytest.raises(ChildFailed, match="address already in use"):
        server.start()
