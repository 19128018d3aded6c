"""Connections to PostgreSQL, each as the role of the service it belongs to.

PostgreSQL being away is no error: the pool connects when it is asked for a connection.
"""

from typing import Any, Final

import orjson
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings

CONNECT_SECONDS: Final = 5
WAIT_SECONDS: Final = 10


def database_engine(service: str, settings: ProcessSettings, secrets: Secrets) -> AsyncEngine:
    """The pool of connections to PostgreSQL as a service's role, in the service's own schema."""
    return create_async_engine(
        database_url(service, settings, secrets),
        pool_size=settings.database_connections_max,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,
        json_serializer=_dump_json,
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "server_settings": {
                "application_name": f"backline-{service}",
                "search_path": service,
                "timezone": "UTC",
            },
        },
    )


def database_url(service: str, settings: ProcessSettings, secrets: Secrets) -> URL:
    """The address of the database, with the role and the password of a service."""
    return make_url(settings.database_url).set(
        drivername="postgresql+asyncpg",
        username=f"backline_{service}",
        password=secrets.read(f"{service}.database"),
    )


def _dump_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()
