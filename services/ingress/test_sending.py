"""The rules of what is sent: webhooks, messages, topics, and what news of them asks for."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import all as contracts
from contracts.catalog_shows import ShowChanged, ShowStatus
from contracts.ingress_private import (
    AttemptMessage,
    AttemptOutcome,
    BeginAttempt,
    NoteOutcome,
    QueueMessage,
    RecordAttempt,
    SetUpWebhook,
)
from contracts.ingress_webhooks import (
    ChangeWebhook,
    DisabledBecause,
    DisableWebhook,
    EnableWebhook,
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageQueued,
    MessageResent,
    MessageUnderWay,
    MessageUnknown,
    RemoveWebhook,
    ResendMessage,
    RotateWebhookSecret,
    Topic,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookFailing,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookUnknown,
)
from contracts.voting import VoteCast
from libs.kernel.messages import Event, registry, type_hints
from libs.kernel.reactions import Cancel, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.testkit.spec import NOW, DeciderSpec
from services.ingress.adapters.signing import derived_secret
from services.ingress.domain import MESSAGE, WEBHOOK
from services.ingress.domain.messages import PAUSES_SECONDS, RETRY_AFTER_SECONDS_MAX
from services.ingress.domain.topics import PUBLICATIONS, told_of
from services.ingress.domain.webhooks import DISABLED_AFTER, OVERLAP
from services.ingress.process_managers import UNKNOWN_AFTER, announce, send_message

# ---------------------------------------------------------------------------------- webhooks

webhook = DeciderSpec(WEBHOOK)
ABOUT: dict[str, Any] = {"webhook_id": "hook_1"}
WANTED: dict[str, Any] = {
    "url": "https://example.com/",
    "topics": [Topic.BALLOT_OPENED],
    "description": "box",
}
REGISTERED = WebhookRegistered(**ABOUT, **WANTED, registered_at=NOW)
FAILING = WebhookFailing(**ABOUT, since=NOW)
DISABLED = WebhookDisabled(**ABOUT, because=DisabledBecause.ADMINISTRATOR)


def noted(*, is_taken: bool, is_gone: bool = False, after: timedelta = timedelta()) -> NoteOutcome:
    return NoteOutcome(**ABOUT, is_taken=is_taken, is_gone=is_gone, at=NOW + after)


def test_registers_a_webhook_once() -> None:
    webhook.given().when(SetUpWebhook(**ABOUT, **WANTED)).then(REGISTERED)


def test_changes_only_what_is_there() -> None:
    elsewhere = {**WANTED, "url": "https://example.org/"}
    changed = WebhookChanged(**ABOUT, **elsewhere)
    webhook.given(REGISTERED).when(ChangeWebhook(**ABOUT, **elsewhere)).then(changed)
    webhook.given(REGISTERED).when(ChangeWebhook(**ABOUT, **WANTED)).then_nothing()
    webhook.given().when(ChangeWebhook(**ABOUT, **WANTED)).then_rejected(WebhookUnknown)


def test_rotates_its_secret_and_signs_with_both_for_a_while() -> None:
    rotated = WebhookSecretRotated(**ABOUT, generation=2, rotated_at=NOW)
    webhook.given(REGISTERED).when(RotateWebhookSecret(**ABOUT)).then(rotated)
    state = webhook.given(REGISTERED, rotated).state
    assert state.generations(NOW + OVERLAP - timedelta(seconds=1)) == [2, 1]
    assert state.generations(NOW + OVERLAP) == [2]


def test_is_disabled_enabled_and_removed() -> None:
    webhook.given(REGISTERED).when(DisableWebhook(**ABOUT)).then(DISABLED)
    webhook.given(REGISTERED).when(EnableWebhook(**ABOUT)).then_nothing()
    enabled = WebhookEnabled(**ABOUT)
    webhook.given(REGISTERED, DISABLED).when(EnableWebhook(**ABOUT)).then(enabled)
    removed = WebhookRemoved(**ABOUT)
    webhook.given(REGISTERED).when(RemoveWebhook(**ABOUT)).then(removed)
    webhook.given(REGISTERED, removed).when(EnableWebhook(**ABOUT)).then_rejected(WebhookUnknown)


def test_is_disabled_when_nothing_was_taken_for_days() -> None:
    webhook.given(REGISTERED).when(noted(is_taken=False)).then(FAILING)
    failing = webhook.given(REGISTERED, FAILING)
    failing.when(noted(is_taken=False, after=DISABLED_AFTER / 2)).then_nothing()
    disabled = WebhookDisabled(**ABOUT, because=DisabledBecause.FAILING)
    failing.when(noted(is_taken=False, after=DISABLED_AFTER)).then(disabled)
    failing.when(noted(is_taken=True)).then(WebhookRecovered(**ABOUT))
    webhook.given(REGISTERED).when(noted(is_taken=True)).then_nothing()


def test_is_disabled_at_once_when_it_is_gone() -> None:
    gone = WebhookDisabled(**ABOUT, because=DisabledBecause.GONE)
    webhook.given(REGISTERED).when(noted(is_taken=False, is_gone=True)).then(gone)
    webhook.given(REGISTERED, DISABLED).when(noted(is_taken=False)).then_nothing()


# ---------------------------------------------------------------------------------- messages

message = DeciderSpec(MESSAGE)
OF: dict[str, Any] = {"message_id": "msg_1"}
BOTH: dict[str, Any] = {**OF, **ABOUT}
TOLD: dict[str, Any] = {
    "topic": Topic.BALLOT_OPENED,
    "occurred_at": NOW,
    "data": {"show_id": "shw_1"},
}
QUEUED = MessageQueued(**BOTH, **TOLD)
DELIVERED = MessageDelivered(**BOTH, attempt=1, status=204)


def ended(attempt: int, outcome: AttemptOutcome, **more: Any) -> RecordAttempt:
    return RecordAttempt(
        **OF, attempt=attempt, outcome=outcome, **{"status": 500, "detail": "answered 500", **more}
    )


def failed(attempt: int) -> MessageFailed:
    return MessageFailed(**BOTH, attempt=attempt, status=500, detail="", next_at=NOW)


def test_is_queued_once_and_attempted_once() -> None:
    message.given().when(QueueMessage(**BOTH, **TOLD)).then(QUEUED)
    attempted = MessageAttempted(**BOTH, attempt=1, round=1)
    begin = BeginAttempt(**OF, attempt=1, round=1)
    message.given(QUEUED).when(begin).then(attempted)
    message.given(QUEUED, attempted).when(begin).then_nothing()
    again = BeginAttempt(**OF, attempt=1, round=2)
    repeated = MessageAttempted(**BOTH, attempt=1, round=2)
    message.given(QUEUED, attempted).when(again).then(repeated)
    message.given(QUEUED, DELIVERED).when(again).then_nothing()
    message.given().when(begin).then_rejected(MessageUnknown)


def test_has_one_outcome_for_each_attempt() -> None:
    taken = ended(1, AttemptOutcome.TAKEN, status=204, detail="")
    message.given(QUEUED).when(taken).then(DELIVERED)
    message.given(QUEUED, DELIVERED).when(ended(1, AttemptOutcome.FAILED)).then_nothing()
    message.given(QUEUED, failed(1)).when(taken).then_nothing()


def test_waits_longer_each_time_and_gives_up_after_days() -> None:
    events: list[Any] = [QUEUED]
    waited = timedelta()
    for attempt, pause in enumerate(PAUSES_SECONDS, 1):
        state = message.given(*events).state
        (told,) = MESSAGE.decide(ended(attempt, AttemptOutcome.FAILED), state, message.origin)
        assert isinstance(told, MessageFailed)
        assert pause <= (told.next_at - NOW).total_seconds() <= pause * 1.1
        waited += told.next_at - NOW
        events.append(told)
    assert timedelta(days=3) < waited < timedelta(days=4)
    last = len(PAUSES_SECONDS) + 1
    given_up = MessageGivenUp(**BOTH, attempt=last, status=500, detail="answered 500")
    message.given(*events).when(ended(last, AttemptOutcome.FAILED)).then(given_up)


def test_waits_as_long_as_it_is_asked_to_but_not_for_ever() -> None:
    for asked, waited in ((3600, 3600), (10**9, RETRY_AFTER_SECONDS_MAX)):
        command = ended(1, AttemptOutcome.FAILED, retry_after_seconds=asked)
        (told,) = MESSAGE.decide(command, message.given(QUEUED).state, message.origin)
        assert isinstance(told, MessageFailed)
        assert told.next_at - NOW == timedelta(seconds=waited)


@pytest.mark.parametrize("outcome", [AttemptOutcome.GONE, AttemptOutcome.WITHHELD])
def test_is_given_up_at_once_when_there_is_nobody_to_take_it(outcome: AttemptOutcome) -> None:
    given_up = MessageGivenUp(**BOTH, attempt=1, status=500, detail="answered 500")
    message.given(QUEUED).when(ended(1, outcome)).then(given_up)


def test_begins_a_new_series_when_it_is_sent_again() -> None:
    resent = MessageResent(**BOTH, attempt=2)
    message.given(QUEUED, DELIVERED).when(ResendMessage(**OF)).then(resent)
    message.given(QUEUED).when(ResendMessage(**OF)).then_rejected(MessageUnderWay)
    state = message.given(QUEUED, DELIVERED, resent).state
    (told,) = MESSAGE.decide(ended(2, AttemptOutcome.FAILED), state, message.origin)
    assert isinstance(told, MessageFailed)
    assert (told.next_at - NOW).total_seconds() <= PAUSES_SECONDS[0] * 1.1


# ---------------------------------------------------------------------------------- what follows


def news(event: Event) -> Recorded:
    name = registry.event_of[type(event)].type
    return Recorded("evt_1", name, "message", "msg_1", NOW, "usr_1", "cmd_1", "cmd_1", event, 7)


def test_is_sent_again_when_nobody_knows_what_became_of_an_attempt() -> None:
    attempted = MessageAttempted(**BOTH, attempt=3, round=1)
    again = AttemptMessage(**OF, attempt=3, round=2)
    assert send_message(news(attempted)) == [Schedule("msg_1", NOW + UNKNOWN_AFTER, again)]


def test_is_attempted_at_once_and_then_when_its_time_has_come() -> None:
    assert send_message(news(QUEUED)) == [Send(AttemptMessage(**OF, attempt=1))]
    resent = MessageResent(**BOTH, attempt=4)
    assert send_message(news(resent)) == [Send(AttemptMessage(**OF, attempt=4))]
    later, told = send_message(news(failed(1)))
    assert later == Schedule("msg_1", NOW, AttemptMessage(**OF, attempt=2))
    assert isinstance(told, Send)


def test_takes_its_schedule_back_and_tells_its_webhook_how_it_went() -> None:
    cancelled, told = send_message(news(DELIVERED))
    assert cancelled == Cancel("msg_1")
    assert told == Send(noted(is_taken=True))
    given_up = MessageGivenUp(**BOTH, attempt=1, status=410, detail="it is gone")
    _, told = send_message(news(given_up))
    assert told == Send(noted(is_taken=False, is_gone=True))


# ---------------------------------------------------------------------------------- topics


def test_tells_of_every_topic() -> None:
    assert {publication.topic for publication in PUBLICATIONS.values()} == set(Topic)


def test_tells_nothing_about_anybody() -> None:
    contracts.load()
    about_somebody = {"user_id", "voter_id", "actor", "by", "email", "display_name", "vote_id"}
    for event, publication in PUBLICATIONS.items():
        spec = registry.event_of[event]
        assert set(publication.fields) <= type_hints(event).keys(), spec.name
        assert not about_somebody & set(publication.fields), spec.name
        assert not set(spec.personal) & set(publication.fields), spec.name
        assert (spec.service, spec.person) == (publication.log, None)
    vote = VoteCast(show_id="shw_1", voter_id="usr_ann", song_id="sng_1", vote_id="v")
    assert told_of(vote) is None
    assert announce(news(vote)) == []


def test_leaves_out_what_did_not_change() -> None:
    told = told_of(ShowChanged(show_id="shw_1", status=ShowStatus.CANCELLED))
    assert told == (Topic.SHOW_CHANGED, {"show_id": "shw_1", "status": ShowStatus.CANCELLED})


def test_derives_another_secret_for_every_webhook_and_generation() -> None:
    made = {
        derived_secret(master, "webhook", webhook_id, generation)
        for master in ("one", "two")
        for webhook_id in ("hook_1", "hook_2")
        for generation in ("1", "2")
    }
    assert len(made) == 8
