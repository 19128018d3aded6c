"""The pages, the files they are made of, and what is said when something is missing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery
from pydantic import TypeAdapter, ValidationError

from contracts.catalog import When
from contracts.ingress_webhooks import Topic
from libs.chassis import asgi
from libs.chassis.asgi import Application, Message, Receive, Scope
from libs.kernel.errors import BacklineError, Invalid, NotFound
from libs.kernel.ids import Id
from services.web.adapters.asking import (
    Ask,
    ShowsAnswers,
    ask_about_show,
    ask_about_shows,
    ask_for_more,
)
from services.web.adapters.assets import Asset, Assets
from services.web.adapters.mailbox import CaughtMail, Mailbox
from services.web.api.sessions import Send, session_handlers
from services.web.queries.show_page import show_page
from services.web.queries.shows_page import shows_page
from services.web.settings import Settings

_TEMPLATES = Path(__file__).parents[1] / "templates"
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"
_CURSOR_LENGTH_MAX = 1000
_FORM_BYTES_MAX = 16_384
_ids: TypeAdapter[str] = TypeAdapter(Id)

logger = structlog.get_logger(__name__)


_ACCOUNT_PAGES = {
    "/sign-in": "sign_in.html",
    "/sign-up": "sign_up.html",
    "/confirm": "confirm.html",
    "/reset-password": "reset_password.html",
    "/account": "account.html",
    "/admin/users": "users.html",
    "/admin/jobs": "jobs.html",
    "/admin/syncs": "syncs.html",
    "/admin/disputes": "disputes.html",
    "/admin/deliveries": "deliveries.html",
    "/admin/webhooks": "webhooks.html",
}
"""Pages whose content is for one person, and so is filled in by the browser alone."""


def create_pages(
    settings: Settings,
    ask: Ask,
    send: Send,
    *,
    mailbox: Mailbox | None = None,
    proxies: int = 0,
) -> Application:
    """The pages as an ASGI application.

    ask      the way to every other service, for questions
    send     the way for the commands by which somebody signs in
    mailbox  whose mails are shown; None shows none
    proxies  of our own, in front of us
    """
    pages = _Pages(settings, ask, Assets())

    @get(["/"], media_type=MediaType.HTML)
    async def front(
        when: FromQuery[str | None] = None, after: FromQuery[str | None] = None
    ) -> Response[str]:
        return await pages.shows(when, after)

    @get(["/shows/{show_id:str}"], media_type=MediaType.HTML)
    async def show(show_id: FromPath[str]) -> Response[str]:
        return await pages.show(show_id)

    @get(list(_ACCOUNT_PAGES), media_type=MediaType.HTML)
    async def account(request: Request[Any, Any, Any]) -> Response[str]:
        return pages.account(_ACCOUNT_PAGES[request.url.path], here=request.url.path)

    @get("/callback/{provider:str}", media_type=MediaType.HTML)
    async def callback(provider: FromPath[str]) -> Response[str]:
        del provider  # The page's script knows where it came from.
        return pages.account("callback.html")

    @post("/callback/{provider:str}", status_code=303)
    async def posted_callback(
        request: Request[Any, Any, Any], provider: FromPath[str]
    ) -> Response[str]:
        return _as_get(provider, await request.body())

    @get(["/dev/mail"], media_type=MediaType.HTML)
    async def mails() -> Response[str]:
        if mailbox is None:
            raise NotFound
        return pages.mails(list(mailbox.mails))

    @get(["/static/{path:path}", "/client/{path:path}"])
    async def file(request: Request[Any, Any, Any]) -> Response[bytes]:
        return pages.file(request, request.url.path.removeprefix("/"), _ASK_EVERY_TIME)

    @get(["/assets/{version:str}/{path:path}"])
    async def versioned_file(
        request: Request[Any, Any, Any], version: FromPath[str], path: FromPath[str]
    ) -> Response[bytes]:
        is_present = version == pages.assets.version
        return pages.file(
            request, path.removeprefix("/"), _FOR_GOOD if is_present else _ASK_EVERY_TIME
        )

    application = Litestar(
        [
            front,
            show,
            account,
            callback,
            posted_callback,
            mails,
            file,
            versioned_file,
            *session_handlers(send, proxies),
        ],
        exception_handlers={
            BacklineError: pages.on_refusal,
            HTTPException: pages.on_http_error,
            Exception: pages.on_bug,
        },
        openapi_config=None,
        logging_config=None,
    )
    return _with_headers(cast(Application, application), _headers(settings))


def _with_headers(application: Application, headers: list[tuple[bytes, bytes]]) -> Application:
    """The same application with more headers; and HEAD answered as GET is, without the body."""

    async def answer(scope: Scope, receive: Receive, send: asgi.Send) -> None:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            elif is_head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await application({**scope, "method": "GET"} if is_head else scope, receive, send_on)

    return answer


_TOPICS = [
    (topic.value, words)
    for topic, words in {
        Topic.BALLOT_PREPARED: "a ballot is prepared",
        Topic.BALLOT_OPENED: "voting opens",
        Topic.BALLOT_CLOSED: "voting closes",
        Topic.BALLOT_FINALIZED: "a ballot is scored",
        Topic.SHOW_SCHEDULED: "a show is announced",
        Topic.SHOW_CHANGED: "something about a show changes",
        Topic.SETLIST_RECORDED: "it is known what was played",
    }.items()
]
"""What partner systems can be told of, in words."""


class _Blank(dict[str, str]):
    """A row with nothing in it: the template of rows that the browser makes."""

    def __missing__(self, _: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What a page says instead of what was asked for."""

    status: int
    title: str
    text: str


_NO_PAGE = _Trouble(404, "Nothing on this stage", "There is no such page, or no longer.")
_ASK_DIFFERENTLY = _Trouble(400, "That did not make sense", "This address is not one of ours.")
_AWAY = _Trouble(
    503,
    "The lights went out for a moment",
    "Part of Backline is not answering. Every vote that was counted is safe; try again shortly.",
)
_BROKEN = _Trouble(500, "Something broke on our side", "It has been noted. Try again in a moment.")


class _Pages:
    """What the handlers have in common."""

    def __init__(self, settings: Settings, ask: Ask, assets: Assets) -> None:
        self.assets = assets
        self._ask = ask
        self._gateway_url = settings.gateway_url
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(asset=assets.address, blank=_Blank(), topics=_TOPICS)

    async def shows(self, when: str | None, after: str | None) -> Response[str]:
        answers = await self._shows_answers(when, after)
        upcoming, past = answers.upcoming, answers.past
        page = shows_page(
            answers.shows,
            answers.open_ballots,
            [show.show_id for show in upcoming.shows] if upcoming else [],
            [show.show_id for show in past.shows] if past else [],
            answers.ballots,
        )
        state = {"gateway_url": self._gateway_url, "answers": answers.state.answers}
        return self._render(
            "shows.html",
            page=page,
            state={**state, "shows": _shows_of(answers)},
            is_first=upcoming is not None and past is not None,
            has_upcoming=upcoming is not None,
            has_past=past is not None,
            more_upcoming=_further(When.UPCOMING, upcoming.next if upcoming else None),
            more_past=_further(When.PAST, past.next if past else None),
        )

    async def _shows_answers(self, when: str | None, after: str | None) -> ShowsAnswers:
        if not after or len(after) > _CURSOR_LENGTH_MAX or when not in {When.UPCOMING, When.PAST}:
            return await ask_about_shows(self._ask)
        return await ask_for_more(self._ask, When(when), after)

    async def show(self, show_id: str) -> Response[str]:
        try:
            _ids.validate_python(show_id)
        except ValidationError:
            raise NotFound from None
        answers = await ask_about_show(self._ask, show_id)
        page = show_page(answers.found, answers.ballot, answers.tally, answers.leaderboard)
        state = {
            "gateway_url": self._gateway_url,
            "show_id": show_id,
            "answers": answers.state.answers,
        }
        return self._render("show.html", page=page, state=state)

    def account(self, template: str, here: str = "") -> Response[str]:
        return self._render(template, here=here)

    def mails(self, mails: list[CaughtMail]) -> Response[str]:
        shown = [(mail, [_parts(line) for line in mail.text.splitlines()]) for mail in mails]
        return self._render("mails.html", mails=shown)

    def file(self, request: Request[Any, Any, Any], path: str, cached: str) -> Response[bytes]:
        asset = self.assets.find(path)
        if asset is None:
            raise NotFound
        headers = {"etag": asset.etag, "cache-control": cached, "vary": "accept-encoding"}
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        content, encoding = _encoded(asset, request.headers.get("accept-encoding", ""))
        return Response(content, media_type=asset.media_type, headers={**headers, **encoding})

    def on_refusal(self, request: Request[Any, Any, Any], error: BacklineError) -> Response[str]:
        problem = error.problem()
        match int(problem["status"]):
            case 404:
                return self._trouble(request, _NO_PAGE)
            case 400:
                return self._trouble(request, _ASK_DIFFERENTLY)
            case 429 | 503:
                return self._trouble(request, _AWAY, problem.get("retry_after", 1))
            case _:
                return self.on_bug(request, error)

    def on_http_error(self, request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        if error.status_code >= 500:
            return self.on_bug(request, error)
        trouble = _NO_PAGE if error.status_code == 404 else _ASK_DIFFERENTLY
        return self._trouble(request, _Trouble(error.status_code, trouble.title, trouble.text))

    def on_bug(self, request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        logger.error("A page failed.", path=request.url.path, exc_info=error)
        return self._trouble(request, _BROKEN)

    def _trouble(
        self, request: Request[Any, Any, Any], trouble: _Trouble, retry_after: float | None = None
    ) -> Response[str]:
        response = self._render(
            "trouble.html", trouble.status, trouble=trouble, here=request.url.path
        )
        if retry_after is not None:
            response.headers["retry-after"] = str(max(1, round(retry_after)))
        return response

    def _render(self, template: str, status: int = 200, /, **context: Any) -> Response[str]:
        state = {"gateway_url": self._gateway_url}
        text = self._templates.get_template(template).render(**{"state": state, **context})
        return Response(
            text,
            status_code=status,
            media_type=MediaType.HTML,
            headers={"cache-control": _ASK_EVERY_TIME},
        )


def _as_get(provider: str, form: bytes) -> Response[str]:
    """Where a provider that posts its answer (`form_post`) is taken on to: the page's script reads
    it behind the #, which is sent nowhere.
    """
    if len(form) > _FORM_BYTES_MAX:
        raise Invalid("too long")
    fields = urlencode(parse_qsl(form.decode("ascii", "replace"), max_num_fields=20))
    return Response(
        "", status_code=303, headers={"location": f"/callback/{quote(provider)}#{fields}"}
    )


def _parts(line: str) -> tuple[str, str]:
    """A line of a mail, and where it leads if it is a link."""
    return line, line if line.startswith(("http://", "https://")) else ""


def _headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """What every answer carries, whatever it is."""
    return [
        (b"content-security-policy", _policy(settings)),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    ]


def _policy(settings: Settings) -> bytes:
    """What a page may load: our own files, and the gateway. No script and no style of its own."""
    gateway = settings.gateway_url
    connect = f"'self' {gateway} {gateway.replace('http', 'ws', 1)}" if gateway else "'self'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
        f"connect-src {connect}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ).encode()


def _encoded(asset: Asset, accepted: str) -> tuple[bytes, dict[str, str]]:
    if asset.gzipped is not None and "gzip" in accepted:
        return asset.gzipped, {"content-encoding": "gzip"}
    return asset.content, {}


def _further(when: When, after: str | None) -> str:
    """The address of the next page of a list; empty at its end."""
    return f"/?{urlencode({'when': when.value, 'after': after})}" if after else ""


def _shows_of(answers: ShowsAnswers) -> list[dict[str, Any]]:
    """The shows that no list on the page holds: those that are on now, and far from today."""
    listed = {
        show.show_id for page in (answers.upcoming, answers.past) if page for show in page.shows
    }
    return [
        TypeAdapter(type(show)).dump_python(show, mode="json")
        for show in answers.shows
        if show.show_id not in listed
    ]
