"""Passwords: which of them anybody would try."""

import pytest

from contracts.auth_accounts import PasswordCommon, PasswordGuessable
from services.auth.adapters.passwords import Passwords, common_passwords, is_made_of, words_about

ASKED_FOR = 3_000
LENGTH_MIN = 10
ANN = words_about("ann.smith@example.com", "Annabel", None, "Ann Smith")


def test_knows_as_many_common_passwords_as_are_asked_for() -> None:
    """OWASP ASVS 5.0, 6.2.4: as many that the rules would let pass."""
    known = [password for password in common_passwords() if len(password) >= LENGTH_MIN]
    assert len(known) > ASKED_FOR
    assert {"qwertyuiop", "1234567890", "password123", "iloveyou123"} <= set(known)
    assert all(password == password.casefold() for password in known)


@pytest.mark.parametrize(
    "password", ["ann.smith1", "AnnAnnAnnAnn", "smith-1990!", "annabel2026", "Example.com", "ÅNN"]
)
def test_is_made_of_what_is_known_of_somebody(password: str) -> None:
    known = [*ANN, "ånn"]
    assert is_made_of(password.casefold(), known)


@pytest.mark.parametrize(
    "password",
    [
        "a harmonica in the rain",
        "smith plays the drums",
        "qz7-pl2-xk9-ann",
        "1990!!!!!!",
        "computer12",
    ],
)
def test_is_not_made_of_it_when_enough_is_left(password: str) -> None:
    assert not is_made_of(password, ANN)


async def test_refuses_both_kinds_and_the_words_of_the_installation() -> None:
    passwords = Passwords(["the filthy harmonicas", "backline", ""])
    with pytest.raises(PasswordCommon):
        await passwords.hash("Password123")
    for password in ("harmonicas77", "BackLine-2026", "annabel-1999"):
        with pytest.raises(PasswordGuessable):
            await passwords.hash(password, ["annabel"])
    kept = await passwords.hash("annabel plays the harmonicas", ["annabel"])
    assert await passwords.is_right(kept, "annabel plays the harmonicas")
