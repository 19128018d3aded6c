"""Run everything on this machine: nats-server, PostgreSQL and the services."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.panel import Panel

from libs.chassis.settings import LocalSettings, ProcessSettings, SettingsInvalid
from libs.stack.data_lock import DataInUse
from libs.stack.ports import free_ports
from libs.stack.processes import ChildFailed
from libs.stack.supervisor import Plan, PortTaken, Supervisor

app = typer.Typer()

PROCESSES = (
    "gateway web ingress.http",
    "voting.owner",
    "voting.projections voting.queries voting.process-managers",
    "auth catalog scheduler",
    "ingress.owner ingress.projections ingress.queries ingress.process-managers",
)
"""What runs together: the gateway has its process, and so has the owner that everyone waits for."""

DEVELOPMENT_USERS = {
    "BACKLINE_AUTH_DEVELOPMENT_USERS": "member",
    "BACKLINE_INGRESS_SANDBOX": "true",
}
"""Unless set otherwise. All of this listens on 127.0.0.1 only, to developers."""

EXIT_FAILED = 1
EXIT_PORT_TAKEN = 2
EXIT_DATA_IN_USE = 3

_BACKLINE = (sys.executable, "-P", "-m", "libs.chassis.cli")


@app.command()
def up(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Where everything is kept.", envvar="BACKLINE_DATA", show_default=".data"
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Of the pages and the API.", envvar="BACKLINE_PORT", show_default="8080"),
    ] = None,
    processes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE[.PART]…",
            help="What one process runs; repeat it for more.",
            show_default=", ".join(f"'{names}'" for names in PROCESSES),
        ),
    ] = None,
    seed: Annotated[bool, typer.Option(help="Make sure that there is a show to vote on.")] = True,
    sandbox: Annotated[
        bool,
        typer.Option(help="Stand in for the catalog's partners, unless there are credentials."),
    ] = True,
) -> None:
    """Run everything on this machine: nats-server, PostgreSQL and the services.

    Ctrl-C stops all of it in order. What dies is started again. The data stays.
    """
    try:
        data = (data or LocalSettings.load().data).absolute()
        port = port if port is not None else ProcessSettings.load().port
    except SettingsInvalid as error:
        raise typer.BadParameter(str(error)) from None
    groups = [names.split() for names in processes or PROCESSES]
    has_gateway = any(spec.partition(".")[0] == "gateway" for group in groups for spec in group)
    screen = _Screen(port if has_gateway else None, data)
    partners = stand_ins() if sandbox and processes is None else _NO_SANDBOX
    plan = Plan(
        data=data,
        port=port,
        has_gateway=has_gateway,
        before={"preparing streams and buckets": (*_BACKLINE, "prepare")},
        processes={
            **{" ".join(group): (*_BACKLINE, "run", *group) for group in groups},
            **partners.processes,
        },
        after={"seeding a first show": (*_BACKLINE, "seed")} if seed else {},
        environment={**_development(port), **partners.environment, **os.environ},
    )
    try:
        asyncio.run(_run(plan, screen))
    except DataInUse as refusal:
        screen.trouble(str(refusal))
        raise typer.Exit(EXIT_DATA_IN_USE) from None
    except PortTaken as refusal:
        screen.trouble(f"{refusal}; choose another with --port or BACKLINE_PORT")
        raise typer.Exit(EXIT_PORT_TAKEN) from None
    except (ChildFailed, OSError) as failure:
        screen.trouble(str(failure))
        raise typer.Exit(EXIT_FAILED) from None


def _development(port: int) -> dict[str, str]:
    """What is so on a developer's machine unless it is set otherwise. Mail is caught, and shown on
    the page /dev/mail.
    """
    here = {**DEVELOPMENT_USERS, "BACKLINE_AUTH_BASE_URL": _address(port)}
    if "BACKLINE_AUTH_SMTP_URL" in os.environ:
        return here
    (mailbox_port,) = free_ports(1)
    return {
        **here,
        "BACKLINE_MAILBOX_PORT": str(mailbox_port),
        "BACKLINE_AUTH_SMTP_URL": f"smtp://127.0.0.1:{mailbox_port}",
    }


@dataclass(frozen=True, slots=True)
class _Partners:
    """What stands in for the catalog's partners, and how the catalog finds it."""

    processes: Mapping[str, Sequence[str]]
    environment: Mapping[str, str]


_NO_SANDBOX = _Partners({}, {})
_OF_PARTNERS: Final = re.compile(
    "BACKLINE_CATALOG_(SANDBOX_URL|REPEATED_SYNCS|ICS_FEEDS|.*_(API_KEY|CLIENT_ID|CLIENT_SECRET))"
)
"""Settings that say who the catalog's partners are, or what they know us by."""


def stand_ins() -> _Partners:
    """The sandbox, unless the catalog was told whom to ask."""
    if any(_OF_PARTNERS.fullmatch(name) for name in os.environ):
        return _NO_SANDBOX
    (port,) = free_ports(1)
    return _Partners(
        {"sandbox": (*_BACKLINE, "sandbox", "--port", str(port))},
        {
            "BACKLINE_CATALOG_SANDBOX_URL": f"http://127.0.0.1:{port}",
            "BACKLINE_CATALOG_REPEATED_SYNCS": "sandbox",
            "BACKLINE_CATALOG_SHOW_LASTS_SECONDS": "300",
            "BACKLINE_CATALOG_SETLIST_AFTER_SECONDS": "60",
        },
    )


def _address(port: int) -> str:
    """Where the pages are. By name: browsers keep no passkeys for a number."""
    return f"http://localhost:{port}"


async def _run(plan: Plan, screen: "_Screen") -> None:
    await Supervisor(plan, screen).run()


class _Screen:
    """What a person sees of the supervisor."""

    def __init__(self, port: int | None, data: Path) -> None:
        self._console = Console(highlight=False)
        self._port = port
        self._data = data

    def step(self, text: str) -> None:
        self._console.print(f"[dim]•[/dim] {text}", soft_wrap=True)

    def ready(self) -> None:
        places = {"data": str(self._data), "logs": str(self._data / "logs")}
        if self._port is not None:
            address = _address(self._port)
            places = {"page": f"{address}/", "API docs": f"{address}/docs", **places}
        lines = [f"[bold]{name:<10}[/bold] {_literal(place)}" for name, place in places.items()]
        text = "\n".join([*lines, "", "Ctrl-C stops everything."])
        self._console.print(
            Panel.fit(text, title="Backline is ready", border_style="green"), soft_wrap=True
        )

    def trouble(self, text: str) -> None:
        self._console.print(f"[red]✗[/red] {_literal(text)}", soft_wrap=True)

    def news(self, process: str, line: str) -> None:
        self._console.print(f"[yellow]{process}[/yellow] {_literal(line)}", soft_wrap=True)


def _literal(text: str) -> str:
    """Text as it is, whatever brackets it holds."""
    return text.replace("[", r"\[")
