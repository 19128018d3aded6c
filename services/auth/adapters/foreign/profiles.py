"""What a provider knows of a person, in its own words and in ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import fullmatch
from typing import Any, Final

from services.auth.adapters.foreign.errors import AnswerRefused, Misconfigured
from services.auth.adapters.foreign.jwts import says_yes, text_of
from services.auth.adapters.foreign.outward import checked_url, get_json, get_object
from services.auth.adapters.foreign.providers import Dialect


@dataclass(frozen=True, slots=True)
class Profile:
    """A person at a provider.

    subject          never changes there, and is nobody else's
    email            only to be trusted when `email_verified`
    avatar           an https URL
    """

    subject: str
    email: str | None
    email_verified: bool
    display_name: str | None
    avatar: str | None


async def ask_for_profile(dialect: Dialect, user_url: str, access_token: str) -> Profile:
    """Who an access token belongs to, at a provider without id tokens.

    raises   Unreachable; AnswerRefused, also when the answer names nobody
    """
    user = await get_object(user_url, bearer=access_token)
    if dialect is Dialect.GITHUB:
        return read_github(user, await get_json(f"{user_url}/emails", bearer=access_token))
    return READERS[dialect](user)


def read_claims(claims: Mapping[str, Any]) -> Profile:
    """By the standard claims of OpenID Connect, of an id token or of userinfo."""
    email = _email(claims.get("email"))
    return Profile(
        subject=_subject(claims.get("sub")),
        email=email,
        email_verified=email is not None and says_yes(claims.get("email_verified")),
        display_name=text_of(claims, "name", "nickname", "preferred_username"),
        avatar=_picture(claims.get("picture")),
    )


def read_github(user: Mapping[str, Any], emails: object) -> Profile:
    """By GitHub: the address is the primary one of a list, public or not."""
    if not isinstance(emails, list):
        raise AnswerRefused("no list of addresses")
    primary: Mapping[str, Any] = next(
        (each for each in emails if isinstance(each, dict) and each.get("primary") is True), {}
    )
    email = _email(primary.get("email"))
    return Profile(
        subject=_number(user.get("id")),
        email=email,
        email_verified=email is not None and primary.get("verified") is True,
        display_name=text_of(user, "name", "login"),
        avatar=_picture(user.get("avatar_url")),
    )


def read_discord(user: Mapping[str, Any]) -> Profile:
    """By Discord: the avatar is a hash, of which its address is made."""
    subject = _number(user.get("id"))
    email = _email(user.get("email"))
    picture = user.get("avatar")
    has_picture = isinstance(picture, str) and fullmatch(r"(a_)?[0-9a-f]{32}", picture)
    return Profile(
        subject=subject,
        email=email,
        email_verified=email is not None and user.get("verified") is True,
        display_name=text_of(user, "global_name", "username"),
        avatar=f"https://cdn.discordapp.com/avatars/{subject}/{picture}.png"
        if has_picture
        else None,
    )


def read_spotify(user: Mapping[str, Any]) -> Profile:
    """By Spotify: whatever address somebody typed there once, so never a verified one."""
    images = user.get("images")
    first = images[0] if isinstance(images, list) and images else {}
    return Profile(
        subject=_subject(user.get("id")),
        email=_email(user.get("email")),
        email_verified=False,
        display_name=text_of(user, "display_name"),
        avatar=_picture(first.get("url") if isinstance(first, dict) else None),
    )


READERS: Final[Mapping[Dialect, Callable[[Mapping[str, Any]], Profile]]] = {
    Dialect.DISCORD: read_discord,
    Dialect.SPOTIFY: read_spotify,
}


def _subject(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 255 or not value.isprintable():
        raise AnswerRefused("nobody is named")
    return value


def _number(value: object) -> str:
    """An id that is a number, as JSON or as text."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not fullmatch(r"[0-9]{1,20}", text):
        raise AnswerRefused("nobody is named")
    return text


def _email(value: object) -> str | None:
    return text_of({"email": value}, "email") if isinstance(value, str) and "@" in value else None


def _picture(value: object) -> str | None:
    """An https address, or none: nobody is kept out for their picture."""
    try:
        url = checked_url(value)
    except Misconfigured:
        return None
    return url if url.startswith("https:") else None
