"""A message: one event on its way to one webhook, sent again over days until it is taken.

Stream      evt.ingress.message.{message_id}
Invariants  an attempt has one outcome; a message that was taken or given up is sent again only when
            somebody wants it
source      the schedule is that which Standard Webhooks recommends
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Final, assert_never

from contracts.ingress_private import AttemptOutcome, BeginAttempt, QueueMessage, RecordAttempt
from contracts.ingress_webhooks import (
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageQueued,
    MessageReceipt,
    MessageResent,
    MessageStatus,
    MessageUnderWay,
    MessageUnknown,
    ResendMessage,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

_HOUR: Final = 3600
PAUSES_SECONDS: Final = (
    *(5, 5 * 60, 30 * 60),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
"""Before the second attempt, the third, …: three days in all. Each is up to a tenth longer, so that
what failed together is not sent together for ever.
"""
RETRY_AFTER_SECONDS_MAX: Final = 24 * _HOUR

type MessageCommand = QueueMessage | BeginAttempt | RecordAttempt | ResendMessage
type MessageEvent = (
    MessageQueued
    | MessageAttempted
    | MessageDelivered
    | MessageFailed
    | MessageGivenUp
    | MessageResent
)


@dataclass(slots=True)
class Message:
    """The state.

    next_attempt  the number of the attempt that is made next, or is under way
    round         how often it was begun
    series_from   the attempt with which the series of pauses began
    """

    webhook_id: str = ""
    status: MessageStatus | None = None
    next_attempt: int = 1
    round: int = 0
    series_from: int = 1


def decide(command: MessageCommand, message: Message, origin: Origin) -> Sequence[MessageEvent]:
    """The rules. raises   MessageUnknown, MessageUnderWay"""
    if isinstance(command, QueueMessage):
        return [] if message.status is not None else [MessageQueued(**vars(command))]
    if message.status is None:
        raise MessageUnknown
    match command:
        case BeginAttempt():
            return _begin(command, message)
        case RecordAttempt():
            return _record(command, message, origin)
        case ResendMessage(message_id=message_id):
            if message.status is MessageStatus.WAITING:
                raise MessageUnderWay
            return [
                MessageResent(
                    message_id=message_id,
                    webhook_id=message.webhook_id,
                    attempt=message.next_attempt,
                )
            ]
        case _:
            assert_never(command)


def _begin(command: BeginAttempt, message: Message) -> Sequence[MessageEvent]:
    is_next = (
        message.status is MessageStatus.WAITING
        and command.attempt == message.next_attempt
        and command.round > message.round
    )
    if not is_next:
        return []
    return [MessageAttempted(webhook_id=message.webhook_id, **vars(command))]


def _record(command: RecordAttempt, message: Message, origin: Origin) -> Sequence[MessageEvent]:
    if message.status is not MessageStatus.WAITING or command.attempt != message.next_attempt:
        return []  # Another process has recorded this attempt.
    message_id, webhook_id, attempt = command.message_id, message.webhook_id, command.attempt
    if command.outcome is AttemptOutcome.TAKEN:
        return [
            MessageDelivered(
                message_id=message_id,
                webhook_id=webhook_id,
                attempt=attempt,
                status=command.status or 0,
            )
        ]
    number = attempt - message.series_from
    if number >= len(PAUSES_SECONDS) or command.outcome is not AttemptOutcome.FAILED:
        return [
            MessageGivenUp(
                message_id=message_id,
                webhook_id=webhook_id,
                attempt=attempt,
                status=command.status,
                detail=command.detail,
            )
        ]
    pause = PAUSES_SECONDS[number] * (1 + _tenth_at_most(command))
    asked = min(command.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
    return [
        MessageFailed(
            message_id=message_id,
            webhook_id=webhook_id,
            attempt=attempt,
            status=command.status,
            detail=command.detail,
            next_at=origin.at + timedelta(seconds=max(pause, asked)),
        )
    ]


def _tenth_at_most(command: RecordAttempt) -> float:
    """Some number from 0 to 0.1, the same for the same attempt of a message."""
    digest = blake2b(f"{command.message_id} {command.attempt}".encode(), digest_size=2).digest()
    return int.from_bytes(digest) / 655_350


def evolve(message: Message, event: MessageEvent) -> Message:
    """What a fact does to a message."""
    match event:
        case MessageQueued(webhook_id=webhook_id):
            message.webhook_id, message.status = webhook_id, MessageStatus.WAITING
        case MessageAttempted():
            message.round = event.round
        case MessageDelivered(attempt=attempt):
            message.status = MessageStatus.DELIVERED
            message.next_attempt, message.round = attempt + 1, 0
        case MessageFailed(attempt=attempt):
            message.next_attempt, message.round = attempt + 1, 0
        case MessageGivenUp(attempt=attempt):
            message.status = MessageStatus.GIVEN_UP
            message.next_attempt, message.round = attempt + 1, 0
        case MessageResent(attempt=attempt):
            message.status, message.series_from = MessageStatus.WAITING, attempt
        case _:
            assert_never(event)
    return message


def answer(
    command: MessageCommand, _events: Sequence[MessageEvent], message: Message, _origin: Origin
) -> MessageReceipt:
    """How it stands."""
    assert message.status is not None, "only a message that was queued is answered for"
    return MessageReceipt(message_id=command.message_id, status=message.status)


MESSAGE = Decider(
    aggregate="message",
    commands=members(MessageCommand),
    events=members(MessageEvent),
    state=Message,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
