"""Whether two sources speak of one thing. When in doubt they do not: to be merged later by a person
costs less than to be taken apart.

Ids that both know decide. Where there are none, what a thing is named and where and when it is must
agree, and exactly one record must be left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

SAME_PLACE_KILOMETRES = 1.0
SAME_CITY_KILOMETRES = 30.0
_EARTH_KILOMETRES = 6371.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a venue is, as far as a source knows. `name` and `city` are folded."""

    name: str | None
    city: str | None
    latitude: float | None
    longitude: float | None


def contradict(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Whether two records have different ids of one source: then they are two things."""
    return any(theirs.get(source, each) != each for source, each in ours.items())


def is_same_place(one: Place, other: Place) -> bool:
    """Whether two venues are one: of one name, and in one city or close to each other."""
    if one.name is None or one.name != other.name:
        return False
    apart = kilometres(one, other)
    if apart is not None and apart > SAME_CITY_KILOMETRES:
        return False
    if one.city is not None and other.city is not None:
        return one.city == other.city
    return apart is not None and apart <= SAME_PLACE_KILOMETRES


def kilometres(one: Place, other: Place) -> float | None:
    """How far two places are from each other; None when it is not known where one is.

    source   the haversine formula
    """
    if one.latitude is None or one.longitude is None:
        return None
    if other.latitude is None or other.longitude is None:
        return None
    north, south = radians(one.latitude), radians(other.latitude)
    half_up, half_across = (north - south) / 2, radians(one.longitude - other.longitude) / 2
    chord = sin(half_up) ** 2 + cos(north) * cos(south) * sin(half_across) ** 2
    return 2 * _EARTH_KILOMETRES * asin(min(1.0, sqrt(chord)))


def only[T](found: Iterable[T]) -> T | None:
    """The one thing there is; None when there is none, or more than one."""
    things = list(found)
    return things[0] if len(things) == 1 else None
