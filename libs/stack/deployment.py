"""What an installation with containers needs before it first starts: keys, passwords, and the
configuration of nats-server and PostgreSQL that goes with them.

    DIR/nats/nats.conf                  users and permissions of every service
    DIR/postgres/password               of the superuser
    DIR/postgres/10-backline.sql        roles and the database, for docker-entrypoint-initdb.d
    DIR/secrets/<service>/…             what one service may know, and no other

Written once: what is there stays, so it can run before every start.
"""

import shutil
from pathlib import Path

from libs.stack.credentials import Credentials
from libs.stack.nats_config import render_nats_config
from libs.stack.permissions import SERVICES, databases, users
from libs.stack.postgres import DATABASE, GROUP

NATS_LISTEN = "0.0.0.0:4222"
NATS_MONITOR = "0.0.0.0:8222"
NATS_STORE = Path("/data")

SHARED = {"web": ("gateway.cursor",), "auth": ("persons.key",)}
"""What a service may know beside what is its own: pages hand out cursors that gateways accept; the
keys of persons are encrypted with one that only those who use them have."""


def write_deployment(directory: Path) -> None:
    """Write what is missing of an installation's files below a directory."""
    credentials = Credentials(directory / "all-secrets")
    credentials.ensure(users(SERVICES), databases(SERVICES))
    _write(directory / "nats" / "nats.conf", _nats_conf(credentials))
    _write(directory / "postgres" / "password", credentials.superuser_password)
    _write(directory / "postgres" / "10-backline.sql", roles_sql(credentials))
    for user in users(SERVICES):
        target = directory / "secrets" / user
        target.mkdir(parents=True, exist_ok=True)
        own = sorted((directory / "all-secrets").glob(f"{user}.*"))
        shared = [directory / "all-secrets" / name for name in SHARED.get(user, ())]
        for source in (*own, *shared):
            shutil.copyfile(source, target / source.name)


def roles_sql(credentials: Credentials) -> str:
    """SQL that makes the group, a login role for each service, and the database."""
    lines = [f'CREATE ROLE "{GROUP}" NOLOGIN;']
    for service in databases(SERVICES):
        role, password = f"backline_{service}", credentials.database_password(service)
        lines.append(f"CREATE ROLE \"{role}\" LOGIN CREATEDB PASSWORD '{password}';")
        lines.append(f'GRANT "{GROUP}" TO "{role}";')
    lines.append(f'CREATE DATABASE "{DATABASE}" OWNER "{GROUP}";')
    return "\n".join(lines) + "\n"


def _nats_conf(credentials: Credentials) -> str:
    return render_nats_config(
        credentials, SERVICES, listen=NATS_LISTEN, monitor=NATS_MONITOR, store=NATS_STORE
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
