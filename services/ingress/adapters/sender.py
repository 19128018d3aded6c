"""Sending messages: one attempt at a time for each, none holding up another.

A command to attempt a message is answered when it is on its way; what became of it is recorded when
that is known. Whoever sends may die in between: then it is sent again two minutes later, with the
same id, by which its receiver knows it.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import orjson
import structlog

from contracts.ingress_private import (
    Announce,
    AnnouncementReceipt,
    AttemptMessage,
    AttemptOutcome,
    BeginAttempt,
    QueueMessage,
    RecordAttempt,
)
from contracts.ingress_webhooks import (
    MessageQueued,
    MessageReceipt,
    MessageStatus,
    MessageUnknown,
    WebhookStatus,
    WebhookUrlRefused,
)
from libs.bus import Bus
from libs.eventlog import EventLog
from libs.eventlog.states import state_of
from libs.kernel.clock import Clock
from libs.kernel.errors import BacklineError, Unavailable
from libs.kernel.ids import derive_id
from libs.kernel.messages import Origin, service_caller
from libs.owner import Answered
from services.ingress.adapters.destinations import Destinations, Unresolvable
from services.ingress.adapters.signing import derived_secret, sign
from services.ingress.adapters.subscribers import Subscribers
from services.ingress.domain.messages import MESSAGE, Message
from services.ingress.domain.webhooks import WEBHOOK, Webhook

OURSELVES: Final = service_caller("ingress")
ATTEMPT_SECONDS: Final = 15.0
UNDER_WAY_MAX: Final = 500
OF_ONE_WEBHOOK_MAX: Final = 8
GONE: Final = 410
_RETRY_AFTER_FROM: Final = frozenset({429, 503})

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an attempt ended."""

    outcome: AttemptOutcome
    status: int | None = None
    detail: str = ""
    retry_after_seconds: float = 0


@dataclass(slots=True)
class Sender:
    """Sends the messages of the slots that this process owns.

    client   sends to the addresses it is given and nowhere else: follows no redirect, uses no proxy
    master   `ingress.secret`, from which the secrets of webhooks are derived
    """

    log: EventLog
    bus: Bus
    client: httpx2.AsyncClient
    destinations: Destinations
    subscribers: Subscribers
    master: str | None
    clock: Clock
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _under_way: set[str] = field(default_factory=set)
    _turns: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    async def run(self) -> None:
        """Send until cancelled."""
        async with self._tasks:
            await asyncio.get_running_loop().create_future()

    # ------------------------------------------------------------------------------ resolvers

    async def announce(self, command: Announce, _origin: Origin) -> Answered:
        """Have a message made for each webhook that wants to be told. Done twice, it is once."""
        told = self.subscribers.of(command.topic, command.occurred_at)
        for webhook_id in told:
            message_id = derive_id(command.announcement_id, webhook_id, prefix="msg_")
            queue = QueueMessage(
                message_id=message_id,
                webhook_id=webhook_id,
                topic=command.topic,
                occurred_at=command.occurred_at,
                data=command.data,
            )
            await self.bus.send(queue, caller=OURSELVES, command_id=derive_id("queue", message_id))
        return Answered(AnnouncementReceipt(messages=len(told)))

    async def attempt(self, command: AttemptMessage, _origin: Origin) -> Answered | BeginAttempt:
        """Have a message sent, unless somebody was faster. raises   MessageUnknown, Unavailable"""
        message, queued = await self._message(command.message_id)
        if message.status is None or queued is None:
            raise MessageUnknown
        is_next = (
            message.status is MessageStatus.WAITING
            and command.attempt == message.next_attempt
            and command.round > message.round
        )
        if command.message_id in self._under_way or not is_next:
            return Answered(MessageReceipt(message_id=command.message_id, status=message.status))
        if len(self._under_way) >= UNDER_WAY_MAX:
            raise Unavailable("too many messages are on their way", retry_after_seconds=5)
        self._under_way.add(command.message_id)
        self._tasks.create_task(self._ending(command, self._send(queued)))
        return BeginAttempt(**vars(command))

    # ------------------------------------------------------------------------------ sending

    async def _ending(self, command: AttemptMessage, sending: Coroutine[Any, Any, _Ended]) -> None:
        """Send, and record how it ended. What cannot be recorded is sent again later."""
        try:
            ended = await sending
            record = RecordAttempt(
                message_id=command.message_id,
                attempt=command.attempt,
                outcome=ended.outcome,
                status=ended.status,
                detail=ended.detail,
                retry_after_seconds=ended.retry_after_seconds,
            )
            command_id = derive_id("record", command.message_id, str(command.attempt))
            await self.bus.send(record, caller=OURSELVES, command_id=command_id)
        except BacklineError as error:
            logger.warning(
                "What became of a message is not recorded.",
                message_id=command.message_id,
                code=error.problem()["code"],
            )
        except Exception:
            logger.exception("A message could not be sent.", message_id=command.message_id)
        finally:
            self._under_way.discard(command.message_id)

    async def _send(self, queued: MessageQueued) -> _Ended:
        webhook = await state_of(self.log, WEBHOOK, queued.webhook_id)
        if webhook.status is not WebhookStatus.ENABLED:
            return _Ended(AttemptOutcome.WITHHELD, detail="the webhook is disabled or removed")
        turn = self._turns.setdefault(queued.webhook_id, asyncio.Semaphore(OF_ONE_WEBHOOK_MAX))
        async with turn:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    return await self._post(webhook, queued)
            except (WebhookUrlRefused, Unresolvable) as error:
                return _Ended(AttemptOutcome.FAILED, detail=str(error))
            except TimeoutError:
                return _Ended(AttemptOutcome.FAILED, detail="it did not answer in time")
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                # Its name alone: an error of the other side may say anything.
                return _Ended(AttemptOutcome.FAILED, detail=type(error).__name__)

    async def _post(self, webhook: Webhook, queued: MessageQueued) -> _Ended:
        """Send it once. Nothing of the answer is read but its status and `Retry-After`."""
        destination = await self.destinations.find(webhook.url)
        now = self.clock()
        secret, *before = (
            secret_of(self.master, queued.webhook_id, generation)
            for generation in webhook.generations(now)
        )
        body = body_of(queued)
        headers = {
            **sign(secret, queued.message_id, now, body, *before),
            "host": destination.host_header,
            "user-agent": "backline-webhooks",
        }
        async with self.client.stream(
            "POST",
            destination.url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": destination.host},
        ) as answer:
            status = answer.status_code
            if answer.is_success:
                return _Ended(AttemptOutcome.TAKEN, status)
            if status == GONE:
                return _Ended(AttemptOutcome.GONE, status, "it is gone")
            pause = self._retry_after(answer) if status in _RETRY_AFTER_FROM else 0
            return _Ended(AttemptOutcome.FAILED, status, f"answered {status}", pause)

    def _retry_after(self, answer: httpx2.Response) -> float:
        """How long the partner asks us to wait, in seconds or until a date."""
        asked = answer.headers.get("retry-after", "")
        if asked.isascii() and asked.isdigit():
            return float(asked[:9])
        try:
            until = parsedate_to_datetime(asked)
            return max(0.0, (until - self.clock()).total_seconds())
        except (ValueError, TypeError):
            return 0

    # ------------------------------------------------------------------------------ the log

    async def _message(self, message_id: str) -> tuple[Message, MessageQueued | None]:
        message, queued = MESSAGE.state(), None
        for commit in (await self.log.load("message", message_id)).commits:
            for recorded in commit.events:
                message = MESSAGE.evolve(message, recorded.data)
                if isinstance(recorded.data, MessageQueued):
                    queued = recorded.data
        return message, queued


def sending_client(trusted: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """A client that goes where it is sent and nowhere else.

    trusted   whose certificates are believed; None: those the world believes

    Connections are not kept: one that was made to an address for one name would otherwise serve
    another name at the same address, whose certificate nobody has looked at.
    """
    return httpx2.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        verify=True if trusted is None else trusted,
        timeout=ATTEMPT_SECONDS,
        limits=httpx2.Limits(max_connections=UNDER_WAY_MAX, max_keepalive_connections=0),
    )


def secret_of(master: str | None, webhook_id: str, generation: int) -> str:
    """The signing secret of a webhook."""
    return derived_secret(master, "webhook", webhook_id, str(generation))


def body_of(queued: MessageQueued) -> bytes:
    """What is sent: the same bytes however often it is."""
    document = {"type": queued.topic, "timestamp": queued.occurred_at, "data": queued.data}
    return orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)
