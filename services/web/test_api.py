"""The pages over HTTP, with answers instead of services behind them."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, cast
from urllib.parse import urljoin

import orjson
import pytest
from litestar.testing import TestClient
from pydantic import TypeAdapter

from contracts.catalog_shows import Show, Shows, ShowStatus, ShowSummary
from contracts.ingress_webhooks import Topic
from contracts.voting import BallotUnknown
from contracts.voting_views import Ballots
from libs.kernel.errors import BacklineError, Invalid, NotFound, RemoteProblem, Unavailable
from services.web.adapters.asking import Answer
from services.web.api.pages import create_pages
from services.web.settings import Settings


def _show(show_id: str) -> ShowSummary:
    return ShowSummary(
        show_id=show_id,
        artist_id="art_1",
        artist="Grateful <Dead>",
        venue_id=None,
        venue="Cow Palace",
        city="Daly City",
        region="CA",
        country="US",
        starts_at=None,
        local_date=date(1976, 12, 31),
        local_time=None,
        time_zone=None,
        number_that_day=None,
        status=ShowStatus.SCHEDULED,
        tour=None,
        song_count=0,
        url=None,
        external_ids={},
    )


class Answers:
    """What the services answer, by query; an error is raised. Remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[tuple[str, dict[str, Any], str | None]] = []
        self.answers: dict[str, Any] = {
            "catalog.get-show": Show(show=_show("shw_1"), setlist=None),
            "catalog.list-shows": Shows(shows=[_show("shw_1")], next=None),
            "voting.get-ballot": BallotUnknown(),
            "voting.get-tally": BallotUnknown(),
            "voting.list-ballots": Ballots(ballots=[]),
        }

    async def send(
        self, command: str, args: dict[str, Any], command_id: str | None
    ) -> dict[str, Any]:
        self.sent.append((command, args, command_id))
        answer = self.answers[command]
        if isinstance(answer, BacklineError):
            raise answer
        return dict(answer)

    async def __call__(self, query: str, args: Mapping[str, Any]) -> Answer:
        self.asked.append((query, dict(args)))
        answer = self.answers[query]
        if isinstance(answer, BacklineError):
            # As the bus hands it on.
            raise RemoteProblem(answer.problem())
        result = orjson.loads(TypeAdapter(type(answer)).dump_json(answer))
        return {"position": 7, "cursor": "c7", "result": result}


@pytest.fixture
def answers() -> Answers:
    return Answers()


def _client(settings: Settings, answers: Answers) -> TestClient[Any]:
    pages = cast(Any, create_pages(settings, answers, answers.send))
    return TestClient(pages, raise_server_exceptions=False)


@pytest.fixture
def client(answers: Answers) -> TestClient[Any]:
    return _client(Settings(), answers)


def test_renders_the_show_and_the_state_it_goes_on_from(client: TestClient[Any]) -> None:
    page = client.get("/shows/shw_1")
    assert page.status_code == 200
    assert "Grateful &lt;Dead&gt;" in page.text
    state = page.text.split('id="state">')[1].split("</script>")[0]
    found = orjson.loads(state)["answers"]["found"]
    assert found["query"] == "catalog.get-show"
    assert (found["position"], found["cursor"]) == (7, "c7")
    assert "<Dead>" not in page.text


def test_asks_for_nothing_twice(client: TestClient[Any], answers: Answers) -> None:
    client.get("/")
    asked = [orjson.dumps(each) for each in answers.asked]
    assert len(asked) == len(set(asked))


def test_asks_only_for_one_list_when_a_further_page_is_wanted(
    client: TestClient[Any], answers: Answers
) -> None:
    answers.answers["catalog.list-shows"] = Shows(shows=[_show("shw_2")], next="further")
    page = client.get("/?when=past&after=cursor")
    assert ("catalog.list-shows", {"when": "past", "limit": 20, "after": "cursor"}) in answers.asked
    assert len(answers.asked) == 2
    assert 'href="/?when=past&amp;after=further"' in page.text
    assert "Upcoming" not in page.text


@pytest.mark.parametrize(
    "query", ["when=never&after=x", "when=past", "after=x", "when=past&after="]
)
def test_shows_the_front_page_when_the_place_in_a_list_makes_no_sense(
    client: TestClient[Any], query: str
) -> None:
    page = client.get(f"/?{query}")
    assert page.status_code == 200
    assert "Upcoming" in page.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/shows/shw_2", "/shows/a.b", "/shows/%00", "/shows/"]
)
def test_says_that_there_is_no_such_page(
    client: TestClient[Any], answers: Answers, path: str
) -> None:
    answers.answers["catalog.get-show"] = NotFound("no such show")
    page = client.get(path)
    assert page.status_code == 404
    assert "Nothing on this stage" in page.text


def test_asks_nobody_about_what_cannot_be_an_id(client: TestClient[Any], answers: Answers) -> None:
    client.get("/shows/a.b")
    assert answers.asked == []


def test_says_when_to_come_back_when_a_service_is_away(
    client: TestClient[Any], answers: Answers
) -> None:
    answers.answers["voting.get-ballot"] = Unavailable(retry_after_seconds=2.4)
    page = client.get("/shows/shw_1")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "2"
    assert "The lights went out" in page.text


def test_blames_the_address_when_a_cursor_is_refused(
    client: TestClient[Any], answers: Answers
) -> None:
    answers.answers["catalog.list-shows"] = Invalid("not a cursor of ours")
    assert client.get("/?when=past&after=forged").status_code == 400


def test_tells_nothing_of_a_bug(client: TestClient[Any], answers: Answers) -> None:
    del answers.answers["catalog.get-show"]
    page = client.get("/shows/shw_1")
    assert page.status_code == 500
    assert "KeyError" not in page.text
    assert "Something broke on our side" in page.text


def test_answers_head_without_a_body(client: TestClient[Any]) -> None:
    head, page = client.head("/"), client.get("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]


def test_refuses_other_methods(client: TestClient[Any]) -> None:
    assert client.post("/").status_code == 405
    assert client.delete("/shows/shw_1").status_code == 405


@pytest.mark.parametrize("path", ["/", "/shows/shw_1", "/nothing", "/static/page.css", "/static/x"])
def test_closes_every_page_to_strangers(client: TestClient[Any], path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_lets_pages_reach_a_gateway_elsewhere(answers: Answers) -> None:
    settings = Settings(gateway_url="https://api.example")
    page = _client(settings, answers).get("/")
    connect = "connect-src 'self' https://api.example wss://api.example;"
    assert connect in page.headers["content-security-policy"]
    assert '"gateway_url": "https://api.example"' in page.text


def test_names_no_other_origin(client: TestClient[Any]) -> None:
    for path in ("/", "/shows/shw_1", "/nothing"):
        text = client.get(path).text
        assert "http://" not in text
        assert "https://" not in text


class TestFiles:
    def test_are_kept_for_good_under_their_version(self, client: TestClient[Any]) -> None:
        address = client.get("/").text.split('rel="stylesheet" href="')[1].split('"')[0]
        file = client.get(address)
        assert file.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in file.headers["cache-control"]

    def test_are_asked_for_every_time_without_it(self, client: TestClient[Any]) -> None:
        for path in ("/static/page.css", "/assets/older/static/page.css", "/client/index.js"):
            file = client.get(path)
            assert file.status_code == 200
            assert file.headers["cache-control"] == "no-cache"

    def test_are_not_sent_again_when_they_have_not_changed(self, client: TestClient[Any]) -> None:
        etag = client.get("/client/index.js").headers["etag"]
        file = client.get("/client/index.js", headers={"if-none-match": etag})
        assert (file.status_code, file.content) == (304, b"")

    def test_are_the_same_compressed(self, client: TestClient[Any]) -> None:
        plain = client.get("/static/page.css", headers={"accept-encoding": "identity"})
        packed = client.get("/static/page.css", headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../settings.py",
            "/static/%2e%2e/settings.py",
            "/static//etc/passwd",
            "/client/../package.json",
            "/static/",
            "/static",
        ],
    )
    def test_are_only_those_meant_to_be(self, client: TestClient[Any], path: str) -> None:
        assert client.get(path).status_code == 404

    def test_load_every_module_they_import(self, client: TestClient[Any]) -> None:
        seen: set[str] = set()
        waiting = ["/static/show.js", "/static/shows.js"]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            file = client.get(path)
            assert file.status_code == 200, path
            imported = re.findall(r'from "(\.[^"]+)"', file.text)
            waiting.extend(urljoin(path, each) for each in imported)
        assert any(path.startswith("/client/") for path in seen)


def test_offers_every_topic_that_there_is(client: TestClient[Any]) -> None:
    offered = re.findall(r'name="topics" value="([^"]+)"', client.get("/admin/webhooks").text)
    assert offered == [topic.value for topic in Topic]


@pytest.mark.parametrize("name", ["jobs", "syncs", "disputes", "deliveries", "webhooks", "users"])
def test_leads_from_each_page_of_administrators_to_the_others(
    client: TestClient[Any], name: str
) -> None:
    page = client.get(f"/admin/{name}").text
    text, _, _ = page[page.index('aria-label="Administration"') :].partition("</nav>")
    led = re.findall(r'<a href="(/admin/[a-z]+)"( aria-current="page")?>', text)
    assert [path for path, current in led if current] == [f"/admin/{name}"]
    assert len(led) == 6
    assert all(client.get(path).status_code == 200 for path, _ in led)
