"""Auth, put together."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from itertools import chain

from contracts.auth import (
    GetJwks,
    RefreshSession,
    RegisterUser,
    StartDevelopmentSession,
    StartGuestSession,
    UserRole,
)
from contracts.auth_challenges import GetSignInOptions
from contracts.auth_standing import UserReinstated, UserSuspended
from libs.chassis import parts
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.owner import Owner, OwnerLimits
from services.auth.adapters.account_ways import AccountWays
from services.auth.adapters.confirmation_ways import ConfirmationWays
from services.auth.adapters.digests import Digests
from services.auth.adapters.entry import Entry
from services.auth.adapters.identity_ways import IdentityWays
from services.auth.adapters.impersonations import Impersonations
from services.auth.adapters.keys import ApiKeys
from services.auth.adapters.mailer import Mailer
from services.auth.adapters.outside import Outside
from services.auth.adapters.passkeys import Passkeys
from services.auth.adapters.passwords import Passwords
from services.auth.adapters.tickets import Tickets
from services.auth.adapters.tokens import Tokens, load_signer
from services.auth.adapters.users import Users
from services.auth.domain import IMPERSONATION, KEY, MAIL, SESSION, Terms, user_decider
from services.auth.process_managers import process_managers
from services.auth.projections import USERS
from services.auth.queries import QUERIES
from services.auth.settings import DevelopmentUsers, Settings

type Ways = AccountWays | IdentityWays | ConfirmationWays | ApiKeys | Impersonations

ENTRY_COMMANDS = (StartGuestSession, StartDevelopmentSession, RefreshSession, RegisterUser)


def merged[V](tables: Iterable[Mapping[type, V]]) -> dict[type, V]:
    """All tables in one; no two of them know the same class."""
    return dict(chain.from_iterable(table.items() for table in tables))


def create_app(settings: Settings) -> App:
    """Build the service: the owner of users, sessions and mails, their projection, queries and
    process managers.
    """
    development = settings.development_users
    is_off = development is DevelopmentUsers.OFF
    terms = Terms(
        username_rests=timedelta(days=settings.username_rest_days),
        grace=timedelta(days=settings.leave_days),
    )
    decider = user_decider(None if is_off else UserRole(development), terms)
    limits = OwnerLimits(
        slot_commands_max=settings.slot_commands_max, live_max=settings.live_users_max
    )

    @cache  # One for the process: without a secret each would have a key of its own.
    def tokens(runtime: Runtime) -> Tokens:
        return Tokens(load_signer(runtime.secret("auth.signing")), settings)

    @cache
    def outside(runtime: Runtime) -> Outside:
        return Outside.as_written(
            providers=runtime.secret("auth.providers"),
            issuers=settings.issuers,
            base_url=settings.base_url,
            clock=runtime.clock,
        )

    async def ways_in(runtime: Runtime) -> list[Ways]:
        vault = await runtime.vault()
        assert vault is not None, "auth may have the keys of persons (libs/stack/permissions.py)"
        digests = Digests(runtime.secret("auth.secret"))
        log, its = await runtime.log(), tokens(runtime)
        users = Users(log, decider)
        entry = Entry(
            users=users,
            bus=await runtime.bus(),
            digests=digests,
            tickets=Tickets(digests, runtime.clock),
            tokens=its,
        )
        passwords = Passwords(settings.password_words.split(","))
        mailer = Mailer(
            smtp_url=settings.smtp_url.get_secret_value(),
            sender=settings.mail_from,
            base_url=settings.base_url,
        )
        clock = runtime.clock
        accounts = AccountWays(
            entry=entry, vault=vault, passwords=passwords, mailer=mailer, clock=clock
        )
        identities = IdentityWays(
            entry=entry,
            passkeys=Passkeys(settings.base_url),
            outside=outside(runtime),
            base_url=settings.base_url,
        )
        confirmations = ConfirmationWays(
            entry=entry, passwords=passwords, identities=identities, clock=clock
        )
        keys = ApiKeys(log=log, entry=entry, tokens=its)
        impersonations = Impersonations(entry=entry, tokens=its)
        return [accounts, identities, confirmations, keys, impersonations]

    async def own(runtime: Runtime) -> None:
        log = await runtime.log()
        suspended = SuspendedUsers(UserSuspended, UserReinstated)
        ways = await ways_in(runtime)
        owner = Owner(
            service="auth",
            client=await runtime.connection(),
            log=log,
            deciders=[decider, SESSION, MAIL, KEY, IMPERSONATION],
            resolvers=merged(each.resolvers() for each in ways),
            completers={
                **dict.fromkeys(ENTRY_COMMANDS, tokens(runtime).complete),
                **merged(each.completers() for each in ways),
            },
            suspended=suspended,
            clock=runtime.clock,
            limits=limits,
        )
        await parts.run_owner(runtime, owner, suspended)

    def others(runtime: Runtime) -> parts.Handlers:
        return {
            GetJwks: tokens(runtime).get_jwks,
            GetSignInOptions: outside(runtime).get_options,
        }

    return App(
        "auth",
        [
            Part("owner", own),
            parts.projections([USERS]),
            parts.queries(QUERIES, [USERS], others),
            parts.process_managers(process_managers()),
        ],
    )
