"""Lists page by page: where one page ended is where the next begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Column, RowMapping

from libs.kernel.errors import Invalid


def cursor_at(row: RowMapping, order: Sequence[Column[Any]]) -> str:
    """The `next` of a page that ends with this row."""
    return urlsafe_b64encode(orjson.dumps([row[key.name] for key in order])).decode()


def read_cursor[C](cursor: TypeAdapter[C], after: str) -> C:
    """What a cursor says. raises   Invalid for one that is none of ours"""
    try:
        return cursor.validate_json(urlsafe_b64decode(after))
    except (ValueError, ValidationError):
        raise Invalid("after: not the `next` of a page of this list") from None
