"""How HTTP requests are answered: whole, with a few headers that every answer has."""

from dataclasses import dataclass
from typing import Final

import orjson

from libs.chassis.asgi import Send
from libs.kernel.errors import BacklineError, Problem

Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
HTML: Final = b"text/html; charset=utf-8"

POSITION: Final = b"backline-position"
_EVERY_ANSWER: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


@dataclass(slots=True)
class Reply:
    """A whole answer, ready to be sent."""

    status: int
    content_type: bytes
    body: bytes
    headers: tuple[Header, ...] = ()

    async def send(self, send: Send, headers: tuple[Header, ...], *, without_body: bool) -> None:
        """Send it, with more headers; `without_body` as an answer to HEAD."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", self.content_type),
                    (b"content-length", b"%d" % len(self.body)),
                    *_EVERY_ANSWER,
                    *self.headers,
                    *headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": b"" if without_body else self.body})


def json_reply(result: object, position: object) -> Reply:
    """A result, and in a header the position at which it is true, where there is one."""
    headers = ((POSITION, b"%d" % position),) if isinstance(position, int) else ()
    return Reply(200, JSON, orjson.dumps(result), headers)


def problem_reply(error: BacklineError, headers: tuple[Header, ...] = ()) -> Reply:
    """A refusal as an RFC 9457 document, with the headers that HTTP has for the same."""
    problem: Problem = error.problem()
    status = int(problem["status"])
    retry_after = problem.get("retry_after")
    if retry_after is not None:
        headers = (*headers, (b"retry-after", b"%d" % max(1, round(retry_after))))
    if status == 401:
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    return Reply(status, PROBLEM, orjson.dumps(problem), headers)
