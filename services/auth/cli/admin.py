"""Make administrators."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer

if TYPE_CHECKING:
    from contracts.auth import RegisterUser

EXIT_FAILED = 1

app = typer.Typer(name="admin", no_args_is_help=True)


@app.callback()
def choose() -> None:
    """Make administrators."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call them; the same name is the same user.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print user_id, token and expires_at as JSON.")
    ] = False,
) -> None:
    """Make an administrator and print a token for them, once: it is not kept anywhere.

    Called again with the same name it makes a new token for the same user. It speaks as the service
    auth, so only who can read the secrets of the installation can do this.
    """
    from pydantic import ValidationError

    from libs.chassis.secrets import SecretMissing
    from libs.chassis.settings import SettingsInvalid
    from libs.kernel.errors import BacklineError

    try:
        session = asyncio.run(_create(_command(name)))
    except ValidationError:
        _fail("NAME: 1 to 40 letters, on one line")
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        _fail(str(error))
    if as_json:
        shown = {key: session[key] for key in ("user_id", "token", "expires_at")}
        sys.stdout.write(orjson.dumps(shown).decode() + "\n")
    else:
        sys.stdout.write(
            f"user_id     {session['user_id']}\n"
            f"token       {session['token']}\n"
            f"expires_at  {session['expires_at']}\n"
        )


@app.command()
def grant(
    email: Annotated[str, typer.Argument(help="The address of somebody who has an account.")],
    role: Annotated[str, typer.Option(help="member, moderator or admin.")] = "admin",
) -> None:
    """Trust somebody who has signed up with more, or with less.

    It speaks as the service auth, so only who can read the secrets of the installation can do this.
    """
    from libs.chassis.secrets import SecretMissing
    from libs.chassis.settings import SettingsInvalid
    from libs.kernel.errors import BacklineError

    try:
        user_id = asyncio.run(_grant(email, role))
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        _fail(str(error), "grant")
    if user_id is None:
        _fail(f"nobody has an account with {email}", "grant")
    sys.stdout.write(f"{user_id} is {role} now\n")


def _fail(message: str, command: str = "create") -> NoReturn:
    sys.stderr.write(f"backline admin {command}: {message}\n")
    raise typer.Exit(EXIT_FAILED) from None


def _command(name: str) -> "RegisterUser":
    """The command, its id derived from the name. raises   ValidationError"""
    from contracts.auth import RegisterUser, UserRole
    from libs.kernel.ids import derive_id
    from libs.kernel.messages import registry

    user_id = derive_id("named-user", name.strip(), prefix="usr_")
    arguments = {"user_id": user_id, "display_name": name, "role": UserRole.ADMIN}
    command: RegisterUser = registry.command_of[RegisterUser].adapter.validate_python(arguments)
    return command


async def _grant(email: str, role: str) -> str | None:
    """The id of the user of an address, who has the role from then on; None when there is none."""
    from contracts.auth import ListUsers, UserRole
    from contracts.auth_standing import SetRole
    from libs.chassis.command_line import running_bus
    from libs.kernel.errors import Invalid
    from libs.kernel.messages import service_caller

    if role not in list(UserRole):
        raise Invalid(f"{role} is no role: {', '.join(UserRole)}")
    async with running_bus("auth") as bus:
        caller = service_caller("auth")
        found = await bus.ask(ListUsers(search=email.strip()), caller=caller)
        for user in found.result["users"]:
            if (user["email"] or "").casefold() == email.strip().casefold():
                reason = "backline admin grant"
                command = SetRole(user_id=user["user_id"], role=UserRole(role), reason=reason)
                await bus.send(command, caller=caller)
                return str(user["user_id"])
    return None


async def _create(command: "RegisterUser") -> dict[str, Any]:
    from libs.chassis.command_line import running_bus
    from libs.kernel.messages import service_caller

    async with running_bus("auth") as bus:
        return await bus.send(command, caller=service_caller("auth"))
