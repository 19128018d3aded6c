"""What was taken back, and what was not."""

from datetime import timedelta
from typing import Any

import pytest

from libs.chassis.revocations import Revocations, RevocationsUnknown, TokenRevoked
from libs.chassis.tokens import Identity
from libs.testkit.clock import FakeClock
from libs.testkit.spec import NOW


def token(session_id: str = "", *, age: float = 0.0, user: str = "ann") -> Identity:
    issued_at = NOW.timestamp() - age
    return Identity(user, ("member",), "named", session_id, issued_at, issued_at + 900)


def revoked(**more: Any) -> dict[str, Any]:
    base = {
        "user_id": "ann",
        "session_id": None,
        "before": NOW.isoformat(),
        "kept_session_id": None,
        "renewable": False,
    }
    return {**base, **more}


def known(*revocations: dict[str, Any]) -> Revocations:
    found = Revocations(FakeClock())
    assert found.learn(revocations) == {each["user_id"] for each in revocations}
    return found


def test_takes_every_token_when_nothing_was_revoked() -> None:
    known().check(token("s1", age=3))


def test_takes_no_token_before_it_is_known_what_was_revoked() -> None:
    with pytest.raises(RevocationsUnknown):
        Revocations(FakeClock()).check(token())


def test_refuses_the_tokens_of_a_session_that_ended() -> None:
    revocations = known(revoked(session_id="s1"))
    with pytest.raises(TokenRevoked):
        revocations.check(token("s1"))
    assert revocations.is_good(token("s2", age=3))
    assert revocations.is_good(token(age=3))


def test_refuses_what_was_made_before_but_for_the_kept_session() -> None:
    revocations = known(revoked(kept_session_id="s1"))
    assert revocations.is_good(token("s1", age=3))
    assert not revocations.is_good(token("s2", age=3))
    assert not revocations.is_good(token(age=3))
    assert revocations.is_good(token("s2", age=-1))
    assert revocations.is_good(token("s2", age=3, user="bob"))


def test_refuses_only_tokens_that_can_be_renewed_when_roles_have_changed() -> None:
    revocations = known(revoked(renewable=True))
    assert not revocations.is_good(token("s1", age=3))
    assert revocations.is_good(token(age=3))


def test_does_not_take_back_what_it_knows_when_it_hears_of_something_older() -> None:
    older = (NOW - timedelta(hours=1)).isoformat()
    revocations = known(revoked(), revoked(before=older, kept_session_id="s2"))
    assert not revocations.is_good(token("s2", age=3))


def test_refuses_what_an_administrator_does_as_somebody_else_when_either_is_out() -> None:
    began = NOW.timestamp() - 3
    acting = Identity("ann", ("member",), "named", "s1", began, began + 900, impersonator="grace")
    assert known().is_good(acting)
    assert known(revoked(session_id="s2")).is_good(acting)
    for taken in (
        revoked(session_id="s1"),
        revoked(renewable=True),
        revoked(user_id="grace"),
        revoked(user_id="grace", renewable=True),
        revoked(user_id="grace", kept_session_id="s3"),
    ):
        assert not known_to_all(taken).is_good(acting), taken


def known_to_all(revocation: dict[str, Any]) -> Revocations:
    found = Revocations(FakeClock())
    found.learn([revocation])
    return found
