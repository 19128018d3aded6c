"""The containers as they are shipped: built, started, voted in, and stopped, by a real engine.

`pytest -m docker tests/deploy` where an engine runs. Official images are used where the engine has
them or can get them; `stand_ins` makes what is missing.
"""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libs.stack.ports import free_ports
from tests.deploy.stand_ins import build_stand_ins

ROOT = Path(__file__).parents[2]
PROJECT = "backline-test"
UP_SECONDS_MAX = 600
SEEN_SECONDS_MAX = 20.0

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


class Compose:
    """A running project, and its gateway."""

    def __init__(self) -> None:
        gateway, web = free_ports(2)
        self.gateway, self.web = f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{web}"
        self._environment = {
            **os.environ,
            "BACKLINE_GATEWAY_PORT": str(gateway),
            "BACKLINE_WEB_PORT": str(web),
            "BACKLINE_GATEWAY_URL": self.gateway,
            "BACKLINE_WEB_ORIGIN": self.web,
        }

    def run(self, *arguments: str, timeout_seconds: float = UP_SECONDS_MAX) -> str:
        """Run `docker compose`; its output. Fails the test with what it said."""
        ran = subprocess.run(
            ["docker", "compose", "--project-name", PROJECT, *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def up(self, *options: str) -> None:
        """Run `docker compose up --wait`; what the services logged when it fails."""
        try:
            self.run("up", *options, "--wait")
        except AssertionError:
            print(self.run("logs", "--no-color", "--tail", "30"))  # pytest shows it.
            raise

    def ask(self, path: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
        """GET, or POST a body; the answer."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.gateway + path, data, headers)
        with urllib.request.urlopen(request, timeout=15) as answer:  # Our own.
            document: dict[str, Any] = json.load(answer)
            return document


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """Everything up and healthy, with the seed; gone afterwards, volumes included."""
    engine = subprocess.run(
        ["docker", "version"],
        capture_output=True,
        check=False,
    )
    if engine.returncode:
        pytest.skip("no Docker engine answers")
    build_stand_ins()
    project = Compose()
    try:
        project.up("--build")
        project.run("--profile", "seed", "run", "--rm", "seed")
        yield project
    finally:
        project.run("down", "--volumes", "--timeout", "20")


def _tally_total(compose: Compose, show_id: str, wanted: int) -> int:
    deadline = time.monotonic() + SEEN_SECONDS_MAX
    while True:
        total: int = compose.ask(f"/v1/voting/get-tally?show_id={show_id}")["total"]
        if total >= wanted or time.monotonic() > deadline:
            return total
        time.sleep(0.1)


def _vote(compose: Compose) -> tuple[str, dict[str, Any]]:
    ballot = compose.ask("/v1/voting/list-ballots?status=open")["ballots"][0]
    show_id = ballot["show_id"]
    candidates = compose.ask(f"/v1/voting/get-ballot?show_id={show_id}")["candidates"]
    token = compose.ask("/v1/auth/start-guest-session", {})["token"]
    vote = {"show_id": show_id, "song_id": candidates[0]["song_id"]}
    return show_id, compose.ask("/v1/voting/cast-vote", vote, token)


def test_counts_a_vote_when_every_service_is_a_container(compose: Compose) -> None:
    show_id, receipt = _vote(compose)
    assert receipt["repeated"] is False
    assert _tally_total(compose, show_id, 1) == 1


def test_renders_the_page_of_the_show_when_web_is_a_container(compose: Compose) -> None:
    with urllib.request.urlopen(compose.web, timeout=15) as answer:  # Our own.
        assert b"Grateful Dead" in answer.read()


def test_keeps_every_vote_when_containers_are_killed(compose: Compose) -> None:
    show_id, _ = _vote(compose)
    compose.run("kill", "--signal", "KILL", "voting", "nats", "postgres")
    compose.up()
    before = _tally_total(compose, show_id, 2)
    _vote(compose)
    assert _tally_total(compose, show_id, before + 1) == before + 1
