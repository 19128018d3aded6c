"""The service `web`: the pages, over the bus."""

from typing import Any

from contracts import all as contracts
from libs.chassis.service import App, Part, Runtime
from libs.kernel.messages import NOBODY
from services.web.adapters.bus import BusAsk
from services.web.adapters.mailbox import Mailbox
from services.web.api.pages import create_pages
from services.web.settings import Settings


def create_app(settings: Settings) -> App:
    """Build the service: a part that answers HTTP for every path that nobody else serves, and for
    development one that catches mail.
    """
    contracts.load()
    mailbox = Mailbox() if settings.mailbox_port else None

    async def run_http(runtime: Runtime) -> None:
        bus = await runtime.bus()

        async def send(name: str, args: dict[str, Any], command_id: str | None) -> dict[str, Any]:
            return await bus.send_raw(name, args, caller=NOBODY, command_id=command_id)

        ask = BusAsk(bus, runtime.secret("gateway.cursor"))
        proxies = runtime.settings.proxies
        pages = create_pages(settings, ask, send, mailbox=mailbox, proxies=proxies)
        await runtime.http(pages, prefixes=("/",))

    parts = [Part("http", run_http)]
    if mailbox is not None:
        caught = mailbox

        async def catch_mail(runtime: Runtime) -> None:
            await caught.serve(settings.mailbox_port, lambda: runtime.ready("mailbox"))

        parts.append(Part("mailbox", catch_mail))
    return App("web", parts)
