"""Settings: what can be set from outside, all of it as `BACKLINE_*` variables of the environment.

A settings class lists its fields with `setting(…)`; the variable of a field is the class's prefix
and the field's name in capitals. Every field but a secret has a default that works on a laptop, a
description and a unit. `load` checks the environment at start; `refuse_unknown` catches the
misspelt variable that would otherwise be ignored in silence.

    class Settings(chassis.Settings):
        prefix = "BACKLINE_VOTING_"

        batch_size_max: int = setting(2000, "Commands decided in one commit.", "commands", ge=1)
"""

import difflib
import importlib
import os
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "BACKLINE_"
MASK = "********"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class SettingsInvalid(Exception):
    """The environment cannot be worked with; the message says all that is wrong with it."""


def setting(default: Any, description: str, unit: str = "", **constraints: Any) -> Any:
    """A field of a settings class.

    unit         of the value: seconds, bytes, …; empty where there is none
    constraints  as for pydantic's Field: ge, le, min_length, …
    """
    return Field(default, description=description, json_schema_extra={"unit": unit}, **constraints)


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting, for people: its variable, what it is for, its default and what it is now."""

    name: str
    description: str
    unit: str
    default: str
    value: str


class Settings(BaseModel):
    """The base of every settings class. Frozen: a running process does not change its mind."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    prefix: ClassVar[str] = PREFIX

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check the variables of this class; an empty one counts as not set.

        environment   that of the process when None
        raises        SettingsInvalid, naming every variable that is wrong
        """
        environment = os.environ if environment is None else environment
        given = {
            field: environment[variable]
            for field in cls.model_fields
            if environment.get(variable := cls.variable(field))
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            lines = [
                f"{cls.variable(str(item['loc'][0]))}: {item['msg']}"
                for item in error.errors(include_url=False, include_input=False)
            ]
            raise SettingsInvalid("\n".join(lines)) from None

    @classmethod
    def variable(cls, field: str) -> str:
        """The variable of the environment that sets a field."""
        return cls.prefix + field.upper()

    def describe(self) -> list[Variable]:
        """Every setting and its value, secrets masked."""
        return [
            Variable(
                name=self.variable(name),
                description=field.description or "",
                unit=_unit(field.json_schema_extra),
                default=_shown(field.default),
                value=_shown(getattr(self, name)),
            )
            for name, field in type(self).model_fields.items()
        ]


def _unit(extra: object) -> str:
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if value is None:
        return ""
    return _CREDENTIALS.sub(f"{MASK}@", str(value))


# ---------------------------------------------------------------------------------- the process


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ProcessSettings(Settings):
    """What every process of Backline needs, whichever services it runs."""

    nats_url: str = setting(
        "nats://127.0.0.1:4222", "Where nats-server is; several addresses are separated by commas."
    )
    database_url: str = setting(
        "postgresql://127.0.0.1:5432/backline",
        "The PostgreSQL database, without a user: each service has its own.",
        pattern=r"^postgresql://",
    )
    secrets: Path | None = setting(
        None,
        "Directory with the secrets of the services, one file each; without it there are none.",
    )
    host: str = setting("127.0.0.1", "Address to listen on, for pages, the API and health.")
    port: int = setting(8080, "Port of pages and the API.", ge=0, le=65535)
    health_port: int = setting(
        0, "Port of health and metrics of this process; 0 chooses a free one.", ge=0, le=65535
    )
    proxies: int = setting(
        0,
        "How many proxies of ours stand in front: so many entries of X-Forwarded-For are believed.",
        "proxies",
        ge=0,
        le=10,
    )
    log_level: LogLevel = setting(LogLevel.INFO, "The least that is logged.")
    log_format: LogFormat = setting(
        LogFormat.AUTO, "json, console, or auto: console on a terminal and json elsewhere."
    )
    stop_timeout_seconds: float = setting(
        10.0,
        "Time a process has to stop in order before it ends as it is.",
        "seconds",
        gt=0,
        le=600,
    )
    database_connections_max: int = setting(
        8, "Connections to PostgreSQL a service may hold in one process.", "connections", ge=1
    )
    nats_replicas: int = setting(
        1, "Copies of each log: 1 for a single nats-server, 3 for a cluster.", "copies", ge=1, le=5
    )
    strict: bool = setting(
        False, "End the process when NATS refuses it a subject, rather than only raise the alarm."
    )


class LocalSettings(Settings):
    """What `backline up` needs beside the settings of its processes."""

    data: Path = setting(Path(".data"), "Directory of everything that `backline up` keeps.")


# ---------------------------------------------------------------------------------- all of them


def all_settings() -> list[type[Settings]]:
    """Every settings class of the house: the process's own first, then those of the services."""
    for package in ("libs", "services"):
        for module in _settings_modules(package):
            importlib.import_module(module)
    return sorted(_descendants(Settings), key=lambda cls: cls.__module__)


def refuse_unknown(environment: Mapping[str, str] | None = None) -> None:
    """Refuse a `BACKLINE_*` variable that is no setting of ours.

    raises   SettingsInvalid, with the nearest name there is
    """
    environment = os.environ if environment is None else environment
    known = {cls.variable(name) for cls in all_settings() for name in cls.model_fields}
    lines = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; see docs/settings.md"
            lines.append(f"{name}: there is no such setting{hint}")
    if lines:
        raise SettingsInvalid("\n".join(lines))


def _settings_modules(package: str) -> Iterator[str]:
    paths = importlib.import_module(package).__path__
    for room in pkgutil.iter_modules(paths):
        for folder in paths:
            if room.ispkg and (Path(folder) / room.name / "settings.py").exists():
                yield f"{package}.{room.name}.settings"


def _descendants(cls: type[Settings]) -> Iterator[type[Settings]]:
    for child in cls.__subclasses__():
        # Generic parametrisations are not classes of ours.
        if get_origin(child) is None and child.__module__.endswith(".settings"):
            yield child
        yield from _descendants(child)
