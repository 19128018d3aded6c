"""Take users over from Better Auth."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from services.auth.cli.taking_over import Report

EXIT_FAILED = 1

app = typer.Typer(name="import", no_args_is_help=True)


@app.callback()
def choose() -> None:
    """Bring in what others know."""


@app.command("better-auth")
def better_auth(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="Of the PostgreSQL database, which is only read: postgresql://user:password@host/db",
            envvar="BACKLINE_IMPORT_URL",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Take users over from the database of Better Auth.

    Their passwords work: they are hashed anew at the first sign-in. Whoever came in by another
    way, Google say, signs in by mail. May be repeated: who is here already stays as they are.
    Sessions and pending verifications end, since only Better Auth can tell whose they are.
    """
    from asyncpg import PostgresError

    from libs.chassis.secrets import SecretMissing
    from libs.chassis.settings import SettingsInvalid
    from libs.kernel.errors import BacklineError
    from services.auth.cli.taking_over import take_over

    try:
        report = asyncio.run(take_over(url))
    except (BacklineError, SecretMissing, SettingsInvalid, OSError, PostgresError) as error:
        sys.stderr.write(f"backline import better-auth: {type(error).__name__}: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print(report)


def _print(report: "Report") -> None:
    from rich.console import Console

    console = Console()
    console.print(
        f"{report.read} users read: {report.new} new, {report.unchanged} here already,"
        f" {len(report.refused)} refused"
    )
    console.print(
        f"{report.with_password} of them have a password; left behind were {report.other_ways}"
        f" accounts at others (they sign in by mail), {report.second_factors} second factors,"
        f" {report.sessions} sessions and {report.verifications} verifications"
    )
    for refusal in report.refused:
        console.print(f"refused {refusal.user}: {refusal.reason}", soft_wrap=True)
