"""A session: from a sign-in to its end.

Stream      evt.auth.session.{session_id}
Invariants  a refresh token is used once: one that comes again ends the session; a session that has
            ended, or was left alone or open for too long, is never renewed; what was shown to sign
            in opens one session, to one command.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

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
    SessionsReceipt,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

type SessionCommand = OpenSession | RotateSession | EndSession
type SessionEvent = SessionOpened | SessionRenewed | SessionEnded

LIFE_MAX: Final = timedelta(days=90)
IDLE_MAX: Final = timedelta(days=30)


@dataclass(slots=True)
class Session:
    """The state. `generation` is that of the refresh token that is good now."""

    session_id: str = ""
    user_id: str = ""
    opening_id: str = ""
    opened_at: datetime | None = None
    renewed_at: datetime | None = None
    renewal_id: str = ""
    generation: int = 0
    ended: SessionEnd | None = None

    def is_good(self, at: datetime) -> bool:
        """Whether it may still be renewed."""
        if self.opened_at is None or self.ended is not None:
            return False
        seen_at = self.renewed_at or self.opened_at
        return at - self.opened_at < LIFE_MAX and at - seen_at < IDLE_MAX


@dataclass(slots=True)
class Opened:
    """What tokens are made for, once the facts are recorded."""

    session_id: str
    user_id: str
    opened_at: datetime | None
    generation: int
    is_over: bool
    is_new: bool
    position: int = 0


def decide(command: SessionCommand, session: Session, origin: Origin) -> Sequence[SessionEvent]:
    """The rules. raises ProofRefused, RefreshRefused, SessionNotFound"""
    match command:
        case OpenSession():
            return _open(command, session, origin)
        case RotateSession(generation=generation):
            if not session.is_good(origin.at):
                raise RefreshRefused
            if session.renewal_id == origin.command_id:
                return []
            if generation != session.generation:
                return [_ended(session, SessionEnd.REUSED)]
            return [
                SessionRenewed(
                    session_id=session.session_id,
                    user_id=session.user_id,
                    generation=generation + 1,
                    renewal_id=origin.command_id,
                    renewed_at=origin.at,
                )
            ]
        case EndSession():
            if session.user_id != origin.actor:
                raise SessionNotFound
            return [] if session.ended else [_ended(session, SessionEnd.SIGNED_OUT)]
        case _:
            assert_never(command)


def _open(command: OpenSession, session: Session, origin: Origin) -> Sequence[SessionEvent]:
    if session.opened_at is not None:
        if session.opening_id != origin.command_id:
            raise ProofRefused
        return []
    return [
        SessionOpened(
            session_id=command.session_id,
            user_id=command.user_id,
            method=command.method,
            device=command.device,
            opening_id=origin.command_id,
            opened_at=origin.at,
        )
    ]


def _ended(session: Session, reason: SessionEnd) -> SessionEnded:
    return SessionEnded(session_id=session.session_id, user_id=session.user_id, reason=reason)


def evolve(session: Session, event: SessionEvent) -> Session:
    """What a fact does to a session."""
    match event:
        case SessionOpened():
            session.session_id, session.user_id = event.session_id, event.user_id
            session.opening_id, session.opened_at = event.opening_id, event.opened_at
        case SessionRenewed():
            session.generation, session.renewed_at = event.generation, event.renewed_at
            session.renewal_id = event.renewal_id
        case SessionEnded(reason=reason):
            session.ended = reason
        case _:
            assert_never(event)
    return session


def answer(
    command: SessionCommand, events: Sequence[SessionEvent], session: Session, origin: Origin
) -> Opened | SessionsReceipt:
    """What the caller is told; for a session, all of it but the tokens.

    A late retry is told of the generation its own command made.
    """
    del events, origin
    if isinstance(command, EndSession):
        return SessionsReceipt(user_id=session.user_id)
    return Opened(
        session.session_id,
        session.user_id,
        session.opened_at,
        generation=command.generation + 1 if isinstance(command, RotateSession) else 0,
        is_over=session.ended is not None,
        is_new=isinstance(command, OpenSession),
    )


SESSION: Decider[SessionCommand, SessionEvent, Session] = Decider(
    aggregate="session",
    commands=members(SessionCommand),
    events=members(SessionEvent),
    state=Session,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
