"""Everything that can go wrong, by what the machinery does about it.

    BacklineError
    ├── Invalid           400  malformed; never reached the domain
    ├── Unauthenticated   401  we do not know who is asking
    ├── Forbidden         403  we know, and they may not
    ├── NotFound          404  no such thing
    ├── Rejected          409  the domain said no
    ├── Conflict          409  someone wrote first; the handler tries again
    ├── TooLarge          413  more than we are willing to read
    ├── RateLimited       429  too much; come back later
    └── Unavailable       503  something is down, slow or full; come back later

The *kind* (the class) is what machinery acts on, the *code* is what people and clients match on,
and the message is for people and may be improved by anyone. Every code is listed in
`docs/errors.md`.
"""

from typing import Any, ClassVar, Self

Problem = dict[str, Any]
"""An RFC 9457 problem document: type, title, status, code, detail, and sometimes retry_after."""


class BacklineError(Exception):
    """The root. Raise one of its kinds, never this."""

    kind: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something broke on our side."

    def __init__(self, detail: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def problem(self) -> Problem:
        """This error as an RFC 9457 problem document."""
        document: Problem = {
            "type": f"urn:backline:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "kind": self.kind,
            "code": self.code,
            "detail": self.detail or self.title,
        }
        if self.retry_after_seconds is not None:
            document["retry_after"] = self.retry_after_seconds
        return document


class Invalid(BacklineError):
    kind, status, code = "invalid", 400, "invalid"
    title = "The request is malformed."


class Unauthenticated(BacklineError):
    kind, status, code = "unauthenticated", 401, "unauthenticated"
    title = "Sign in first."


class Forbidden(BacklineError):
    kind, status, code = "forbidden", 403, "forbidden"
    title = "You may not do this."


class NotFound(BacklineError):
    kind, status, code = "not-found", 404, "not-found"
    title = "There is no such thing."


class Rejected(BacklineError):
    """The domain's no. Subclassed once per broken condition, in the contract."""

    kind, status, code = "rejected", 409, "rejected"
    title = "The request breaks a rule."


class Conflict(BacklineError):
    kind, status, code = "conflict", 409, "conflict"
    title = "Someone else changed this at the same moment; try again."


class TooLarge(BacklineError):
    kind, status, code = "too-large", 413, "too-large"
    title = "The request is too large."


class RateLimited(BacklineError):
    kind, status, code = "rate-limited", 429, "rate-limited"
    title = "Too many requests; slow down."


class Unavailable(BacklineError):
    kind, status, code = "unavailable", 503, "unavailable"
    title = "The service is not available right now; try again shortly."


class RemoteProblem(BacklineError):
    """A problem that another service answered with, carried on as it was said."""

    def __init__(self, document: Problem) -> None:
        super().__init__(str(document.get("detail", "")))
        self.document = document

    @classmethod
    def of(cls, document: Problem) -> Self:
        return cls(document)

    def problem(self) -> Problem:
        return self.document
