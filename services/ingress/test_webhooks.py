"""Our own webhooks on the real servers, told to a receiver with the official libraries."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks
import svix

from contracts.ingress_private import Announce, NoteOutcome
from contracts.ingress_webhooks import Topic
from contracts.voting import Candidate, OpenBallot, SetUpBallot
from libs.bus import Bus
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.ingress import app
from services.ingress.adapters.subscribers import Subscribers
from services.ingress.conftest import ADMIN

pytestmark = pytest.mark.connected

INGRESS = service_caller("ingress")


class Seen(Subscribers):
    """Those whom ingress knows of, where a test can see them."""

    latest: Subscribers

    def __init__(self) -> None:
        super().__init__()
        Seen.latest = self


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "Subscribers", Seen)


class Receiver:
    """A partner system. `statuses` are what it answers, the last one for ever."""

    def __init__(self) -> None:
        self.statuses = [204]
        self.headers: dict[str, str] = {}
        self.received: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's.
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((headers, body))
                statuses = receiver.statuses
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?of=us"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def about(self, thing: str) -> list[tuple[dict[str, str], bytes]]:
        return [each for each in self.received if thing.encode() in each[1]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@asynccontextmanager
async def ingress(
    nats_server: RunningNats, database: RunningDatabase, *others: str
) -> AsyncIterator[Bus]:
    async with (
        running_services(["ingress", *others], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield bus


@pytest.fixture
async def bus(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bus]:
    monkeypatch.setenv("BACKLINE_INGRESS_PRIVATE_DESTINATIONS", "true")
    async with ingress(nats_server, database) as bus:
        yield bus


async def order(bus: Bus, command: str, **args: Any) -> dict[str, Any]:
    return await bus.send_raw(f"ingress.{command}", args, caller=ADMIN)


async def registered(bus: Bus, url: str, *topics: Topic) -> dict[str, Any]:
    wanted = topics or (Topic.BALLOT_OPENED,)
    webhook = await order(bus, "register-webhook", url=url, topics=list(wanted))
    await known(webhook["webhook_id"], wanted[0])
    await bus.ask_raw("ingress.list-webhooks", {}, caller=ADMIN, after=webhook["position"])
    return webhook


async def known(webhook_id: str, topic: Topic = Topic.BALLOT_OPENED) -> None:
    """Whoever announces learns of a webhook from the log, a moment later."""
    later = datetime.now(UTC) + timedelta(seconds=1)
    await eventually(lambda: webhook_id in Seen.latest.of(topic, later))


async def told(bus: Bus, thing: str, topic: Topic = Topic.BALLOT_OPENED) -> None:
    """Something happens that is told."""
    announcement = Announce(
        announcement_id=new_id("ann_"),
        topic=topic,
        occurred_at=datetime.now(UTC) + timedelta(seconds=1),
        data={"show_id": thing},
    )
    await bus.send(announcement, caller=INGRESS)


async def messages(bus: Bus, webhook_id: str, **args: Any) -> list[dict[str, Any]]:
    asked = {"webhook_id": webhook_id, **args}
    found: list[dict[str, Any]] = (
        await bus.ask_raw("ingress.list-messages", asked, caller=ADMIN)
    ).result["messages"]
    return found


async def history_of(bus: Bus, message_id: str) -> dict[str, Any]:
    """A message and its attempts."""
    asked = {"message_id": message_id}
    found: dict[str, Any] = (await bus.ask_raw("ingress.get-message", asked, caller=ADMIN)).result
    return found


async def is_told(bus: Bus, webhook_id: str, **fields: Any) -> bool:
    """Whether its only message looks like this."""
    found = await messages(bus, webhook_id)
    return len(found) == 1 and fields.items() <= found[0].items()


async def webhook_of(bus: Bus, webhook_id: str) -> dict[str, Any]:
    listed = (await bus.ask_raw("ingress.list-webhooks", {}, caller=ADMIN)).result["webhooks"]
    found: dict[str, Any]
    (found,) = (each for each in listed if each["webhook_id"] == webhook_id)
    return found


# ---------------------------------------------------------------------------------- being told


async def test_tells_a_partner_that_a_ballot_opened(
    nats_server: RunningNats,
    database: RunningDatabase,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKLINE_INGRESS_PRIVATE_DESTINATIONS", "true")
    show_id = new_id("shw_")
    others = ("voting", "catalog", "auth")
    async with ingress(nats_server, database, *others) as bus:
        webhook = await registered(bus, receiver.url, Topic.BALLOT_OPENED)
        songs = [Candidate(song_id="sng_1", title="Ripple")]
        await bus.send(SetUpBallot(show_id=show_id, candidates=songs), caller=service_caller("web"))
        await bus.send(OpenBallot(show_id=show_id), caller=Caller("mod", ("moderator",)))
        await eventually(lambda: bool(receiver.about(show_id)))
        await eventually(
            partial(is_told, bus, webhook["webhook_id"], status="delivered", last_status=204)
        )
    [(headers, body)] = receiver.about(show_id)
    document = json.loads(body)
    assert document["type"] == "ballot.opened"
    assert document["data"] == {"show_id": show_id}
    assert datetime.fromisoformat(document["timestamp"]).tzinfo is not None
    assert standardwebhooks.Webhook(webhook["secret"]).verify(body, headers) == document
    svix.Webhook(webhook["secret"]).verify(body, headers)  # Raises when it is not right.
    with pytest.raises(svix.WebhookVerificationError):
        svix.Webhook(webhook["secret"]).verify(body + b" ", headers)


async def test_shows_the_secret_once_and_never_again(bus: Bus, receiver: Receiver) -> None:
    webhook = await registered(bus, receiver.url)
    assert webhook["secret"].startswith("whsec_")
    about = {"webhook_id": webhook["webhook_id"]}
    assert "secret" not in await webhook_of(bus, webhook["webhook_id"])
    changed = await order(bus, "change-webhook", **about, url=receiver.url, topics=["show.changed"])
    assert changed["secret"] is None
    assert (await order(bus, "disable-webhook", **about))["secret"] is None


async def test_signs_with_both_secrets_while_one_is_changed(bus: Bus, receiver: Receiver) -> None:
    webhook = await registered(bus, receiver.url)
    fresh = await order(bus, "rotate-webhook-secret", webhook_id=webhook["webhook_id"])
    assert fresh["secret"] != webhook["secret"]
    thing = new_id()
    await told(bus, thing)
    await eventually(lambda: bool(receiver.about(thing)))
    [(headers, body)] = receiver.about(thing)
    for secret in (webhook["secret"], fresh["secret"]):
        assert standardwebhooks.Webhook(secret).verify(body, headers)


async def test_tells_only_what_somebody_wants_to_be_told(bus: Bus, receiver: Receiver) -> None:
    webhook = await registered(bus, receiver.url, Topic.SHOW_CHANGED)
    await told(bus, new_id(), Topic.BALLOT_CLOSED)
    thing = new_id()
    await told(bus, thing, Topic.SHOW_CHANGED)
    await eventually(lambda: bool(receiver.about(thing)))
    assert len(await messages(bus, webhook["webhook_id"])) <= 1
    assert len(receiver.received) == 1


# ---------------------------------------------------------------------------------- trouble


async def test_sends_again_what_was_not_taken_with_the_same_id(
    bus: Bus, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingress.domain.messages.PAUSES_SECONDS", (0.2, 0.2, 0.2))
    receiver.statuses = [500, 302, 200]
    receiver.headers = {"location": receiver.url}  # Which nobody follows.
    webhook = await registered(bus, receiver.url)
    thing = new_id()
    await told(bus, thing)
    await eventually(
        partial(is_told, bus, webhook["webhook_id"], status="delivered", attempts=3),
        timeout_seconds=20,
    )
    sent = receiver.about(thing)
    assert len({headers["webhook-id"] for headers, _ in sent}) == 1
    assert len({body for _, body in sent}) == 1
    await eventually(partial(has_recovered, bus, webhook["webhook_id"]))
    (message,) = await messages(bus, webhook["webhook_id"])
    history = await history_of(bus, message["message_id"])
    assert history["message"] == message
    assert history["data"] == {"show_id": thing}
    assert [(it["attempt"], it["outcome"], it["status"]) for it in history["attempts"]] == [
        (1, "failed", 500),
        (2, "failed", 302),
        (3, "taken", 200),
    ]
    assert all(it["began_at"] <= it["ended_at"] for it in history["attempts"])


async def test_knows_no_attempts_of_a_message_that_there_is_not(bus: Bus) -> None:
    with pytest.raises(RemoteProblem, match="no such message"):
        await history_of(bus, new_id("msg_"))


async def test_gives_up_in_the_end_and_sends_again_when_somebody_wants_it(
    bus: Bus, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingress.domain.messages.PAUSES_SECONDS", (0.1,))
    receiver.statuses = [503]
    webhook = await registered(bus, receiver.url)
    await told(bus, new_id())
    about = partial(is_told, bus, webhook["webhook_id"])
    await eventually(partial(about, status="given-up", attempts=2), timeout_seconds=20)
    await eventually(partial(is_failing, bus, webhook["webhook_id"]))
    (message,) = await messages(bus, webhook["webhook_id"])
    receiver.statuses = [200]
    await order(bus, "resend-message", message_id=message["message_id"])
    await eventually(partial(about, status="delivered", attempts=3), timeout_seconds=20)
    await eventually(partial(has_recovered, bus, webhook["webhook_id"]))


async def is_failing(bus: Bus, webhook_id: str) -> bool:
    return not await has_recovered(bus, webhook_id)


async def has_recovered(bus: Bus, webhook_id: str) -> bool:
    return (await webhook_of(bus, webhook_id))["failing_since"] is None


async def test_waits_as_long_as_the_partner_asks_for(bus: Bus, receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [429], {"retry-after": "7200"}
    webhook = await registered(bus, receiver.url)
    before = datetime.now(UTC)
    await told(bus, new_id())
    await eventually(partial(is_told, bus, webhook["webhook_id"], last_status=429))
    (message,) = await messages(bus, webhook["webhook_id"])
    pause = datetime.fromisoformat(message["next_at"]) - before
    assert timedelta(hours=2) <= pause < timedelta(hours=2, minutes=1)


async def test_stops_at_once_when_the_partner_says_that_it_is_gone(
    bus: Bus, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    webhook = await registered(bus, receiver.url)
    await told(bus, new_id())
    await eventually(partial(is_disabled, bus, webhook["webhook_id"], "gone"))
    thing = new_id()
    await told(bus, thing)
    assert receiver.about(thing) == []


async def is_disabled(bus: Bus, webhook_id: str, because: str) -> bool:
    webhook = await webhook_of(bus, webhook_id)
    return bool(webhook["status"] == "disabled" and webhook["disabled_because"] == because)


async def test_stops_when_nothing_was_taken_for_days(bus: Bus, receiver: Receiver) -> None:
    webhook = await registered(bus, receiver.url)
    webhook_id = webhook["webhook_id"]
    now = datetime.now(UTC)
    for days in (0, 4, 5):
        at = now + timedelta(days=days)
        noted = NoteOutcome(webhook_id=webhook_id, is_taken=False, is_gone=False, at=at)
        standing = await bus.send(noted, caller=INGRESS)
        assert standing["status"] == ("disabled" if days == 5 else "enabled")
    await eventually(partial(is_disabled, bus, webhook_id, "failing"))
    await order(bus, "enable-webhook", webhook_id=webhook_id)
    await known(webhook_id)
    thing = new_id()
    await told(bus, thing)
    await eventually(lambda: bool(receiver.about(thing)))


async def test_withholds_what_is_under_way_when_a_webhook_is_disabled(
    bus: Bus, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingress.domain.messages.PAUSES_SECONDS", (1.0, 1.0))
    receiver.statuses = [500]
    webhook = await registered(bus, receiver.url)
    await told(bus, new_id())
    await eventually(partial(is_told, bus, webhook["webhook_id"], attempts=1, last_status=500))
    await order(bus, "disable-webhook", webhook_id=webhook["webhook_id"])
    await eventually(
        partial(is_told, bus, webhook["webhook_id"], status="given-up", last_status=None),
        timeout_seconds=20,
    )
    assert len(receiver.received) == 1


# ---------------------------------------------------------------------------------- safety


async def test_sends_nothing_into_our_own_network(
    nats_server: RunningNats,
    database: RunningDatabase,
    receiver: Receiver,
) -> None:
    async with ingress(nats_server, database) as bus:
        port = receiver.url.rpartition(":")[2]
        for url in (receiver.url, f"https://127.0.0.1:{port}", "https://[::1]/", "ftp://a.b/c"):
            with pytest.raises(RemoteProblem) as refusal:
                await order(bus, "register-webhook", url=url, topics=["ballot.opened"])
            assert refusal.value.document["kind"] == "invalid"
        # A name is looked up only when something is sent.
        webhook = await registered(bus, f"https://localhost:{port}")
        await told(bus, new_id())
        await eventually(
            partial(
                is_told,
                bus,
                webhook["webhook_id"],
                last_status=None,
                last_detail="it leads into a private network",
            )
        )
    assert receiver.received == []
