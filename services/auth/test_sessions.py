"""Sessions: renewed once for each token, and not for ever."""

from dataclasses import replace
from datetime import timedelta

from contracts.auth_mail import ProofRefused
from contracts.auth_private import OpenSession, RotateSession
from contracts.auth_sessions import (
    EndSession,
    RefreshRefused,
    SessionEnd,
    SessionEnded,
    SessionNotFound,
    SessionOpened,
    SessionRenewed,
    SignInMethod,
)
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.auth.domain.sessions import IDLE_MAX, LIFE_MAX, SESSION

spec = DeciderSpec(SESSION, replace(ORIGIN, actor="svc_auth"))
OPENED = SessionOpened(
    session_id="s1",
    user_id="ann",
    method=SignInMethod.PASSWORD,
    device="a phone",
    opening_id="earlier",
    opened_at=NOW - timedelta(days=1),
)


def renewed(generation: int, *, days_ago: float = 0.0) -> SessionRenewed:
    """By the command at hand, or some days ago by another one."""
    return SessionRenewed(
        session_id="s1",
        user_id="ann",
        generation=generation,
        renewal_id="earlier" if days_ago else ORIGIN.command_id,
        renewed_at=NOW - timedelta(days=days_ago),
    )


def rotation(generation: int) -> RotateSession:
    return RotateSession(session_id="s1", generation=generation)


def ended(reason: SessionEnd) -> SessionEnded:
    return SessionEnded(session_id="s1", user_id="ann", reason=reason)


def test_opens_once() -> None:
    opening = OpenSession(session_id="s1", user_id="ann", method=SignInMethod.EMAIL, device="")
    spec.given(OPENED).when(opening, command_id="earlier").then_nothing()
    spec.given(OPENED).when(opening, command_id="another").then_rejected(ProofRefused)


def test_gives_the_next_token_for_the_one_before() -> None:
    spec.given(OPENED, renewed(1, days_ago=0.5)).when(rotation(1)).then(renewed(2))


def test_ends_when_a_token_comes_again() -> None:
    stolen = spec.given(OPENED, renewed(1, days_ago=0.5)).when(rotation(0))
    stolen.then(ended(SessionEnd.REUSED))


def test_is_not_renewed_after_its_end() -> None:
    spec.given(OPENED, ended(SessionEnd.SIGNED_OUT)).when(rotation(0)).then_rejected(RefreshRefused)
    spec.given().when(rotation(0)).then_rejected(RefreshRefused)


def test_is_not_renewed_when_it_was_left_alone_for_too_long() -> None:
    old = replace(OPENED, opened_at=NOW - IDLE_MAX)
    spec.given(old).when(rotation(0)).then_rejected(RefreshRefused)
    spec.given(old, renewed(1, days_ago=1)).when(rotation(1)).then(renewed(2))


def test_is_not_renewed_for_ever() -> None:
    old = replace(OPENED, opened_at=NOW - LIFE_MAX)
    spec.given(old, renewed(1, days_ago=1)).when(rotation(1)).then_rejected(RefreshRefused)


def test_is_ended_by_its_owner_alone() -> None:
    end = EndSession(session_id="s1")
    spec.given(OPENED).when(end, by="ann").then(ended(SessionEnd.SIGNED_OUT))
    spec.given(OPENED).when(end, by="bob").then_rejected(SessionNotFound)
    spec.given(OPENED, ended(SessionEnd.SIGNED_OUT)).when(end, by="ann").then_nothing()
