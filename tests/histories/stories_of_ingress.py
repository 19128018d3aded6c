"""The stories of ingress: what a partner tells, and what is told to one."""

from collections.abc import Sequence
from typing import Any

ADMIN, INGRESS, SHOW_ID = "usr_admin", "svc_ingress", "shw_1972_04_08"

Step = tuple[str, str, dict[str, Any]]


def _delivered(number: int, body: str) -> Step:
    """A partner tells something of its invoice."""
    about = {"inbox_id": "inb_invoice", "delivery_id": f"dlv_{number}", "digest": f"sha_{number}"}
    at = f"2026-11-21T20:15:0{number}Z"
    arguments = {
        **about,
        "partner": "partner",
        "endpoint": "main",
        "profile": "standard",
        "provider_id": f"msg_{number}",
        "event_type": "invoice.paid",
        "sent_at": at,
        "received_at": at,
        "secret_number": 1,
        "content_type": "application/json",
        "body": body,
        "body_bytes": len(body),
        "payload_key": "payloads_partner_main_2026-11-21",
        "trace_id": "",
    }
    return INGRESS, "ingress.receive-delivery", arguments


_INVOICE = {
    "kind": "invoice",
    "partner_id": "inv_1",
    "version": "2026-11-21T20:15:00Z",
    "stamped_at": "2026-11-21T20:15:01Z",
    "status": "paid",
    "facts": {"total": "1200"},
}
_ABOUT_OBJECT = {"partner": "partner", "endpoint": "main", "delivery_id": "dlv_1"}


def _sent(attempt: int, outcome: str, status: int | None, detail: str) -> Sequence[Step]:
    """A message is on its way, and how that ended."""
    about = {"message_id": "msg_ballot", "attempt": attempt}
    ended = {"outcome": outcome, "status": status, "detail": detail}
    return (
        (INGRESS, "ingress.begin-attempt", {**about, "round": 1}),
        (INGRESS, "ingress.record-attempt", {**about, **ended}),
    )


def _noted(at: str, *, is_taken: bool = False) -> Step:
    outcome = {"is_taken": is_taken, "is_gone": False, "at": at}
    return INGRESS, "ingress.note-outcome", {"webhook_id": "hook_box", **outcome}


_HOOK = {"webhook_id": "hook_box"}
_BOX = {"topics": ["ballot.opened", "ballot.closed"], "description": "the box office"}


STORIES: Sequence[tuple[str, str, list[Step]]] = (
    (
        "webhook",
        "hook_box",
        [
            (INGRESS, "ingress.set-up-webhook", {**_HOOK, **_BOX, "url": "https://box.example/"}),
            (ADMIN, "ingress.change-webhook", {**_HOOK, **_BOX, "url": "https://box.example/in"}),
            (ADMIN, "ingress.rotate-webhook-secret", _HOOK),
            _noted("2026-11-21T20:00:00Z"),
            _noted("2026-11-21T21:00:00Z", is_taken=True),
            _noted("2026-11-22T20:00:00Z"),
            _noted("2026-11-28T20:00:00Z"),
            (ADMIN, "ingress.enable-webhook", _HOOK),
            (ADMIN, "ingress.remove-webhook", _HOOK),
        ],
    ),
    (
        "message",
        "msg_ballot",
        [
            (
                INGRESS,
                "ingress.queue-message",
                {
                    "message_id": "msg_ballot",
                    "webhook_id": "hook_box",
                    "topic": "ballot.opened",
                    "occurred_at": "2026-11-21T20:15:00Z",
                    "data": {"show_id": SHOW_ID},
                },
            ),
            *_sent(1, "failed", 500, "answered 500"),
            *_sent(2, "withheld", None, "the webhook is disabled or removed"),
            (ADMIN, "ingress.resend-message", {"message_id": "msg_ballot"}),
            *_sent(3, "taken", 204, ""),
        ],
    ),
    (
        "inbox",
        "inb_invoice",
        [
            _delivered(1, '{"type":"invoice.paid","data":{"id":"inv_1","status":"paid"}}'),
            (INGRESS, "ingress.process-inbox", {"inbox_id": "inb_invoice"}),
            _delivered(2, '{"type":"invoice.paid","timestamp":"soon","data":{"id":"inv_1"}}'),
            (INGRESS, "ingress.process-inbox", {"inbox_id": "inb_invoice"}),
            _delivered(3, '{"type":"invoice.void","data":{"id":"inv_1","status":"void"}}'),
            (
                ADMIN,
                "ingress.discard-delivery",
                {"inbox_id": "inb_invoice", "delivery_id": "dlv_2", "reason": "nonsense"},
            ),
        ],
    ),
    (
        "object",
        "obj_invoice",
        [
            (
                INGRESS,
                "ingress.apply-change",
                {"object_id": "obj_invoice", **_ABOUT_OBJECT, "change": _INVOICE},
            )
        ],
    ),
    (
        "payloads",
        "payloads_partner_main_2026-11-21",
        [
            (
                INGRESS,
                "ingress.open-payloads",
                {
                    "payload_key": "payloads_partner_main_2026-11-21",
                    "partner": "partner",
                    "endpoint": "main",
                    "day_ends_at": "2026-11-22T01:00:00Z",
                    "until": "2026-12-22T00:00:00Z",
                },
            ),
            (
                INGRESS,
                "ingress.record-forgotten",
                {"payload_key": "payloads_partner_main_2026-11-21"},
            ),
        ],
    ),
)
