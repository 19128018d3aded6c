"""What partners' bodies say: one module for each shape, pure, tolerant of what it does not know.

    about(document)            the type of the event and the thing it is about; never raises
    changes(document, sent_at) what it says of the partner's objects

Only the few fields that are needed are read. What we do not know of (an event, a field) says
nothing to us; what we do know and cannot read raises `Unreadable`, for a person to look at. No
vendor's SDK decides this: their models refuse what the same vendor sends half a year later.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.ingress import PartnerChange, Profile
from services.ingress.domain.partners import clerk, instagram, luma, polar, standard
from services.ingress.domain.partners.reading import About, Unreadable

__all__ = ["About", "Unreadable", "about", "changes", "parse"]


@dataclass(frozen=True, slots=True)
class _Shape:
    about: Callable[[Any], About]
    changes: Callable[[Any, datetime], Sequence[PartnerChange]]


_SHAPES = {
    Profile.STANDARD: _Shape(standard.about, standard.changes),
    Profile.HMAC: _Shape(standard.about, standard.changes),
    Profile.CLERK: _Shape(clerk.about, clerk.changes),
    Profile.POLAR: _Shape(polar.about, polar.changes),
    Profile.LUMA: _Shape(luma.about, luma.changes),
    Profile.META: _Shape(instagram.about, instagram.changes),
}


def parse(text: str) -> Any:
    """The JSON value in a text. raises   ValueError, also for what is nested too deeply to read"""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def about(profile: Profile, document: Any) -> About:
    """What a body is about, as far as that can be told."""
    return _SHAPES[profile].about(document)


def changes(profile: Profile, body: str, sent_at: datetime) -> list[PartnerChange]:
    """What a body says of the partner's objects. raises   Unreadable"""
    try:
        document = parse(body)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    return list(_SHAPES[profile].changes(document, sent_at))
