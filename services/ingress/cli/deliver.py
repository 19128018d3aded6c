"""Send a webhook to ourselves, as a partner would."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

EXIT_FAILED = 1

app = typer.Typer()


@app.command()
def deliver(
    file: Annotated[
        Path | None,
        typer.Argument(help="A JSON file with the body; - or nothing reads standard input."),
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", help="Of the delivery; the same one counts once.")
    ] = None,
    to: Annotated[
        str,
        typer.Option(help="The endpoint: sandbox/main, luma/sandbox or ics/harbour."),
    ] = "sandbox/main",
    url: Annotated[
        str | None,
        typer.Option(help="Where ingress is.", show_default="http://127.0.0.1:8080"),
    ] = None,
) -> None:
    """Send a webhook to an endpoint for development, signed as its partner would.

    The endpoints are there where BACKLINE_INGRESS_SANDBOX is on, as `backline up` has it. Their
    secrets come from the secrets of the installation, so only who can read those can send. What is
    sent to luma/sandbox or ics/harbour has the catalog ask that calendar anew.
    """
    from libs.chassis.secrets import SecretMissing
    from libs.chassis.settings import ProcessSettings, SettingsInvalid
    from libs.kernel.ids import new_id
    from services.ingress.adapters.sandbox import PROFILES

    if to not in PROFILES:
        raise typer.BadParameter(f"it is one of {', '.join(PROFILES)}", param_hint="--to")
    content = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
    try:
        settings = ProcessSettings.load()
        address = url or f"http://127.0.0.1:{settings.port}"
        told = asyncio.run(_send(settings, address, to, event_id or new_id("msg_"), content))
    except (SecretMissing, SettingsInvalid, OSError) as error:
        sys.stderr.write(f"backline deliver: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None
    sys.stdout.write(told + "\n")


async def _send(settings: object, address: str, to: str, event_id: str, content: bytes) -> str:
    import httpx2

    from contracts.ingress import Profile
    from libs.chassis.secrets import Secrets
    from libs.chassis.settings import ProcessSettings
    from libs.kernel.clock import system_clock
    from services.ingress.adapters.sandbox import PROFILES, sandbox_secret
    from services.ingress.adapters.signing import sign, sign_as_luma

    assert isinstance(settings, ProcessSettings)
    secret = sandbox_secret(Secrets(settings.secrets).read("ingress.secret"), to)
    signing = sign_as_luma if PROFILES[to] is Profile.LUMA else sign
    headers = signing(secret, event_id, system_clock(), content)
    async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=20) as client:
        try:
            answer = await client.post(f"/hooks/{to}", content=content, headers=headers)
        except httpx2.TransportError as error:
            raise OSError(f"nothing answers at {address}: {type(error).__name__}") from None
    if not answer.is_success:
        raise OSError(f"{answer.status_code}: {answer.text}")
    return str(answer.headers["backline-delivery"])
