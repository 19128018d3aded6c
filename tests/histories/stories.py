"""The stories that are recorded: each is the life of one aggregate, told by its commands.

The shows and songs are real: the Grateful Dead in Europe, 1972.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.auth import UserRole
from contracts.catalog_syncs import KEEP_SECONDS
from libs.kernel.decider import Decider
from services.auth.domain import IMPERSONATION, KEY, MAIL, SESSION, user_decider
from services.catalog.domain import DECIDERS as CATALOG
from services.ingress.domain import INBOX, MESSAGE, OBJECT, PAYLOADS, WEBHOOK
from services.scheduler.domain import ROSTER, RUN, SCHEDULE
from services.voting.domain import BALLOT
from tests.histories.stories_of_ingress import STORIES as STORIES_OF_INGRESS
from tests.histories.stories_of_scheduler import ROSTERS, RUNS, SCHEDULES

USER = user_decider(UserRole.ADMIN)
DECIDERS: dict[tuple[str, str], Decider[Any, Any, Any]] = {
    ("auth", "user"): USER,
    ("auth", "session"): SESSION,
    ("auth", "mail"): MAIL,
    ("auth", "key"): KEY,
    ("auth", "impersonation"): IMPERSONATION,
    ("voting", "ballot"): BALLOT,
    **{("scheduler", each.aggregate): each for each in (SCHEDULE, RUN, ROSTER)},
    **{("ingress", each.aggregate): each for each in (INBOX, OBJECT, PAYLOADS, WEBHOOK, MESSAGE)},
    **{("catalog", each.aggregate): each for each in CATALOG},
}

ADMIN, ANN, BEN = "usr_admin", "usr_ann", "usr_ben"
SERVICE = "svc_auth"
RESET = {"password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$YW5vdGhlcg"}
ARTIST_ID, VENUE_ID, SHOW_ID = "art_grateful_dead", "ven_empire_pool", "shw_1972_04_08"
BERTHA, DEAL, TRUCKIN = "sng_bertha", "sng_deal", "sng_truckin"

SYNC_ID = "setlistfm-artist-6faa7ca7-0d99-4a5e-bfa6-1fd5037520c6"
CALENDAR_SYNC_ID = "luma-calendar-cal-dGAz0ocxi1mvFdP"
NEWS = {"sync_id": CALENDAR_SYNC_ID, "every_seconds": 30}
CALENDAR_RUN = {"sync_id": CALENDAR_SYNC_ID, "run": "run_1"}
POSTPONED = {
    "show_id": "shw_1972_05_24",
    "candidates": [{"song_id": BERTHA, "title": "Bertha"}],
    "closes_at": "1972-06-02T19:00:00Z",
    "planned": True,
}

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
    begun: Step = (SERVICE, "auth.open-account", {"user_id": user_id, **opening})
    return Story("auth", "user", user_id, [begun, *_about(user_id, steps)], **more)


def _about(user_id: str, steps: Sequence[Step]) -> Sequence[Step]:
    """Steps that say whom they are about, unless they are that user's own."""
    return [
        (who, name, args if who == user_id else {"user_id": user_id, **args})
        for who, name, args in steps
    ]


def _mail(mail_id: str, kind: str) -> Step:
    return SERVICE, "auth.want-mail", {"mail_id": mail_id, "kind": kind}


def _proof(mail_id: str, kind: str, *, is_right: bool = True) -> Step:
    shown = {"mail_id": mail_id, "kind": kind, "is_right": is_right}
    return SERVICE, "auth.use-proof", shown


def _told(command: str, by: str, **args: Any) -> Step:
    """A source tells the catalog something."""
    return "svc_catalog", f"catalog.{command}", {"source": by, **args}


def _run(command: str, **args: Any) -> Step:
    return "svc_catalog", f"catalog.{command}-sync", {"sync_id": SYNC_ID, "run": "run_1", **args}


def _session(name: str, **args: Any) -> Step:
    return SERVICE, f"auth.{name}", {"session_id": "ses_1", **args}


def _known(user_id: str) -> Story:
    """Somebody says who they are, is called something else, leaves, comes back, and is erased."""
    said = {
        "bio": "I saw all 22 shows.",
        "avatar": "https://example.org/ann.png",
        "links": [{"label": "Diary", "url": "https://example.org/europe72"}],
        "metadata": {"seat": "12"},
    }
    about: dict[str, Any] = {"user_id": user_id}
    one = {"username": "ann.b", "username_name": "username-one"}
    other = {"username": "berta", "username_name": "username-two"}
    free_at = "2026-12-21T20:15:04Z"  # Thirty days after the fourth step, which gives it up.
    steps: list[Step] = [
        (user_id, "auth.set-profile", {**about, **one, **said}),
        (user_id, "auth.set-profile", {**about, **other}),
        (user_id, "auth.leave", {}),
        (SERVICE, "auth.return-user", about),
        (SERVICE, "auth.free-username", {**about, "name": "username-one", "due_at": free_at}),
        (SERVICE, "auth.erase-user", about),
    ]
    account = _account(user_id, _proof("mail_1", "verify-email"))
    return Story("auth", "user", user_id, [*account.steps, *steps])


def _way(identity_id: str, kind: str, **more: Any) -> Step:
    shown = {"identity_id": identity_id, "kind": kind, "issuer": "", "label": "A way in", **more}
    return SERVICE, "auth.link-identity", shown


def _newcomer(user_id: str, *steps: Step) -> Story:
    """Somebody comes with an identity, and what follows."""
    return Story("auth", "user", user_id, _about(user_id, steps))


TOKENS = {"access_token": "at_1", "refresh_token": "rt_1", "expires_at": "2026-11-21T21:15:00Z"}
PASSKEY = {"credential_id": "Y3JlZA", "public_key": "a2V5", "sign_count": 1}

STORIES: Sequence[Story] = (
    _newcomer(
        "usr_elsewhere",
        _way(
            "identity-one",
            "provider",
            issuer="google",
            display_name="Ann",
            email={"email": "ann@example.org", "email_name": "email-one"},
            tokens=TOKENS,
        ),
        (
            SERVICE,
            "auth.keep-provider-tokens",
            {"identity_id": "identity-one", "tokens": {**TOKENS, "access_token": "at_2"}},
        ),
        _way("identity-two", "passkey", passkey=PASSKEY),
        (SERVICE, "auth.use-passkey", {"identity_id": "identity-two", "sign_count": 2}),
        ("usr_elsewhere", "auth.set-primary-way-in", {"way_id": "identity-one"}),
        (SERVICE, "auth.assign-wallet", {"app": "privy", "address": f"0x{'1f' * 20}"}),
        (SERVICE, "auth.withdraw-wallet", {"app": "privy"}),
        ("usr_elsewhere", "auth.unlink-identity", {"identity_id": "identity-one"}),
    ),
    _account(
        "usr_two_addresses",
        _proof("mail_1", "verify-email"),
        (
            SERVICE,
            "auth.begin-email",
            {"email": "two@example.org", "email_name": "email-two", "mail_id": "mail_2"},
        ),
        _proof("mail_2", "verify-email"),
        ("usr_two_addresses", "auth.set-primary-email", {"email_id": "email-two"}),
        ("usr_two_addresses", "auth.remove-email", {"email_id": "email-two"}),
    ),
    _account(
        "usr_careful",
        _proof("mail_1", "verify-email"),
        (
            SERVICE,
            "auth.set-second-factor",
            {"factor_id": "factor_1", "backup_id": "backup_1", "step": 1},
        ),
        (SERVICE, "auth.show-second-factor", {"backup": 3}),
        (SERVICE, "auth.show-second-factor", {}),
        (SERVICE, "auth.replace-backup-codes", {"backup_id": "backup_2"}),
        ("usr_careful", "auth.turn-off-second-factor", {}),
    ),
    _newcomer(
        "usr_locked_out",
        _way(
            "identity-three",
            "provider",
            issuer="google",
            email={"email": "cleo@example.org", "email_name": "email-three"},
        ),
        (
            SERVICE,
            "auth.set-second-factor",
            {"factor_id": "factor_1", "backup_id": "backup_1", "step": 1},
        ),
        (ADMIN, "auth.reset-second-factor", {"reason": "lost device and backup codes"}),
    ),
    _known("usr_known"),
    _account(
        "usr_account",
        _proof("mail_1", "verify-email"),
        _mail("mail_2", "sign-in"),
        _proof("mail_2", "sign-in", is_right=False),
        _proof("mail_2", "sign-in"),
        (ADMIN, "auth.ban-user", {"reason": "spam"}),
        (ADMIN, "auth.unban-user", {"reason": "a mistake"}),
        (ADMIN, "auth.end-sessions-of-user", {"reason": "a lost telephone"}),
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
            (
                "usr_renamed",
                "auth.set-profile",
                {"user_id": "usr_renamed", "display_name": "Ann B."},
            ),
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
        "key",
        "key_1",
        [
            (
                "usr_account",
                "auth.create-api-key",
                {
                    "name": "the box office",
                    "scopes": ["voting.cast-vote", "catalog.*", "auth.get-me"],
                    "expires_at": "2027-11-21T00:00:00Z",
                },
            ),
            (ADMIN, "auth.revoke-api-key-of-user", {"key_id": "key_1", "reason": "it leaked"}),
        ],
    ),
    Story(
        "auth",
        "impersonation",
        "ses_2",
        [
            (
                ADMIN,
                "auth.impersonate-user",
                {"user_id": "usr_account", "reason": "cannot see their vote", "minutes": 5},
            ),
            (ADMIN, "auth.end-impersonation", {"session_id": "ses_2"}),
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
    Story(
        "catalog",
        "artist",
        "art_told",
        [
            _told("register-artist", "setlistfm", artist_id="art_told", name="Grateful Dead"),
            _told("register-artist", "spotify", artist_id="art_told", name="The Grateful Dead"),
        ],
    ),
    Story(
        "catalog",
        "venue",
        "ven_told",
        [
            _told("register-venue", "setlistfm", venue_id="ven_told", name="Empire Pool"),
            _told("register-venue", "ticketmaster", venue_id="ven_told", name="Wembley Arena"),
            _told("register-venue", "ticketmaster", venue_id="ven_told", latitude=51.558),
        ],
    ),
    Story(
        "catalog",
        "song",
        "sng_told",
        [
            _told(
                "register-song",
                "setlistfm",
                song_id="sng_told",
                artist_id=ARTIST_ID,
                title="Truckin'",
            ),
            _told(
                "register-song",
                "spotify",
                song_id="sng_told",
                artist_id=ARTIST_ID,
                title="Truckin'",
                release="American Beauty",
            ),
            _told("forget-song", "spotify", song_id="sng_told"),
        ],
    ),
    Story(
        "catalog",
        "show",
        "shw_told",
        [
            _told(
                "schedule-show",
                "ticketmaster",
                show_id="shw_told",
                artist_id=ARTIST_ID,
                local_date="2026-11-21",
                local_time="20:15:00",
                time_zone="Europe/London",
                is_listed=True,
                as_of="2026-11-01T00:00:00Z",
            ),
            _told(
                "schedule-show",
                "setlistfm",
                show_id="shw_told",
                artist_id=ARTIST_ID,
                local_date="2026-11-21",
                tour="Europe '26",
            ),
            (
                "svc_catalog",
                "catalog.plan-show-day",
                {"show_id": "shw_told", "lasts_seconds": 7200},
            ),
            ("svc_catalog", "catalog.begin-show", {"show_id": "shw_told"}),
            ("svc_catalog", "catalog.end-show", {"show_id": "shw_told"}),
            _told("miss-show", "ticketmaster", show_id="shw_told"),
        ],
    ),
    Story(
        "catalog",
        "setlist",
        "shw_told",
        [
            _told(
                "record-setlist",
                "setlistfm",
                show_id="shw_told",
                sets=[{"songs": [{"song_id": BERTHA}]}],
            ),
            _told(
                "record-setlist",
                "gdshowsdb",
                show_id="shw_told",
                sets=[{"songs": [{"song_id": DEAL}]}],
            ),
        ],
    ),
    Story(
        "catalog",
        "gathering",
        "gat_told",
        [
            _told(
                "register-gathering",
                "luma",
                gathering_id="gat_told",
                name="Listening session",
                starts_at="2026-11-21T18:00:00Z",
                time_zone="Europe/London",
                hosts=["The Harbour Lights"],
                registration="open",
            ),
            _told("register-gathering", "ics", gathering_id="gat_told", name="Listening"),
            _told("miss-gathering", "luma", gathering_id="gat_told"),
        ],
    ),
    Story(
        "catalog",
        "identity",
        "sng_double",
        [
            (
                ADMIN,
                "catalog.merge-records",
                {"kind": "song", "record_id": "sng_double", "into_id": "sng_told"},
            ),
            (
                ADMIN,
                "catalog.split-records",
                {
                    "kind": "song",
                    "record_id": "sng_double",
                    "from_id": "sng_told",
                    "source": "spotify",
                },
            ),
        ],
    ),
    Story(
        "catalog",
        "sync",
        SYNC_ID,
        [
            (ADMIN, "catalog.start-sync", {"sync_id": SYNC_ID}),
            _run("begin", worker="wrk_1"),
            _run("advance", page="1", next="2", tally={"new": 20}, mark={"seen": ["shw_told"]}),
            _run("advance", page="2", refusals=[{"what": "show", "where": "2", "reason": "bad"}]),
            *[_run("keep")] * KEEP_SECONDS,
            _run("finish"),
            (ADMIN, "catalog.start-sync", {"sync_id": SYNC_ID, "afresh": True}),
            _run("begin", worker="wrk_1", run="run_2"),
            _run("fail", run="run_2", reason="away", retry_at="2026-11-21T20:15:00Z"),
            _run("begin", worker="wrk_1", run="run_3"),
            (ADMIN, "catalog.stop-sync", {"sync_id": SYNC_ID}),
        ],
    ),
    Story(
        "catalog",
        "sync",
        CALENDAR_SYNC_ID,
        [
            (ADMIN, "catalog.start-sync", {"sync_id": CALENDAR_SYNC_ID}),
            ("svc_catalog", "catalog.hasten-sync", {**NEWS, "since": "2026-11-21T20:00:05Z"}),
            ("svc_catalog", "catalog.begin-sync", {**CALENDAR_RUN, "worker": "wrk_1"}),
            ("svc_catalog", "catalog.hasten-sync", {**NEWS, "since": "2026-11-21T20:15:10Z"}),
            ("svc_catalog", "catalog.advance-sync", {**CALENDAR_RUN, "page": "first"}),
            ("svc_catalog", "catalog.finish-sync", CALENDAR_RUN),
        ],
    ),
    Story(
        "catalog",
        "quota",
        "setlistfm",
        [
            (
                "svc_catalog",
                "catalog.take-quota",
                {"partner": "setlistfm", "day": "2026-11-21", "requests": 20, "limit": 1440},
            ),
            (
                "svc_catalog",
                "catalog.close-quota",
                {"partner": "setlistfm", "until": "2026-11-22T00:00:00Z"},
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
    _ballot(
        "shw_1972_05_24",
        _on("shw_1972_05_24", ANN, "cast-vote", song_id=BERTHA),
        _on("shw_1972_05_24", "svc_voting", "close-ballot", because="called-off"),
        ("svc_voting", "voting.set-up-ballot", {**POSTPONED, "opens_at": "1972-06-01T19:00:00Z"}),
        opens_at="1972-05-23T19:00:00Z",
        closes_at="1972-05-24T19:00:00Z",
        planned=True,
    ),
    *(Story("ingress", aggregate, key, steps) for aggregate, key, steps in STORIES_OF_INGRESS),
    *(Story("scheduler", "schedule", key, steps) for key, steps in SCHEDULES.items()),
    *(Story("scheduler", "run", key, steps) for key, steps in RUNS.items()),
    *(Story("scheduler", "roster", key, steps) for key, steps in ROSTERS.items()),
)
