"""Lists page by page: where one page ended is where the next begins.

A cursor is the sort key of the last row of a page, as base64 of JSON; it says nothing that the page
did not, and a forged one is only another place in the same list.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from libs.kernel.errors import Invalid


def write_cursor(place: Sequence[Any]) -> str:
    """The `next` of a page whose last row has this sort key."""
    return urlsafe_b64encode(orjson.dumps(place)).decode()


def read_cursor[C](cursor: TypeAdapter[C], after: str) -> C:
    """What a cursor says. raises   Invalid for one that is none of this list"""
    try:
        return cursor.validate_json(urlsafe_b64decode(after))
    except (ValueError, ValidationError):
        raise Invalid("after: not the `next` of a page of this list") from None
