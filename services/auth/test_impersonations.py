"""Acting as somebody else: begun with a reason, and ended by whoever began it."""

from dataclasses import replace
from datetime import timedelta

from contracts.auth import ActorSuspended
from contracts.auth_acts import (
    EndImpersonation,
    ImpersonateUser,
    ImpersonationEnded,
    ImpersonationRefused,
    UserImpersonated,
)
from contracts.auth_sessions import SessionNotFound, SessionsReceipt
from libs.kernel.messages import registry
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.auth.domain import IMPERSONATION
from services.auth.domain.impersonations import Begun

spec = DeciderSpec(IMPERSONATION, replace(ORIGIN, actor="grace", roles=("admin",)))
BEGIN = ImpersonateUser(user_id="ann", reason="cannot see her vote", minutes=5)
ID = registry.command_of[ImpersonateUser].aggregate_id(BEGIN, "grace", ORIGIN.command_id)
UNTIL = NOW + timedelta(minutes=5)
BEGUN = UserImpersonated(
    session_id=ID, user_id="ann", actor="grace", reason="cannot see her vote", until=UNTIL
)
END = EndImpersonation(session_id=ID)
ENDED = ImpersonationEnded(session_id=ID, user_id="ann", actor="grace")


def test_says_who_why_and_until_when() -> None:
    begun = Begun(ID, "ann", "grace", UNTIL, is_over=False)
    spec.given().when(BEGIN).then(BEGUN).and_answers(begun)


def test_lets_nobody_act_as_themselves() -> None:
    spec.given().when(BEGIN, actor="ann").then_rejected(ImpersonationRefused)


def test_lets_nobody_act_who_is_suspended() -> None:
    spec.given().when(BEGIN, is_suspended=True).then_rejected(ActorSuspended)


def test_is_ended_by_either_token_of_whoever_began_it() -> None:
    ending = spec.given(BEGUN).when(END)
    ending.then(ENDED).and_answers(SessionsReceipt(user_id="ann"))
    spec.given(BEGUN).when(END, actor="ann", impersonator="grace").then(ENDED)
    spec.given(BEGUN, ENDED).when(END).then_nothing()


def test_is_ended_by_nobody_else() -> None:
    for actor, impersonator in (("ann", ""), ("hal", ""), ("ann", "hal"), ("grace", "hal")):
        ending = spec.given(BEGUN).when(END, actor=actor, impersonator=impersonator)
        ending.then_rejected(SessionNotFound)
    spec.given().when(END, actor="").then_rejected(SessionNotFound)


def test_does_not_begin_again_once_it_is_over() -> None:
    over = Begun(ID, "ann", "grace", UNTIL, is_over=True)
    spec.given(BEGUN, ENDED).when(BEGIN).then_nothing().and_answers(over)
