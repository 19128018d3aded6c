"""Who passes, with a token that is less than its user."""

from dataclasses import dataclass
from typing import Any

import pytest

from libs.kernel.admission import Impersonating, ScopeMissing, admit, covers, is_grantable
from libs.kernel.errors import Forbidden, Unauthenticated
from libs.kernel.messages import NOBODY, Access, Caller, CommandSpec, QuerySpec


@dataclass
class Anything:
    pass


def command(name: str, access: Access = Access.SIGNED_IN) -> CommandSpec:
    return CommandSpec(name, Anything, key="@actor", access=access, rejections=())


def query(name: str, access: Access = Access.PUBLIC) -> QuerySpec:
    return QuerySpec(name, Anything, access=access, watches=(), hot=None, private=False)


def key(*scope: str, role: str = "member") -> Caller:
    return Caller("ann", (role,), scope)


IMPERSONATED = Caller("ann", ("member",), None, "grace")


def test_lets_a_key_do_what_its_scope_names() -> None:
    admit(command("voting.cast-vote"), key("voting.cast-vote"))
    admit(query("catalog.list-shows"), key("voting.cast-vote", "catalog.*"))


@pytest.mark.parametrize(
    "scope", [[], ["voting.get-tally"], ["catalog.*"], ["voting"], ["*"], ["voting.cast-*"]]
)
def test_refuses_a_key_what_its_scope_does_not_name(scope: list[str]) -> None:
    with pytest.raises(ScopeMissing):
        admit(command("voting.cast-vote"), key(*scope))


def test_refuses_a_key_what_anybody_may_when_its_scope_does_not_name_it() -> None:
    with pytest.raises(ScopeMissing):
        admit(query("catalog.list-shows", Access.PUBLIC), key("voting.*"))
    admit(query("catalog.list-shows", Access.PUBLIC), NOBODY)


def test_lets_a_key_do_no_more_than_its_user_may() -> None:
    with pytest.raises(Forbidden) as refused:
        admit(command("catalog.register-artist", Access.ADMIN), key("catalog.*"))
    assert not isinstance(refused.value, ScopeMissing)
    admit(command("catalog.register-artist", Access.ADMIN), key("catalog.*", role="admin"))


@pytest.mark.parametrize("scope", ["auth.*", "auth.set-role", "auth.create-api-key"])
def test_lets_a_key_do_nothing_of_auth_whatever_its_scope_says(scope: str) -> None:
    assert not is_grantable(scope)
    for name in ("auth.set-role", "auth.create-api-key", "auth.get-me"):
        assert not covers([scope], name)


def test_lets_a_key_read_who_its_user_is_when_its_scope_says_so() -> None:
    assert is_grantable("auth.get-me")
    admit(query("auth.get-me", Access.SIGNED_IN), key("auth.get-me"))
    with pytest.raises(ScopeMissing):
        admit(query("auth.get-me", Access.SIGNED_IN), key("voting.*"))


@pytest.mark.parametrize("access", [Access.PUBLIC, Access.SIGNED_IN])
def test_refuses_to_change_an_account_while_impersonating(access: Access) -> None:
    with pytest.raises(Impersonating):
        admit(command("auth.sign-up", access), IMPERSONATED)


@pytest.mark.parametrize(
    "spec",
    [
        command("auth.end-impersonation"),
        command("voting.cast-vote"),
        query("auth.get-me", Access.SIGNED_IN),
    ],
)
def test_lets_an_administrator_look_around_as_somebody_else_and_stop(spec: Any) -> None:
    admit(spec, IMPERSONATED)


def test_asks_strangers_to_sign_in() -> None:
    with pytest.raises(Unauthenticated):
        admit(command("voting.cast-vote"), NOBODY)
