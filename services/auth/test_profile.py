"""Profiles, usernames and leaving: what is recorded, and what is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.auth import ActorSuspended, GuestRegistered
from contracts.auth_accounts import (
    AccountOpened,
    EmailVerified,
    NameClaimed,
    NameReleased,
    NoAccount,
    UserErased,
)
from contracts.auth_mail import MailKind, MailWanted
from contracts.auth_private import EraseUser
from contracts.auth_profile import (
    AccountUnconfirmed,
    Leave,
    LeaveReceipt,
    Link,
    ProfileChanged,
    UserLeft,
    UsernameChosen,
    UsernameFreed,
    UsernameInvalid,
    UsernameReserved,
    UsernameRetired,
    UsernamesChangedTooOften,
    UsernameTaken,
    UserReturned,
)
from contracts.auth_profile_private import FreeUsername, ReturnUser, SetProfile
from contracts.auth_sessions import SessionsEnded
from libs.kernel.ids import derive_id
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.auth.domain import Terms, user_decider
from services.auth.domain.usernames import checked, skeleton

TERMS = Terms(username_rests=timedelta(days=30), grace=timedelta(days=10))
ANN = "usr_ann"
spec = DeciderSpec(user_decider(None, TERMS), replace(ORIGIN, actor=ANN))

GUEST = GuestRegistered(user_id=ANN, display_name="Ann", registered_at=NOW)
OPENED = AccountOpened(
    user_id=ANN, email="ann@example.org", email_name="email-1", display_name="Ann"
)
VERIFIED = EmailVerified(user_id=ANN, email_name="email-1")
ACCOUNT = (GUEST, OPENED, VERIFIED)
FREE_AT = NOW + timedelta(days=30)
ERASED_AT = NOW + timedelta(days=10)


def chosen(username: str, name: str) -> UsernameChosen:
    return UsernameChosen(user_id=ANN, username=username, name=name)


def retired(name: str) -> UsernameRetired:
    return UsernameRetired(user_id=ANN, name=name, free_at=FREE_AT)


def choice(username: str, name: str | None, holder: str | None = None) -> dict[str, Any]:
    """A command, and who holds the name it is about."""
    command = SetProfile(user_id=ANN, username=username, username_name=name)
    return {"command": command, "holders": {name: holder} if name else {}}


def said(**more: Any) -> ProfileChanged:
    nothing: dict[str, Any] = {"bio": "", "avatar": "", "links": [], "metadata": {}}
    return ProfileChanged(user_id=ANN, **{"display_name": "Ann", **nothing, **more})


# ---------------------------------------------------------------------------------- profiles


def test_records_all_that_is_said_when_a_part_of_it_changes() -> None:
    link = Link(label="Band", url="https://example.org/band")
    before = said(bio="I sing.", links=[link])
    outcome = spec.given(*ACCOUNT, before).when(SetProfile(user_id=ANN, metadata={"seat": "12"}))
    outcome.then(said(bio="I sing.", links=[link], metadata={"seat": "12"}))


def test_clears_what_is_given_empty() -> None:
    empty = SetProfile(user_id=ANN, display_name="", bio="", avatar="", links=[], metadata={})
    before = said(bio="I sing.", avatar="https://example.org/a.png", metadata={"seat": "12"})
    spec.given(*ACCOUNT, before).when(empty).then(said(display_name=None))
    spec.given(*ACCOUNT, before).when(SetProfile(user_id=ANN)).then_nothing()


def test_says_nothing_of_who_is_not_there_or_may_not_act() -> None:
    command = SetProfile(user_id=ANN, bio="I sing.")
    spec.given().when(command).then_rejected(NoAccount)
    spec.given(*ACCOUNT, UserErased(user_id=ANN)).when(command).then_rejected(NoAccount)
    left = UserLeft(user_id=ANN, erased_at=ERASED_AT)
    spec.given(*ACCOUNT, left).when(command).then_rejected(NoAccount)
    spec.given(*ACCOUNT).when(command, is_suspended=True).then_rejected(ActorSuspended)


# ---------------------------------------------------------------------------------- usernames


def test_claims_a_username_that_nobody_has() -> None:
    outcome = spec.given(*ACCOUNT).when(**choice("ann.b", "username-1"))
    outcome.then(chosen("ann.b", "username-1"), NameClaimed(name="username-1", holder=ANN))


def test_refuses_a_username_that_somebody_has() -> None:
    taken = spec.given(*ACCOUNT).when(**choice("ann.b", "username-1", holder="usr_other"))
    taken.then_rejected(UsernameTaken)


def test_keeps_the_name_when_only_its_letters_look_different() -> None:
    situation = spec.given(*ACCOUNT, chosen("ann.b", "username-1"))
    situation.when(**choice("Ann.B", "username-1", holder=ANN)).then(chosen("Ann.B", "username-1"))
    situation.when(**choice("ann.b", "username-1", holder=ANN)).then_nothing()


def test_lets_a_username_rest_when_it_is_given_up() -> None:
    situation = spec.given(*ACCOUNT, chosen("ann.b", "username-1"))
    situation.when(**choice("", None)).then(retired("username-1"))
    situation.when(**choice("berta", "username-2")).then(
        retired("username-1"),
        chosen("berta", "username-2"),
        NameClaimed(name="username-2", holder=ANN),
    )


def test_gives_a_username_back_to_whoever_gave_it_up() -> None:
    situation = spec.given(*ACCOUNT, chosen("ann.b", "username-1"), retired("username-1"))
    situation.when(**choice("ann.b", "username-1", holder=ANN)).then(chosen("ann.b", "username-1"))


def test_frees_a_username_at_its_hour_and_not_before() -> None:
    situation = spec.given(*ACCOUNT, chosen("ann.b", "username-1"), retired("username-1"))
    free = FreeUsername(user_id=ANN, name="username-1", due_at=FREE_AT)
    situation.when(free).then(
        UsernameFreed(user_id=ANN, name="username-1"),
        NameReleased(name="username-1", holder=ANN),
    )
    situation.when(replace(free, due_at=NOW)).then_nothing()
    taken_back = spec.given(*ACCOUNT, retired("username-1"), chosen("ann.b", "username-1"))
    taken_back.when(free).then_nothing()


def test_lets_nobody_keep_many_usernames_from_others() -> None:
    resting = [retired(f"username-{number}") for number in range(3)]
    situation = spec.given(*ACCOUNT, *resting)
    situation.when(**choice("ann.b", "username-9")).then_rejected(UsernamesChangedTooOften)
    situation.when(**choice("first", "username-0", holder=ANN)).then(chosen("first", "username-0"))


def test_gives_a_username_to_nobody_whom_no_address_stands_for() -> None:
    spec.given(GUEST).when(**choice("ann.b", "username-1")).then_rejected(NoAccount)
    unconfirmed = spec.given(GUEST, OPENED).when(**choice("ann.b", "username-1"))
    unconfirmed.then_rejected(AccountUnconfirmed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "ann"),
        ("paypal", "PayPaI"),
        ("paypal", "paypa1"),
        ("bono", "b0n0"),
        ("barney", "bamey"),
        ("wave", "vvave"),
        ("WWW", "vvvvvv"),
        ("jim", "jlrn"),
    ],
)
def test_takes_look_alikes_for_one(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("ann", "anna"), ("ann.b", "annb"), ("rob", "rod")])
def test_tells_apart_what_does_not_look_alike(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{2,29}", fullmatch=True))
def test_does_not_look_like_something_else_when_it_is_looked_at_twice(username: str) -> None:
    assert skeleton(skeleton(username)) == skeleton(username) == skeleton(username.upper())


@pytest.mark.parametrize(
    "username",
    [
        "",
        "an",
        "a" * 31,
        "1ann",
        "_ann",
        "ann b",
        "ann@b",
        "änn",
        "\u0430nn",
        "ann\n",
        "\uff41\uff4e\uff4e",
        "ann\u200d",
    ],
)
def test_refuses_what_could_not_be_a_username(username: str) -> None:
    with pytest.raises(UsernameInvalid):
        checked(username)


@pytest.mark.parametrize("username", ["admin", "Adm1n", "ad.min", "r00t", "SupporT", "vvebmaster"])
def test_refuses_what_looks_like_one_of_ours(username: str) -> None:
    with pytest.raises(UsernameReserved):
        checked(username)


# ---------------------------------------------------------------------------------- leaving


def test_closes_the_account_of_somebody_who_leaves() -> None:
    outcome = spec.given(*ACCOUNT).when(Leave())
    outcome.then(
        UserLeft(user_id=ANN, erased_at=ERASED_AT),
        SessionsEnded(user_id=ANN, kept_session_id=None, before=NOW),
        MailWanted(
            user_id=ANN,
            mail_id=derive_id(ORIGIN.command_id, "mail"),
            kind=MailKind.LEFT,
            email_name="email-1",
            wanted_at=NOW,
            expires_at=NOW,
        ),
    ).and_answers(LeaveReceipt(user_id=ANN, erased_at=ERASED_AT))


def test_tells_the_same_hour_to_whoever_leaves_once_more() -> None:
    situation = spec.given(*ACCOUNT, UserLeft(user_id=ANN, erased_at=ERASED_AT))
    again = situation.when(Leave(), at=NOW + timedelta(days=1)).then_nothing()
    again.and_answers(LeaveReceipt(user_id=ANN, erased_at=ERASED_AT))


def test_keeps_nobody_who_could_not_come_back() -> None:
    spec.given(GUEST).when(Leave()).then_rejected(NoAccount)
    spec.given(*ACCOUNT, UserErased(user_id=ANN)).when(Leave()).then_rejected(NoAccount)


def test_brings_back_whoever_left() -> None:
    left = UserLeft(user_id=ANN, erased_at=ERASED_AT)
    comes_back = ReturnUser(user_id=ANN)
    spec.given(*ACCOUNT, left).when(comes_back).then(UserReturned(user_id=ANN))
    spec.given(*ACCOUNT).when(comes_back).then_nothing()
    gone = spec.given(*ACCOUNT, left, UserErased(user_id=ANN))
    gone.when(comes_back).then_rejected(NoAccount)


def test_erases_at_the_hour_that_was_told_and_at_no_other() -> None:
    left = UserLeft(user_id=ANN, erased_at=ERASED_AT)
    due = EraseUser(user_id=ANN, due_at=ERASED_AT)
    gone = (UserErased(user_id=ANN), NameReleased(name="email-1", holder=ANN))
    spec.given(*ACCOUNT, left).when(due).then(*gone)
    returned = UserReturned(user_id=ANN)
    spec.given(*ACCOUNT, left, returned).when(due).then_nothing()
    later = UserLeft(user_id=ANN, erased_at=ERASED_AT + timedelta(days=1))
    spec.given(*ACCOUNT, left, returned, later).when(due).then_nothing()
    spec.given(*ACCOUNT, left).when(EraseUser(user_id=ANN)).then(*gone)


def test_lets_the_username_of_the_erased_rest() -> None:
    situation = spec.given(*ACCOUNT, chosen("ann.b", "username-1"), said(bio="I sing."))
    erased = situation.when(EraseUser(user_id=ANN))
    erased.then(
        retired("username-1"),
        UserErased(user_id=ANN),
        NameReleased(name="email-1", holder=ANN),
    )
    state = spec.given(
        *ACCOUNT, chosen("ann.b", "username-1"), retired("username-1"), UserErased(user_id=ANN)
    ).state
    assert (state.username, state.profile.bio, list(state.resting)) == (None, "", ["username-1"])


def test_is_about_the_names_that_must_be_looked_up() -> None:
    claims = spec.decider.claims
    assert claims is not None
    state = spec.given(*ACCOUNT).state
    command = SetProfile(user_id=ANN, username="ann.b", username_name="username-1")
    assert claims.names(command, state) == ["username-1"]
    assert claims.names(SetProfile(user_id=ANN, bio="I sing."), state) == []
    free = FreeUsername(user_id=ANN, name="username-1", due_at=FREE_AT)
    assert claims.names(free, state) == ["username-1"]
