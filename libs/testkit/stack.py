"""A real nats-server and a real PostgreSQL for tests, one of each per test session.

    async def test_…(nats_server: RunningNats) -> None:
        client = await nats_server.connect("voting")

Both run on ports and in a directory of their own, with the users and permissions of production;
with pytest-xdist every worker has its own. Tests that use them are marked `connected`.
"""

import asyncio
import shutil
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from libs.stack.credentials import Credentials
from libs.stack.nats_server import NatsServer
from libs.stack.permissions import SERVICES, Access, databases, users
from libs.stack.postgres import DATABASE, Postgres

CONNECT_TIMEOUT_SECONDS = 5

TEST_SERVICES: Mapping[str, Access] = {
    **SERVICES,
    "toy": Access(persons=True, jobs=True),
    "toyreader": Access(calls=("toy",), hears=("toy",), reads=("toy",)),
}
"""The services of production, and two more for tests of the platform itself."""


@dataclass(frozen=True, slots=True)
class RunningNats:
    """A nats-server that serves.

    url      `nats://127.0.0.1:<port>`
    secrets  the directory with the key of every user in `TEST_SERVICES`, and of the deployer
    server   the server itself, for tests that stop or restart one of their own (`running_nats`)
    """

    url: str
    secrets: Path
    server: NatsServer

    async def connect(self, user: str, **options: Any) -> Client:
        """Connect with a user's own key and inbox prefix; options are those of `nats.connect`."""
        options.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        options.setdefault("allow_reconnect", False)
        return await nats.connect(
            self.url,
            nkeys_seed_str=Credentials(self.secrets).nats_seed(user),
            inbox_prefix=f"_INBOX_{user}".encode(),
            **options,
        )


@dataclass(frozen=True, slots=True)
class RunningDatabase:
    """A PostgreSQL that serves a new and empty database, with a login role per service.

    url            `postgresql://127.0.0.1:<port>/backline`, without a user
    superuser_url  the same, for the superuser
    secrets        the directory with the password of every role `backline_<service>`
    server         the server itself, for tests that stop or restart one of their own
    """

    url: str
    superuser_url: str
    secrets: Path
    server: Postgres

    def url_of(self, service: str, database: str = DATABASE) -> str:
        """The url with the role and password of a service, to this database or to another."""
        password = Credentials(self.secrets).database_password(service)
        server = self.url.removeprefix("postgresql://").partition("/")[0]
        return f"postgresql://backline_{service}:{password}@{server}/{database}"


@contextmanager
def running_nats(directory: Path) -> Iterator[RunningNats]:
    """A nats-server with JetStream and no streams yet, for as long as the block lasts."""
    credentials = _credentials_in(directory)
    server = NatsServer(directory / "nats", credentials, services=TEST_SERVICES)
    server.start()
    try:
        yield RunningNats(url=server.url, secrets=credentials.directory, server=server)
    finally:
        server.stop()


@contextmanager
def running_database(directory: Path) -> Iterator[RunningDatabase]:
    """A PostgreSQL with an empty database, for as long as the block lasts."""
    credentials = _credentials_in(directory)
    server = Postgres(directory / "postgres", credentials)
    server.start()
    try:
        _run_elsewhere(server.prepare(databases(TEST_SERVICES)))
        yield RunningDatabase(
            url=server.url,
            superuser_url=server.superuser_url(DATABASE),
            secrets=credentials.directory,
            server=server,
        )
    finally:
        server.stop()


@pytest.fixture(scope="session")
def stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the servers of this session keep their data; gone afterwards, unlike pytest's own."""
    directory = tmp_path_factory.mktemp("stack")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_server(stack_directory: Path) -> Iterator[RunningNats]:
    """The nats-server of this session, which all tests share: clean up what you make."""
    with running_nats(stack_directory) as server:
        yield server


@pytest.fixture(scope="session")
def database(stack_directory: Path) -> Iterator[RunningDatabase]:
    """The database of this session, which all tests share: clean up what you make."""
    with running_database(stack_directory) as server:
        yield server


def _credentials_in(directory: Path) -> Credentials:
    credentials = Credentials(directory / "secrets")
    credentials.ensure(users(TEST_SERVICES), databases(TEST_SERVICES))
    return credentials


def _run_elsewhere(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: the event loop of this one belongs to the tests."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001  # Raised again below, where it belongs.
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
