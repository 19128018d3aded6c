"""Webhooks from strangers: whatever headers and bodies they send, they are told what is wrong, and
never that something broke.
"""

import asyncio
import base64
import hmac
import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from itertools import chain
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.ingress import DeliveryProcessed, DeliveryReceived
from libs.chassis.prepare import prepare
from libs.eventlog import JetStreamLog
from libs.kernel.ids import new_id
from libs.testkit.stack import RunningDatabase, RunningNats
from tests.e2e.elsewhere import services_elsewhere

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERIES = 60
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
ENDPOINTS = {
    "p/standard": {"profile": "standard", "secrets": [SECRET]},
    "p/polar": {"profile": "polar", "secrets": [SECRET]},
    "p/luma": {"profile": "luma", "secrets": [SECRET]},
    "p/meta": {"profile": "meta", "secrets": [SECRET], "verify_token": "token"},
    "p/hmac": {
        "profile": "hmac",
        "secrets": [SECRET],
        "signature_header": "x-signature",
        "timestamp_header": "x-time",
        "id_header": "x-id",
    },
}
FORESEEN = {200, 202, 400, 401, 403, 404, 405, 413, 431}
SIGNING = (
    *(
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "svix-signature",
        "x-hub-signature-256",
    ),
    *("x-hub-signature", "x-signature", "x-time", "x-id", "content-type", "traceparent"),
)
VALUES = st.binary(max_size=120).map(
    lambda raw: raw.translate(None, delete=b"\r\n\x00").strip(b" \t")
)
STRANGE = st.one_of(
    VALUES,
    VALUES.map(b"v1,%b".__mod__),
    VALUES.map(b"sha256=%b".__mod__),
    st.sampled_from(
        [b"", b"v1,", b"v1", b",", b"t=,v1=", b"t=1,t=2,v1=00", b"1e9", b"-1", b"9" * 40]
    ),
    st.just(b"v1,AA " * 200),
)
HEADERS = st.lists(st.tuples(st.sampled_from(SIGNING), STRANGE), max_size=8)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(
        lambda text: json.dumps({"type": text, "data": {"id": text}}).encode()
    ),
    st.sampled_from(
        [b"", b"null", b"[" * 5000, b"1e999", b'{"type":"\\ud800"}', b"\xff", b"9" * 5000]
    ),
    st.sampled_from([b'{"type":"a.b","data":{"id":"\\u0000"}}', b'{"a":"\\u0000"}', b"NaN"]),
)


class Partner:
    """Sends bytes, and reads the status of the answer."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "", parts.port or 0)

    def send(self, method: str, path: str, headers: list[tuple[str, bytes]], body: bytes) -> int:
        lines = [f"{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n".encode()]
        lines += [b"%b: %b\r\n" % (name.encode(), value) for name, value in headers]
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        with socket.create_connection(self._place, timeout=20) as connection:
            connection.sendall(b"".join(lines) + body)
            answer = connection.makefile("rb").readline()
        return int(answer.split(b" ")[1])


@contextmanager
def partner(
    nats_server: RunningNats,
    database: RunningDatabase,
    monkeypatch: pytest.MonkeyPatch,
    spec: str = "ingress",
) -> Iterator[Partner]:
    monkeypatch.setenv("BACKLINE_INGRESS_ENDPOINTS", json.dumps(ENDPOINTS))
    asyncio.run(prepare(nats_server.url, nats_server.secrets))
    with services_elsewhere([spec], nats_server, database) as services:
        yield Partner(services.address)


def test_is_never_broken_by_headers_or_bodies(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    with partner(nats_server, database, monkeypatch) as stranger:

        @settings(suppress_health_check=list(HealthCheck), database=None)
        @given(path=st.sampled_from([*ENDPOINTS, "p/none"]), headers=HEADERS, body=BODIES)
        def check_unsigned(path: str, headers: list[tuple[str, bytes]], body: bytes) -> None:
            seen.add(stranger.send("POST", f"/hooks/{path}", headers, body))

        @settings(suppress_health_check=list(HealthCheck), database=None)
        @given(body=BODIES, more=HEADERS)
        def check_signed(body: bytes, more: list[tuple[str, bytes]]) -> None:
            now = str(int(time.time())).encode()
            mac = hmac.digest(KEY, b".".join((b"msg_1", now, body)), "sha256")
            signed = [
                ("webhook-id", b"msg_1"),
                ("webhook-timestamp", now),
                ("webhook-signature", b"v1," + base64.b64encode(mac)),
            ]
            seen.add(stranger.send("POST", "/hooks/p/standard", signed, body))
            seen.add(stranger.send("POST", "/hooks/p/standard", [*signed, *more], body))
            mac = hmac.digest(SECRET.encode(), body, "sha256")
            shown = ("x-hub-signature-256", b"sha256=" + mac.hex().encode())
            seen.add(stranger.send("POST", "/hooks/p/meta", [shown], body))

        @settings(suppress_health_check=list(HealthCheck), database=None)
        @given(
            path=st.text("/.%ab0-é?&=", max_size=30),
            method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"]),
        )
        def check_paths(path: str, method: str) -> None:
            escaped = path.encode().decode("latin-1")
            for place in (f"/hooks/{escaped}", f"/hooks/p/meta?hub.mode=subscribe&{escaped}"):
                if place.isascii():
                    seen.add(stranger.send(method, place, [], b""))

        check_unsigned()
        check_signed()
        check_paths()
    assert seen <= FORESEEN
    assert {202, 200, 400, 401, 404, 405} <= seen


def test_says_that_a_body_is_too_large_or_comes_too_slowly(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKLINE_INGRESS_BODY_SECONDS_MAX", "0.3")
    with partner(nats_server, database, monkeypatch) as stranger:
        assert stranger.send("POST", "/hooks/p/standard", [], b"x" * 300_000) == 413
        with socket.create_connection(stranger._place, timeout=20) as connection:
            head = b"POST /hooks/p/standard HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\n"
            connection.sendall(head + b"{")
            assert b" 400 " in connection.makefile("rb").readline()
        with socket.create_connection(stranger._place, timeout=20) as connection:
            connection.sendall(head)  # And is gone: nobody is told anything.
        assert stranger.send("POST", "/hooks/p/standard", [], b"{}") == 401


def test_has_a_partner_send_it_again_while_nothing_can_be_recorded(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with partner(nats_server, database, monkeypatch, "ingress.http") as stranger:
        body = b'{"type":"a.b"}'
        mac = hmac.digest(SECRET.encode(), body, "sha256")
        shown = ("x-hub-signature-256", b"sha256=" + mac.hex().encode())
        assert stranger.send("POST", "/hooks/p/meta", [shown], body) == 503


def test_loses_nothing_that_was_accepted_when_everything_behind_is_killed(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = ["ingress.owner", "ingress.process-managers"]
    ids = [new_id("msg_") for _ in range(DELIVERIES)]
    with (
        partner(nats_server, database, monkeypatch, "ingress.http") as sender,
        ThreadPoolExecutor(8) as threads,
    ):
        with services_elsewhere(behind, nats_server, database) as first:
            begun = [threads.submit(insist, sender, each) for each in ids[: DELIVERIES // 2]]
            next(as_completed(begun)).result()
            first.process.send_signal(signal.SIGKILL)
        with services_elsewhere(behind, nats_server, database):
            begun += [threads.submit(insist, sender, each) for each in ids[DELIVERIES // 2 :]]
            wait(begun)
            assert [each.exception() for each in begun] == [None] * DELIVERIES
            counts = asyncio.run(recorded_and_processed(nats_server, set(ids)))
    assert counts == dict.fromkeys(ids, (1, 1))


def insist(sender: Partner, message_id: str) -> None:
    """Send a delivery until it is taken, as partners do."""
    body = json.dumps({"type": "invoice.paid", "data": {"id": message_id}}).encode()
    for _ in range(20):
        now = str(int(time.time())).encode()
        mac = hmac.digest(KEY, b".".join((message_id.encode(), now, body)), "sha256")
        headers = [
            ("webhook-id", message_id.encode()),
            ("webhook-timestamp", now),
            ("webhook-signature", b"v1," + base64.b64encode(mac)),
        ]
        status = sender.send("POST", "/hooks/p/standard", headers, body)
        if status == 202:
            return
        assert status == 503
    raise TimeoutError("it was never taken")


async def recorded_and_processed(
    nats_server: RunningNats, ids: set[str]
) -> dict[str, tuple[int, int]]:
    """How often each was recorded, and how often it was processed, once all of them are."""
    client = await nats_server.connect("ingress")
    received: dict[str, list[str]] = {each: [] for each in ids}
    processed: Counter[str] = Counter()
    async with asyncio.timeout(60):
        log = await JetStreamLog.open(client, "ingress")
        async for commits in log.follow(after=0, events=(DeliveryReceived, DeliveryProcessed)):
            for event in (each.data for commit in commits for each in commit.events):
                if isinstance(event, DeliveryReceived) and event.provider_id in ids:
                    received[event.provider_id].append(event.delivery_id)
                elif isinstance(event, DeliveryProcessed):
                    processed[event.delivery_id] += 1
            if not commits and all(map(processed.get, chain.from_iterable(received.values()))):
                break
    await client.close()
    return {
        each: (len(found), sum(processed[delivery_id] for delivery_id in found))
        for each, found in received.items()
    }
