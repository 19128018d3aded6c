"""Make the streams and buckets that the services need on NATS, or bring them up to date."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from libs.chassis.prepare import Prepared

app = typer.Typer()

EXIT_FAILED = 1


@app.command()
def prepare(
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Make the streams and buckets that the services need on NATS, or bring them up to date.

    Run it before the services of a new version start, and as often as you like. It speaks as the
    deployer, whose key is in the directory that BACKLINE_SECRETS names.
    """
    from libs.chassis.logs import configure_logs
    from libs.chassis.prepare import prepare as prepare_nats
    from libs.chassis.secrets import SecretMissing
    from libs.chassis.settings import ProcessSettings, SettingsInvalid
    from libs.kernel.errors import BacklineError

    try:
        settings = ProcessSettings.load()
        configure_logs(settings)
        done = asyncio.run(
            prepare_nats(settings.nats_url, settings.secrets, replicas=settings.nats_replicas)
        )
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        typer.echo(f"backline prepare: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    typer.echo(_as_json(done) if as_json else _as_text(done))


def _as_json(done: "list[Prepared]") -> str:
    return json.dumps([asdict(each) for each in done])


def _as_text(done: "list[Prepared]") -> str:
    return "\n".join(f"{each.outcome:<9} {each.name}" for each in done)
