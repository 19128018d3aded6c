"""The cookie that keeps somebody signed in: who gets it, who may use it, what never shows it."""

from typing import Any, cast

import pytest
from litestar.testing import TestClient

from contracts.auth_accounts import CredentialsWrong
from contracts.auth_sessions import RefreshRefused
from libs.kernel.errors import RemoteProblem
from services.web.api.pages import create_pages
from services.web.settings import Settings
from services.web.test_api import Answers

SESSION = {"session_id": "ses_1", "refresh_token": "0.mac", "token": "jwt", "user_id": "usr_1"}
OURS = {"sec-fetch-site": "same-origin"}
KEY = {"idempotency-key": "a key of this request"}
FIELDS = {"email": "ann@example.org", "password": "a harmonica in the rain"}


@pytest.fixture
def answers() -> Answers:
    answers = Answers()
    answers.answers.update(
        {
            "auth.sign-in": SESSION,
            "auth.sign-in-with-username": SESSION,
            "auth.renew-session": SESSION | {"refresh_token": "1.mac", "token": "jwt 2"},
        }
    )
    return answers


@pytest.fixture
def client(answers: Answers) -> TestClient[Any]:
    pages = create_pages(Settings(), answers, answers.send)
    return TestClient(cast(Any, pages), base_url="https://backline.example")


def test_keeps_the_refresh_token_where_no_script_reads_it(
    client: TestClient[Any], answers: Answers
) -> None:
    answer = client.post("/session/sign-in", json=FIELDS, headers={**OURS, "user-agent": "a phone"})
    assert answer.status_code == 200
    assert "0.mac" not in answer.text
    assert answer.json()["token"] == "jwt"
    cookie = answer.headers["set-cookie"]
    for part in ("ses_1.0.mac", "HttpOnly", "Secure", "SameSite=strict", "Path=/session"):
        assert part.lower() in cookie.lower()
    assert answer.headers["cache-control"] == "no-store"
    assert answers.sent[-1][:2] == ("auth.sign-in", {**FIELDS, "device": "a phone"})


def test_opens_a_session_for_a_username_as_well(client: TestClient[Any], answers: Answers) -> None:
    fields = {"username": "ann", "password": FIELDS["password"]}
    answer = client.post("/session/username", json=fields, headers=OURS)
    assert (answer.status_code, answer.json()["token"]) == (200, "jwt")
    assert answers.sent[-1][0] == "auth.sign-in-with-username"


def test_renews_by_the_cookie_and_once_for_a_key(client: TestClient[Any], answers: Answers) -> None:
    client.post("/session/sign-in", json=FIELDS, headers=OURS)
    for _ in range(2):
        assert client.post("/session/renew", json={}, headers=OURS | KEY).json()["token"] == "jwt 2"
    (_, first, key), (_, second, again) = answers.sent[-2:]
    assert first == {"session_id": "ses_1", "refresh_token": "0.mac"}
    assert second == {"session_id": "ses_1", "refresh_token": "1.mac"}
    assert key == again is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
        {**OURS, "content-type": "text/plain"},
        {**OURS, "content-type": "application/x-www-form-urlencoded"},
    ],
    ids=str,
)
def test_refuses_whatever_is_not_a_page_of_ours(
    client: TestClient[Any], answers: Answers, headers: dict[str, str]
) -> None:
    sent = {"content-type": "application/json", **headers}
    for way in ("sign-in", "renew", "end"):
        answer = client.post(f"/session/{way}", content=b"{}", headers=sent)
        assert answer.status_code == 403
        assert answer.json()["code"] == "web.cross-site"
    assert answers.sent == []


def test_takes_a_page_of_ours_from_a_browser_that_says_only_its_origin(
    client: TestClient[Any],
) -> None:
    ours = {"origin": "https://backline.example"}
    assert client.post("/session/sign-in", json=FIELDS, headers=ours).status_code == 200


def test_forgets_the_cookie_when_the_session_is_over(
    client: TestClient[Any], answers: Answers
) -> None:
    client.post("/session/sign-in", json=FIELDS, headers=OURS)
    answers.answers["auth.renew-session"] = RemoteProblem(RefreshRefused().problem())
    refused = client.post("/session/renew", json={}, headers=OURS)
    assert refused.status_code == 401
    assert refused.json()["code"] == "auth.refresh-refused"
    assert (
        client.post("/session/renew", json={}, headers=OURS).json()["code"] == "web.not-signed-in"
    )


def test_keeps_nothing_when_somebody_cannot_sign_in(
    client: TestClient[Any], answers: Answers
) -> None:
    answers.answers["auth.sign-in"] = RemoteProblem(CredentialsWrong().problem())
    answer = client.post("/session/sign-in", json=FIELDS, headers=OURS)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("way", "body", "status"),
    [
        ("sign-in", b"{", 400),
        ("sign-in", b"[]", 400),
        ("sign-in", b'{"email":"' + b"x" * 40_000 + b'"}', 400),
        ("nowhere", b"{}", 404),
        ("renew", b"{}", 401),
    ],
)
def test_refuses_what_makes_no_sense(
    client: TestClient[Any], way: str, body: bytes, status: int
) -> None:
    headers = {**OURS, "content-type": "application/json"}
    answer = client.post(f"/session/{way}", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_shows_no_mail_but_in_development(client: TestClient[Any]) -> None:
    assert client.get("/dev/mail").status_code == 404


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-up", "/confirm", "/reset-password", "/account"]
)
def test_has_the_pages_of_an_account(client: TestClient[Any], path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_takes_only_so_many_attempts_from_one_address(
    client: TestClient[Any], answers: Answers
) -> None:
    answers.answers["auth.sign-in"] = RemoteProblem(CredentialsWrong().problem())
    tried = [client.post("/session/sign-in", json=FIELDS, headers=OURS) for _ in range(40)]
    assert tried[0].status_code == 401
    assert tried[-1].status_code == 429
    assert tried[-1].json()["code"] == "web.too-many-sign-ins"
    assert 0 < tried[-1].json()["retry_after"] <= 30
    assert len(answers.sent) < 40
