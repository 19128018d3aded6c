"""The stories that are recorded: each is the life of one aggregate, told by its commands.

The shows and songs are real: the Grateful Dead in Europe, 1972.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.auth import UserRole
from libs.kernel.decider import Decider
from services.auth.domain import MAIL, SESSION, user_decider
from services.catalog.domain import ARTIST, SETLIST, SHOW, SONG, VENUE
from services.ingress.domain import INBOX, MESSAGE, OBJECT, PAYLOADS, WEBHOOK
from services.voting.domain import BALLOT

USER = user_decider(UserRole.ADMIN)
DECIDERS: dict[tuple[str, str], Decider[Any, Any, Any]] = {
    ("auth", "user"): USER,
    ("auth", "session"): SESSION,
    ("auth", "mail"): MAIL,
    ("voting", "ballot"): BALLOT,
    **{("ingress", each.aggregate): each for each in (INBOX, OBJECT, PAYLOADS, WEBHOOK, MESSAGE)},
    **{("catalog", each.aggregate): each for each in (ARTIST, VENUE, SONG, SHOW, SETLIST)},
}

ADMIN, ANN, BEN = "usr_admin", "usr_ann", "usr_ben"
SERVICE = "svc_auth"
INGRESS = "svc_ingress"
RESET = {"password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$YW5vdGhlcg"}
ARTIST_ID, VENUE_ID, SHOW_ID = "art_grateful_dead", "ven_empire_pool", "shw_1972_04_08"
BERTHA, DEAL, TRUCKIN = "sng_bertha", "sng_deal", "sng_truckin"

Step = tuple[str, str, dict[str, Any]]
"""(who, command, its arguments)"""


@dataclass(frozen=True, slots=True)
class Story:
    """One aggregate's life. `held` says who holds names when it begins."""

    service: str
    aggregate: str
    aggregate_id: str
    steps: Sequence[Step]
    held: Mapping[str, str] = field(default_factory=dict)


def _ballot(show_id: str, *steps: Step, **policy: Any) -> Story:
    candidates = [
        {"song_id": BERTHA, "title": "Bertha"},
        {"song_id": DEAL, "title": "Deal"},
        {"song_id": TRUCKIN, "title": "Truckin'"},
    ]
    set_up = {"show_id": show_id, "candidates": candidates, **policy}
    beginning: list[Step] = [
        ("svc_voting", "voting.set-up-ballot", set_up),
        (ADMIN, "voting.open-ballot", {"show_id": show_id}),
    ]
    return Story("voting", "ballot", show_id, [*beginning, *steps])


def _on(show_id: str, who: str, command: str, **arguments: Any) -> Step:
    return who, f"voting.{command}", {"show_id": show_id, **arguments}


def _account(user_id: str, *steps: tuple[str, str, dict[str, Any]], **more: Any) -> Story:
    """Somebody signs up with an address, and what follows."""
    opening = {
        "email": f"{user_id}@example.org",
        "email_name": "email-one",
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "display_name": "Ann",
        "mail_id": "mail_1",
    }
    named = [(who, name, {"user_id": user_id, **args}) for who, name, args in steps]
    begun: Step = (SERVICE, "auth.open-account", {"user_id": user_id, **opening})
    return Story("auth", "user", user_id, [begun, *named], **more)


def _mail(mail_id: str, kind: str) -> Step:
    return SERVICE, "auth.want-mail", {"mail_id": mail_id, "kind": kind}


def _proof(mail_id: str, kind: str, *, is_right: bool = True) -> Step:
    shown = {"mail_id": mail_id, "kind": kind, "is_right": is_right}
    return SERVICE, "auth.use-proof", shown


def _session(name: str, **args: Any) -> Step:
    return SERVICE, f"auth.{name}", {"session_id": "ses_1", **args}


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

STORIES: Sequence[Story] = (
    Story(
        "ingress",
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
    Story(
        "ingress",
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
    Story(
        "ingress",
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
    Story(
        "ingress",
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
    Story(
        "ingress",
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
    _account(
        "usr_account",
        _proof("mail_1", "verify-email"),
        _mail("mail_2", "sign-in"),
        _proof("mail_2", "sign-in", is_right=False),
        _proof("mail_2", "sign-in"),
        (ADMIN, "auth.ban-user", {"reason": "spam"}),
        (ADMIN, "auth.unban-user", {"reason": "a mistake"}),
        _mail("mail_3", "reset-password"),
        (
            *_proof("mail_3", "reset-password")[:2],
            {**_proof("mail_3", "reset-password")[2], **RESET},
        ),
        (SERVICE, "auth.erase-user", {}),
    ),
    _account("usr_hasty", _mail("mail_2", "sign-in"), _proof("mail_2", "sign-in")),
    _account("usr_visitor", held={"email-one": "usr_account"}),
    Story(
        "auth",
        "user",
        "usr_renamed",
        [
            ("", "auth.start-guest-session", {"display_name": "Ann"}),
            ("usr_renamed", "auth.change-profile", {"display_name": "Ann B."}),
        ],
    ),
    Story(
        "auth",
        "session",
        "ses_1",
        [
            _session(
                "open-session", user_id="usr_account", method="password", device="a telephone"
            ),
            _session("rotate-session", generation=0),
            _session("rotate-session", generation=1),
            _session("rotate-session", generation=0),
        ],
    ),
    Story(
        "auth",
        "mail",
        "mail_1",
        [(SERVICE, "auth.record-mail", {"mail_id": "mail_1", "user_id": "usr_account"})],
    ),
    Story(
        "auth",
        "mail",
        "mail_2",
        [
            (
                SERVICE,
                "auth.record-mail",
                {"mail_id": "mail_2", "user_id": "usr_account", "is_refused": True},
            )
        ],
    ),
    Story(
        "auth",
        "user",
        "usr_guest",
        [
            ("", "auth.start-guest-session", {"display_name": "Ann"}),
            (ADMIN, "auth.suspend-user", {"user_id": "usr_guest", "reason": "many accounts"}),
            (ADMIN, "auth.reinstate-user", {"user_id": "usr_guest", "reason": "a mistake"}),
        ],
    ),
    Story(
        "auth",
        "user",
        "usr_named",
        [
            (
                "svc_auth",
                "auth.register-user",
                {"user_id": "usr_named", "display_name": "Ben", "role": "moderator"},
            ),
            (ADMIN, "auth.set-role", {"user_id": "usr_named", "role": "member"}),
        ],
    ),
    Story(
        "catalog",
        "artist",
        ARTIST_ID,
        [
            (ADMIN, "catalog.register-artist", {"artist_id": ARTIST_ID, "name": "Grateful Dead"}),
            (
                ADMIN,
                "catalog.register-artist",
                {
                    "artist_id": ARTIST_ID,
                    "name": "Grateful Dead",
                    "external_ids": {"musicbrainz": "6faa7ca7-0d99-4a5e-bfa6-1fd5037520c6"},
                },
            ),
        ],
    ),
    Story(
        "catalog",
        "venue",
        VENUE_ID,
        [
            (ADMIN, "catalog.register-venue", {"venue_id": VENUE_ID, "name": "Empire Pool"}),
            (
                ADMIN,
                "catalog.register-venue",
                {"venue_id": VENUE_ID, "city": "London", "country": "England", "latitude": 51.558},
            ),
        ],
    ),
    Story(
        "catalog",
        "song",
        TRUCKIN,
        [
            (
                ADMIN,
                "catalog.register-song",
                {"song_id": TRUCKIN, "artist_id": ARTIST_ID, "title": "Truckin'"},
            ),
            (
                ADMIN,
                "catalog.register-song",
                {
                    "song_id": TRUCKIN,
                    "artist_id": ARTIST_ID,
                    "title": "Truckin'",
                    "release": "American Beauty",
                },
            ),
        ],
    ),
    Story(
        "catalog",
        "show",
        SHOW_ID,
        [
            (
                ADMIN,
                "catalog.schedule-show",
                {"show_id": SHOW_ID, "artist_id": ARTIST_ID, "local_date": "1972-04-08"},
            ),
            (
                ADMIN,
                "catalog.schedule-show",
                {
                    "show_id": SHOW_ID,
                    "artist_id": ARTIST_ID,
                    "local_date": "1972-04-08",
                    "local_time": "19:30:00",
                    "time_zone": "Europe/London",
                    "venue_id": VENUE_ID,
                    "tour": "Europe '72",
                    "external_ids": {"gdshowsdb": "1d5ea6f6-db0c-4293-9680-8369d9cf023d"},
                },
            ),
        ],
    ),
    Story(
        "catalog",
        "setlist",
        SHOW_ID,
        [
            (
                ADMIN,
                "catalog.record-setlist",
                {"show_id": SHOW_ID, "sets": [{"songs": [{"song_id": BERTHA}]}]},
            ),
            (
                ADMIN,
                "catalog.record-setlist",
                {
                    "show_id": SHOW_ID,
                    "sets": [
                        {"name": "Set 1", "songs": [{"song_id": BERTHA}, {"song_id": DEAL}]},
                        {"name": "Set 2", "songs": [{"song_id": TRUCKIN, "segue": True}]},
                    ],
                },
            ),
        ],
    ),
    _ballot(
        SHOW_ID,
        _on(SHOW_ID, ANN, "cast-vote", song_id=BERTHA),
        _on(SHOW_ID, ADMIN, "suspend-voter", voter_id=BEN),
        _on(SHOW_ID, ADMIN, "reinstate-voter", voter_id=BEN),
        _on(SHOW_ID, BEN, "cast-vote", song_id=TRUCKIN),
        _on(SHOW_ID, ADMIN, "close-ballot"),
        _on(SHOW_ID, ADMIN, "finalize-ballot", played=[BERTHA, DEAL]),
        opens_at="1972-04-08T12:00:00Z",
        closes_at="1972-04-08T18:30:00Z",
    ),
    _ballot(
        "shw_1972_05_26",
        _on("shw_1972_05_26", ANN, "cast-vote", song_id=BERTHA),
        _on("shw_1972_05_26", ANN, "cast-vote", song_id=TRUCKIN),
        _on("shw_1972_05_26", BEN, "cast-vote", song_id=DEAL),
        _on("shw_1972_05_26", BEN, "withdraw-vote", song_id=DEAL),
        changeable=True,
    ),
)
