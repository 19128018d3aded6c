"""API keys: made for a while, within scopes, and ended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.auth import ActorSuspended
from contracts.auth_keys import (
    KEY_LIFE_MAX,
    ApiKeyCreated,
    ApiKeyReceipt,
    ApiKeyRevoked,
    CreateApiKey,
    KeyLifeRefused,
    KeyNotFound,
    KeyRefused,
    RevokeApiKey,
    RevokeApiKeyOfUser,
    ScopeRefused,
)
from libs.kernel.messages import registry
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.auth.adapters.digests import Digests
from services.auth.domain import KEY
from services.auth.domain.keys import ApiKey, Made

spec = DeciderSpec(KEY, replace(ORIGIN, actor="ann"))
END = NOW + timedelta(days=30)
CREATE = CreateApiKey(name="the box office", scopes=["voting.*", "auth.get-me"], expires_at=END)
KEY_ID = registry.command_of[CreateApiKey].aggregate_id(CREATE, "ann", ORIGIN.command_id)
CREATED = ApiKeyCreated(
    key_id=KEY_ID,
    user_id="ann",
    name="the box office",
    scopes=["voting.*", "auth.get-me"],
    created_at=NOW,
    expires_at=END,
)
REVOKED = ApiKeyRevoked(key_id=KEY_ID, user_id="ann", actor="ann", reason=None)
REVOKE = RevokeApiKey(key_id=KEY_ID)
BY_ADMIN: dict[str, Any] = {"actor": "grace", "roles": ("admin",)}


def test_is_made_for_whoever_asks() -> None:
    spec.given().when(CREATE).then(CREATED).and_answers(Made(KEY_ID, END))


def test_names_each_scope_once() -> None:
    twice = replace(CREATE, scopes=[*CREATE.scopes, *CREATE.scopes])
    spec.given().when(twice).then(CREATED)


@pytest.mark.parametrize("life", [KEY_LIFE_MAX + timedelta(seconds=1), timedelta()])
def test_is_not_made_for_longer_than_a_year_nor_for_the_past(life: timedelta) -> None:
    spec.given().when(replace(CREATE, expires_at=NOW + life)).then_rejected(KeyLifeRefused)


def test_is_made_for_a_year() -> None:
    year = replace(CREATE, expires_at=NOW + KEY_LIFE_MAX)
    spec.given().when(year).then(replace(CREATED, expires_at=NOW + KEY_LIFE_MAX))


@pytest.mark.parametrize("scope", ["auth.*", "auth.set-role", "auth.export-me"])
def test_holds_nothing_of_auth_but_who_its_user_is(scope: str) -> None:
    greedy = replace(CREATE, scopes=["voting.*", scope])
    spec.given().when(greedy).then_rejected(ScopeRefused)


def test_is_not_made_for_the_suspended() -> None:
    spec.given().when(CREATE, is_suspended=True).then_rejected(ActorSuspended)


def test_is_revoked_by_its_user_alone_and_once() -> None:
    receipt = ApiKeyReceipt(key_id=KEY_ID, user_id="ann")
    spec.given(CREATED).when(REVOKE).then(REVOKED).and_answers(receipt)
    spec.given(CREATED, REVOKED).when(REVOKE).then_nothing()
    spec.given(CREATED).when(REVOKE, actor="bob").then_rejected(KeyNotFound)
    spec.given(CREATED).when(REVOKE, **BY_ADMIN).then_rejected(KeyNotFound)
    spec.given().when(REVOKE, actor="").then_rejected(KeyNotFound)


def test_is_revoked_by_an_administrator_who_may_say_why() -> None:
    command = RevokeApiKeyOfUser(key_id=KEY_ID, reason="it leaked")
    by_admin = replace(REVOKED, actor="grace", reason="it leaked")
    spec.given(CREATED).when(command, **BY_ADMIN).then(by_admin)
    spec.given(CREATED, REVOKED).when(command, **BY_ADMIN).then_nothing()
    spec.given().when(command, **BY_ADMIN).then_rejected(KeyNotFound)
    suspended = spec.given(CREATED).when(command, **BY_ADMIN, is_suspended=True)
    suspended.then_rejected(ActorSuspended)


def test_opens_something_until_it_ends() -> None:
    key = KEY.evolve(ApiKey(), CREATED)
    assert key.is_good(END - timedelta(seconds=1))
    assert not key.is_good(END)
    assert not KEY.evolve(key, REVOKED).is_good(NOW)
    assert not ApiKey().is_good(NOW)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.removeprefix("bk_"),
        lambda key: key.replace("bk_", "bk_x", 1),
        lambda key: key.partition(".")[0],
        lambda key: key.partition(".")[0] + ".",
        lambda key: key + ".",
    ],
)
def test_is_read_as_it_was_shown_and_no_other(spoil: Any) -> None:
    digests, others = Digests("a secret"), Digests("another secret")
    key = digests.api_key(KEY_ID)
    assert digests.read_api_key(key) == KEY_ID
    for stranger in (others.api_key(KEY_ID), spoil(key), "", "bk_", "bk_.", "bk_ä.ö"):
        with pytest.raises(KeyRefused):
            digests.read_api_key(stranger)
