"""The whole of Backline, brought up as its users do, and a steward who may prepare shows in it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from libs.chassis.tokens import Signer
from libs.kernel.clock import system_clock
from libs.stack.ports import free_ports
from tests.peers.openid_provider import running_provider

UP_SECONDS_MAX = 120.0
SOON_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.1
TOKEN_SECONDS = 3600.0
SONGS_ON_A_BALLOT = 12
_READERS = {
    "catalog": "/v1/catalog/list-shows?limit=1",
    "voting": "/v1/voting/list-ballots?limit=1",
}
"""Queries that read what the pages of shows read, by service."""


class House:
    """A running installation.

    url            where its pages and its API are
    partners_port  where its catalog asks all partners; nobody is there unless a test sees to it
    """

    def __init__(self, data: Path, port: int, partners_port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.partners_port = partners_port
        self._data = data
        self._log = data.parent / "up.log"
        self._port = port
        self._client = httpx2.Client(base_url=self.url, timeout=30.0)
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._signer: Signer | None = None
        self._tokens: dict[tuple[str, str], str] = {}

    # ------------------------------------------------------------------ up and down

    def open(self) -> None:
        """Bring it up, seed included, and return when it serves. raises AssertionError"""
        settings = {name: value for name, value in os.environ.items() if "BACKLINE_" not in name}
        settings["BACKLINE_CATALOG_SANDBOX_URL"] = f"http://127.0.0.1:{self.partners_port}"
        up = (sys.executable, "-P", "-m", "libs.chassis.cli", "up")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*up, "--data", str(self._data), "--port", str(self._port), "--no-sandbox"],
                env=settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._is_up, UP_SECONDS_MAX)
        except BaseException:
            self.close()
            raise
        self._signer = Signer.from_secret((self._data / "secrets" / "auth.signing").read_text())

    def know(self, outside: dict[str, Any]) -> None:
        """Say, before it is opened, whom people sign in with elsewhere."""
        secrets = self._data / "secrets"
        secrets.mkdir(parents=True, mode=0o700)
        (secrets / "auth.providers").write_text(json.dumps(outside))

    def close(self) -> None:
        """Stop it in order."""
        self._client.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_SECONDS_MAX)

    def backline(self, *arguments: str) -> str:
        """Run a command of `backline` on this installation. returns what it prints"""
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "libs.chassis.cli", *arguments],
            env={**os.environ, "BACKLINE_DATA": str(self._data)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def kill_gateway(self) -> None:
        """End the gateway as a crash would; whoever keeps it up starts it again."""
        assert self._process
        for child in _children(self._process.pid):
            if b"\0gateway\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
                return
        raise LookupError("there is no gateway")

    def _is_up(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._log.read_text()[-4_000:]
        try:
            answer = self._client.get("/v1/voting/list-ballots", params={"status": "open"})
        except httpx2.TransportError:
            return False
        return answer.is_success and bool(answer.json()["ballots"])

    # ------------------------------------------------------------------ the steward's work

    def new_show(self, *, titles: Sequence[str] = ()) -> str:
        """Announce a show of the seeded artist, or of a new one with these songs. returns its id"""
        number = next(self._numbers)
        show_id = f"shw_evening_{number}"
        artist_id = self._seeded_artist()
        if titles:
            artist_id = f"art_{number}"
            self.order("catalog.register-artist", artist_id=artist_id, name="Grateful Dead")
        for at, title in enumerate(titles):
            song_id = f"sng_{number}_{at}"
            self.order("catalog.register-song", song_id=song_id, artist_id=artist_id, title=title)
        self.order(
            "catalog.schedule-show",
            show_id=show_id,
            artist_id=artist_id,
            local_date="1972-05-27",
            local_time="20:00:00",
            time_zone="Europe/London",
        )
        return show_id

    def prepare(self, show_id: str, **policy: Any) -> list[str]:
        """Prepare a ballot of twelve songs. returns their ids, in the order of the ballot"""
        if "song_ids" not in policy:
            found = self.ask("catalog.get-candidates", show_id=show_id, limit=SONGS_ON_A_BALLOT)
            policy["song_ids"] = [each["song_id"] for each in found["candidates"]]
        self.order("voting.prepare-ballot", show_id=show_id, **policy)
        songs: list[str] = policy["song_ids"]
        return songs

    def open_ballot(self, **policy: Any) -> tuple[str, list[str]]:
        """A new show whose ballot is open. returns its id, and those of the songs"""
        show_id = self.new_show()
        songs = self.prepare(show_id, **policy)
        self.order("voting.open-ballot", show_id=show_id)
        wait_until(lambda: self.standing(show_id) == ("open", 0), SOON_SECONDS_MAX)
        return show_id, songs

    def crowd(self, show_id: str, *votes: tuple[str, int]) -> None:
        """Many fans vote: song, and how many for it. Readers see it when it returns."""
        cast: dict[str, Any] = {}
        for song_id, count in votes:
            for _ in range(count):
                cast = self._post(
                    "voting.cast-vote",
                    {"show_id": show_id, "song_id": song_id},
                    self._token_of(f"usr_fan_{next(self._numbers)}", "member"),
                )
        self._wait_for_readers("voting", cast)

    def order(self, command: str, **args: Any) -> dict[str, Any]:
        """Send a command as the steward, who may do everything. Readers see what came of it when it
        returns.
        """
        receipt = self._post(command, args, self._token_of("usr_steward", "admin"))
        self._wait_for_readers(command.partition(".")[0], receipt)
        return receipt

    def ask(self, query: str, **args: Any) -> dict[str, Any]:
        """Ask a query in nobody's name."""
        answer = self._client.get(f"/v1/{query.replace('.', '/')}", params=args)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def expect_count(self, show_id: str, song_id: str, votes: int) -> None:
        """The song soon has as many votes; an accepted one shows a moment later."""

        def counted() -> bool:
            counts: dict[str, int] = self.ask("voting.get-tally", show_id=show_id)["counts"]
            return counts[song_id] == votes

        wait_until(counted, SOON_SECONDS_MAX)

    def expect_answer(self, query: str, args: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
        """What a query answers, once it has these fields: a moment after they were saved."""
        found: dict[str, Any] = {}

        def has_come() -> bool:
            answer = self._client.get(f"/v1/{query.replace('.', '/')}", params=dict(args))
            found.clear()
            found.update(answer.json())
            return answer.is_success and fields.items() <= found.items()

        try:
            wait_until(has_come, SOON_SECONDS_MAX)
        except TimeoutError:
            raise AssertionError(f"{query} answers {found}, not {fields}") from None
        return found

    def standing(self, show_id: str) -> tuple[str, int]:
        """The status and the votes of a ballot as its readers see them; of none, ("", 0)."""
        found = self.ask("voting.list-ballots", show_ids=[show_id])["ballots"]
        return (found[0]["status"], found[0]["total"]) if found else ("", 0)

    def _wait_for_readers(self, service: str, receipt: Mapping[str, Any]) -> None:
        """What is recorded is in the read models a moment later."""
        if service in _READERS:
            after = {"Backline-After": str(receipt["position"])}
            wait_until(
                lambda: self._client.get(_READERS[service], headers=after).is_success,
                SOON_SECONDS_MAX,
            )

    def _seeded_artist(self) -> str:
        shows = self.ask("catalog.list-shows", limit=1, when="past")["shows"]
        return str(shows[0]["artist_id"])

    def _post(self, command: str, args: dict[str, Any], token: str) -> dict[str, Any]:
        answer = self._client.post(
            f"/v1/{command.replace('.', '/')}",
            json=args,
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.is_success, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def _token_of(self, user_id: str, role: str) -> str:
        assert self._signer
        if (user_id, role) not in self._tokens:
            token, _ = self._signer.sign(
                user_id, [role], "named", at=system_clock(), ttl_seconds=TOKEN_SECONDS
            )
            self._tokens[user_id, role] = token
        return self._tokens[user_id, role]


@contextmanager
def open_house(directory: Path) -> Iterator[House]:
    """A house during the block, whose people may also sign in with an OpenID provider."""
    port, partners_port = free_ports(2)
    house = House(directory / "data", port, partners_port)
    with running_provider(f"{house.url}/callback/peer") as peer:
        client = {"client_id": "basic", "secret": "a-secret-of-basic", "issuer": peer.issuer}
        house.know({"peer": {"title": "The peer", **client}})
        house.open()
        try:
            yield house
        finally:
            house.close()


def wait_until(condition: Callable[[], bool], seconds_max: float) -> None:
    """Return once the condition holds. raises TimeoutError"""
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds_max} s in vain")
        time.sleep(LOOK_SECONDS)


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
