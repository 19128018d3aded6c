"""Auth, put together."""

import asyncio
from functools import cache

from contracts.auth import (
    GetJwks,
    RefreshSession,
    RegisterUser,
    StartDevelopmentSession,
    StartGuestSession,
    UserReinstated,
    UserRole,
    UserSuspended,
)
from libs.bus import serve_queries
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.owner import Owner, OwnerLimits
from libs.readmodel import answering, run_projections
from services.auth.adapters import Tokens, load_signer
from services.auth.domain import user_decider
from services.auth.projections import USERS
from services.auth.queries import QUERIES
from services.auth.settings import DevelopmentUsers, Settings

SESSION_COMMANDS = (StartGuestSession, StartDevelopmentSession, RefreshSession, RegisterUser)


def create_app(settings: Settings) -> App:
    """Build the service: the owner of users, their projection, and its queries."""
    development = settings.development_users
    is_off = development is DevelopmentUsers.OFF
    decider = user_decider(None if is_off else UserRole(development))
    limits = OwnerLimits(
        slot_commands_max=settings.slot_commands_max, live_max=settings.live_users_max
    )

    @cache  # One for the process: without a secret each would have a key of its own.
    def tokens(runtime: Runtime) -> Tokens:
        return Tokens(load_signer(runtime.secret("auth.signing")), settings)

    async def own(runtime: Runtime) -> None:
        log = await runtime.log()
        suspended = SuspendedUsers(UserSuspended, UserReinstated)
        owner = Owner(
            service="auth",
            client=await runtime.connection(),
            log=log,
            deciders=[decider],
            completers=dict.fromkeys(SESSION_COMMANDS, tokens(runtime).complete),
            suspended=suspended,
            clock=runtime.clock,
            limits=limits,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(suspended.follow(log))
            await suspended.known()
            tasks.create_task(owner.run(lambda: runtime.ready("owner")))

    async def project(runtime: Runtime) -> None:
        connection = await runtime.connection()
        await run_projections(
            [USERS],
            service="auth",
            engine=runtime.database(),
            open_log=runtime.log,
            publish=connection.publish,
            on_ready=lambda: runtime.ready("projections"),
            clock=runtime.clock,
        )

    async def answer(runtime: Runtime) -> None:
        connection = await runtime.connection()
        async with answering(
            QUERIES, [USERS], service="auth", engine=runtime.database()
        ) as handlers:
            await serve_queries(
                connection,
                {**handlers, GetJwks: tokens(runtime).get_jwks},
                lambda: runtime.ready("queries"),
            )

    return App(
        "auth",
        [Part("owner", own), Part("projections", project), Part("queries", answer)],
    )
