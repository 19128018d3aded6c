"""What is said by `gateway` itself: how many watch, and why a request did not get through."""

from typing import Annotated, Any

from pydantic import StringConstraints

from libs.kernel.errors import Invalid, NotFound, TooLarge, Unavailable
from libs.kernel.messages import Access, Query, View, query, view

QueryName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


# ---------------------------------------------------------------------------------- refusals


class RouteUnknown(NotFound):
    code = "route-unknown"
    title = "There is no such command, query or page."


class MethodNotAllowed(Invalid):
    status, code = 405, "method-not-allowed"
    title = "This is not how to ask: commands take POST, queries take GET."


class MediaTypeUnsupported(Invalid):
    status, code = 415, "media-type-unsupported"
    title = "The body must be application/json."


class BodyNotJson(Invalid):
    code = "body-not-json"
    title = "The body is not a JSON object."


class BodyTooLarge(TooLarge):
    code = "body-too-large"
    title = "The body is larger than we are willing to read."


class HeaderInvalid(Invalid):
    code = "header-invalid"
    title = "A header is not of the form it must have."


class PositionNotReached(Unavailable):
    """The condition that `Backline-After` makes does not hold yet; it may shortly, or never."""

    status, code = 412, "position-not-reached"
    title = "What can be read has not reached the position you ask for."


# ---------------------------------------------------------------------------------- queries


@view
class Viewers(View):
    """How many connections watch a question just now, at all gateways; right within seconds."""

    viewers: int


@query("gateway.get-viewers", access=Access.PUBLIC, watches=("viewers.{query}",))
class GetViewers(Query[Viewers]):
    """How many watch a query with these arguments. Those who ask only once are not counted."""

    query: QueryName
    args: dict[str, Any]
