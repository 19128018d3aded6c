"""Ingress, put together."""

import asyncio

from contracts.ingress import ForgetPayloads, ReplayDelivery
from contracts.ingress_private import Announce, AttemptMessage, SetUpWebhook
from contracts.ingress_webhooks import ChangeWebhook, RegisterWebhook, RotateWebhookSecret
from libs.chassis import parts
from libs.chassis.service import App, Part, Runtime
from libs.chassis.settings import SettingsInvalid
from libs.owner import Owner, OwnerLimits
from services.ingress.adapters.acceptance import Acceptance
from services.ingress.adapters.destinations import Destinations
from services.ingress.adapters.endpoints import Endpoints, read_endpoints
from services.ingress.adapters.kept import Kept
from services.ingress.adapters.registering import Registering
from services.ingress.adapters.sandbox import sandbox_endpoints
from services.ingress.adapters.sender import Sender, sending_client
from services.ingress.adapters.subscribers import Subscribers
from services.ingress.api.hooks import PREFIX, Hooks, create_application
from services.ingress.domain import INBOX, MESSAGE, OBJECT, PAYLOADS, WEBHOOK
from services.ingress.process_managers import process_managers
from services.ingress.projections import PROJECTIONS
from services.ingress.queries import QUERIES
from services.ingress.settings import Settings

SERVICE = "ingress"


def create_app(settings: Settings) -> App:
    """Build the service: what partners reach, the owner, projections, queries and process
    managers.
    """
    endpoints = _endpoints(settings)

    async def run_http(runtime: Runtime) -> None:
        acceptance = Acceptance(
            bus=await runtime.bus(),
            clock=runtime.clock,
            tolerance_seconds=settings.tolerance_seconds,
            payload_days=settings.payload_days,
        )
        known = dict(endpoints)
        if settings.sandbox:
            known |= sandbox_endpoints(runtime.secret("ingress.secret"))
        hooks = Hooks(
            known,
            acceptance,
            body_bytes_max=settings.body_bytes_max,
            body_seconds_max=settings.body_seconds_max,
        )
        await runtime.http(create_application(hooks), prefixes=(PREFIX,))

    async def own(runtime: Runtime) -> None:
        log = await runtime.log()
        vault = await runtime.vault()
        assert vault is not None, (
            "ingress may have the keys of payloads (libs/stack/permissions.py)"
        )
        kept = Kept(log, vault)
        master = runtime.secret("ingress.secret")
        destinations = Destinations(settings.private_destinations)
        registering = Registering(log, destinations, master)
        subscribers = Subscribers()
        async with sending_client() as client:
            sender = Sender(
                log=log,
                bus=await runtime.bus(),
                client=client,
                destinations=destinations,
                subscribers=subscribers,
                master=master,
                clock=runtime.clock,
            )
            owner = Owner(
                service=SERVICE,
                client=await runtime.connection(),
                log=log,
                deciders=[INBOX, OBJECT, PAYLOADS, WEBHOOK, MESSAGE],
                resolvers={
                    ReplayDelivery: kept.replay,
                    ForgetPayloads: kept.forget,
                    RegisterWebhook: registering.register,
                    ChangeWebhook: registering.change,
                    Announce: sender.announce,
                    AttemptMessage: sender.attempt,
                },
                completers=dict.fromkeys(
                    (SetUpWebhook, RotateWebhookSecret), registering.show_secret
                ),
                clock=runtime.clock,
                limits=OwnerLimits(live_max=settings.live_inboxes_max),
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(subscribers.follow(log))
                tasks.create_task(sender.run())
                await subscribers.known()
                await owner.run(lambda: runtime.ready("owner"))

    return App(
        SERVICE,
        [
            Part("http", run_http),
            Part("owner", own),
            parts.projections(PROJECTIONS),
            parts.queries(QUERIES, PROJECTIONS),
            parts.process_managers(process_managers()),
        ],
    )


def _endpoints(settings: Settings) -> Endpoints:
    try:
        return read_endpoints(settings.endpoints.get_secret_value())
    except ValueError as error:
        raise SettingsInvalid(f"{Settings.variable('endpoints')}: {error}") from None
