"""The service `web`: the pages, over the bus."""

from libs.chassis.service import App, Part, Runtime
from services.web.adapters.bus import BusAsk
from services.web.api import create_pages
from services.web.settings import Settings


def create_app(settings: Settings) -> App:
    """Build the service: one part, which answers HTTP for every path that nobody else serves."""

    async def run_http(runtime: Runtime) -> None:
        ask = BusAsk(await runtime.bus(), runtime.secret("gateway.cursor"))
        await runtime.http(create_pages(settings, ask), prefixes=("/",))

    return App("web", [Part("http", run_http)])
