"""Users: what is recorded, what is refused, and what a session says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.auth import (
    ActorSuspended,
    DevelopmentUsersOff,
    GuestRegistered,
    NameTaken,
    RefreshSession,
    RegisterUser,
    RoleNotOffered,
    SessionAlreadyStarted,
    StartDevelopmentSession,
    StartGuestSession,
    UserKind,
    UserReceipt,
    UserRegistered,
    UserRole,
    UserUnknown,
)
from contracts.auth_standing import (
    OwnStanding,
    RankTooLow,
    ReinstateUser,
    RoleSet,
    SetRole,
    SuspendedByAdmin,
    SuspendUser,
    UserReinstated,
    UserSuspended,
)
from libs.kernel.ids import derive_id
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.auth.domain.users import GUEST_RETRY, Admission, user_decider

MEMBER, MODERATOR, ADMIN = UserRole.MEMBER, UserRole.MODERATOR, UserRole.ADMIN
BY_MODERATOR: dict[str, Any] = {"actor": "usr_mod", "roles": ("moderator",)}
BY_ADMIN: dict[str, Any] = {"actor": "usr_adm", "roles": ("admin",)}

spec = DeciderSpec(user_decider(development_role_max=MODERATOR))
production = DeciderSpec(user_decider(development_role_max=None))

GUEST_ID = derive_id("auth.start-guest-session", ORIGIN.command_id)
GUEST = GuestRegistered(user_id=GUEST_ID, display_name="Ada", registered_at=NOW)
ALICE = UserRegistered(
    user_id="alice",
    kind=UserKind.DEVELOPMENT,
    display_name="alice",
    role=MEMBER,
    registered_at=NOW,
)
ROOT = UserRegistered(
    user_id="usr_root",
    kind=UserKind.NAMED,
    display_name="Grace",
    role=ADMIN,
    registered_at=NOW,
)
SET_MODERATOR = SetRole(user_id="alice", role=MODERATOR, reason="helps out")
SUSPEND = SuspendUser(user_id="alice", reason="spam")
REINSTATE = ReinstateUser(user_id="alice", reason=None)
SUSPENDED = UserSuspended(user_id="alice", by=MODERATOR, actor="usr_mod", reason="spam")
SUSPENDED_BY_ADMIN = UserSuspended(user_id="alice", by=ADMIN, actor="usr_adm", reason="spam")
REINSTATED = UserReinstated(user_id="alice", actor="usr_mod", reason=None)
PROMOTED = RoleSet(user_id="alice", role=MODERATOR, actor="usr_adm")


# ---------------------------------------------------------------------------------- guests


def test_registers_a_guest_when_a_session_is_started() -> None:
    outcome = spec.given().when(StartGuestSession(display_name="Ada"), actor="", roles=())
    outcome.then(GUEST).and_answers(Admission(GUEST_ID, UserKind.GUEST, "Ada", [MEMBER]))


def test_is_the_same_guest_when_the_command_comes_again() -> None:
    again = spec.given(GUEST).when(StartGuestSession(display_name="Ada"), at=NOW + GUEST_RETRY)
    again.then_nothing().and_answers(Admission(GUEST_ID, UserKind.GUEST, "Ada", [MEMBER]))


def test_rejects_the_command_when_it_comes_again_much_later() -> None:
    later = NOW + GUEST_RETRY + timedelta(seconds=1)
    spec.given(GUEST).when(StartGuestSession(), at=later).then_rejected(SessionAlreadyStarted)


# ---------------------------------------------------------------------------------- development


def test_registers_a_development_user_when_the_name_is_new() -> None:
    outcome = spec.given().when(StartDevelopmentSession(name="alice"), actor="", roles=())
    outcome.then(ALICE).and_answers(Admission("alice", UserKind.DEVELOPMENT, "alice", [MEMBER]))


def test_keeps_the_role_when_a_development_user_comes_back_without_one() -> None:
    situation = spec.given(ALICE, PROMOTED)
    situation.when(StartDevelopmentSession(name="alice")).then_nothing().and_answers(
        Admission("alice", UserKind.DEVELOPMENT, "alice", [MODERATOR])
    )


def test_changes_the_role_when_a_development_user_asks_for_one_that_is_offered() -> None:
    outcome = spec.given(ALICE).when(StartDevelopmentSession(name="alice", role=MODERATOR))
    outcome.then(replace(PROMOTED, actor="alice"))


def test_rejects_a_development_user_when_the_role_is_not_offered() -> None:
    outcome = spec.given().when(StartDevelopmentSession(name="alice", role=ADMIN))
    outcome.then_rejected(RoleNotOffered)


def test_rejects_development_users_when_the_installation_has_none() -> None:
    command = StartDevelopmentSession(name="alice")
    production.given().when(command).then_rejected(DevelopmentUsersOff)
    production.given(ALICE).when(command).then_rejected(DevelopmentUsersOff)


def test_rejects_a_development_user_when_the_name_is_somebody_elses_id() -> None:
    named = replace(ROOT, user_id="grace")
    spec.given(named).when(StartDevelopmentSession(name="grace")).then_rejected(NameTaken)


# ---------------------------------------------------------------------------------- named users


def test_registers_a_named_user_when_a_service_says_so() -> None:
    command = RegisterUser(user_id="usr_root", display_name="Grace", role=ADMIN)
    spec.given().when(command).then(ROOT).and_answers(
        Admission("usr_root", UserKind.NAMED, "Grace", [ADMIN])
    )


def test_gives_the_role_back_when_a_named_user_is_registered_again() -> None:
    command = RegisterUser(user_id="usr_root", display_name="Grace", role=ADMIN)
    spec.given(ROOT).when(command).then_nothing()
    demoted = RoleSet(user_id="usr_root", role=MEMBER, actor="usr_adm")
    again = spec.given(ROOT, demoted).when(command, actor="svc_auth")
    again.then(RoleSet(user_id="usr_root", role=ADMIN, actor="svc_auth"))


def test_rejects_a_named_user_when_the_id_is_a_development_users() -> None:
    command = RegisterUser(user_id="alice", display_name="Alice", role=ADMIN)
    spec.given(ALICE).when(command).then_rejected(NameTaken)


# ---------------------------------------------------------------------------------- sessions


def test_says_the_role_of_today_when_a_session_is_refreshed() -> None:
    situation = spec.given(ALICE, PROMOTED)
    situation.when(RefreshSession(), actor="alice").then_nothing().and_answers(
        Admission("alice", UserKind.DEVELOPMENT, "alice", [MODERATOR])
    )


def test_grants_nothing_special_when_a_suspended_user_refreshes() -> None:
    suspended = UserSuspended(user_id="usr_root", by=ADMIN, actor="usr_adm", reason="spam")
    situation = spec.given(ROOT, suspended)
    situation.when(RefreshSession(), actor="usr_root").then_nothing().and_answers(
        Admission("usr_root", UserKind.NAMED, "Grace", [MEMBER])
    )


def test_rejects_a_refresh_when_the_user_is_unknown() -> None:
    spec.given().when(RefreshSession(), actor="usr_2").then_rejected(UserUnknown)


# ---------------------------------------------------------------------------------- standing


def test_sets_a_role_when_an_administrator_says_so() -> None:
    outcome = spec.given(ALICE).when(SET_MODERATOR, **BY_ADMIN)
    outcome.then(replace(PROMOTED, reason="helps out")).and_answers(
        UserReceipt(user_id="alice", role=MODERATOR, suspended=False)
    )


def test_records_nothing_when_the_role_is_set_already() -> None:
    outcome = spec.given(ALICE).when(SetRole(user_id="alice", role=MEMBER), **BY_ADMIN)
    outcome.then_nothing()


@pytest.mark.parametrize("by", [BY_MODERATOR, BY_ADMIN])
def test_suspends_a_member_when_a_moderator_or_an_administrator_says_so(by: Any) -> None:
    event = SUSPENDED if by is BY_MODERATOR else SUSPENDED_BY_ADMIN
    spec.given(ALICE).when(SUSPEND, **by).then(event).and_answers(
        UserReceipt(user_id="alice", role=MEMBER, suspended=True)
    )


def test_suspends_a_moderator_only_when_an_administrator_says_so() -> None:
    situation = spec.given(ALICE, PROMOTED)
    situation.when(SUSPEND, **BY_MODERATOR).then_rejected(RankTooLow)
    situation.when(SUSPEND, **BY_ADMIN).then(SUSPENDED_BY_ADMIN)


def test_records_nothing_when_the_user_is_suspended_already() -> None:
    spec.given(ALICE, SUSPENDED).when(SUSPEND, **BY_MODERATOR).then_nothing()
    spec.given(ALICE, SUSPENDED_BY_ADMIN).when(SUSPEND, **BY_ADMIN).then_nothing()
    spec.given(ALICE, SUSPENDED_BY_ADMIN).when(SUSPEND, **BY_MODERATOR).then_nothing()


def test_takes_the_matter_up_when_an_administrator_suspends_after_a_moderator() -> None:
    spec.given(ALICE, SUSPENDED).when(SUSPEND, **BY_ADMIN).then(SUSPENDED_BY_ADMIN)


def test_reinstates_when_a_moderator_had_suspended() -> None:
    outcome = spec.given(ALICE, SUSPENDED).when(REINSTATE, **BY_MODERATOR)
    outcome.then(REINSTATED).and_answers(UserReceipt(user_id="alice", role=MEMBER, suspended=False))


def test_reinstates_only_by_an_administrator_when_one_had_suspended() -> None:
    situation = spec.given(ALICE, SUSPENDED_BY_ADMIN)
    situation.when(REINSTATE, **BY_MODERATOR).then_rejected(SuspendedByAdmin)
    situation.when(REINSTATE, **BY_ADMIN).then(replace(REINSTATED, actor="usr_adm"))


def test_records_nothing_when_the_user_is_not_suspended() -> None:
    spec.given(ALICE).when(REINSTATE, **BY_MODERATOR).then_nothing()


@pytest.mark.parametrize("command", [SET_MODERATOR, SUSPEND, REINSTATE])
def test_rejects_a_change_of_standing_when_it_is_ones_own_or_nobodys(command: Any) -> None:
    own: dict[str, Any] = {"actor": "alice", "roles": ("admin",)}
    spec.given(ALICE).when(command, **own).then_rejected(OwnStanding)
    spec.given().when(command, **BY_ADMIN).then_rejected(UserUnknown)


@pytest.mark.parametrize("command", [SET_MODERATOR, SUSPEND, REINSTATE])
def test_rejects_a_change_of_standing_when_the_actor_is_suspended(command: Any) -> None:
    spec.given(ALICE).when(command, **BY_ADMIN, is_suspended=True).then_rejected(ActorSuspended)
