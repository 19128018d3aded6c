"""What a bundle may have to wait for before it is decided: its aggregate must be loaded from the
log, the names its command is about looked up there, or something about it looked up elsewhere.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from libs.eventlog.model import EventLog
from libs.kernel.claims import Claims
from libs.kernel.errors import BacklineError, Unavailable
from libs.owner import names
from libs.owner.aggregates import Aggregates, AnyDecider, Key
from libs.owner.inbox import Answered, Bundle, Inbox, Resolver, Route
from libs.owner.replies import Replies
from libs.owner.tasks import Tasks

logger = logging.getLogger(__name__)

LOADS_MAX = 64
RESOLUTIONS_MAX = 64
PATIENCE_SECONDS = 8.0
PAUSE_AFTER_OUTAGE_SECONDS = 0.1


class Lookups:
    """Loads and looks up, then puts what waited for it back into the inbox."""

    def __init__(
        self,
        inbox: Inbox,
        log: EventLog,
        aggregates: Aggregates,
        route_of: Mapping[type, Route],
        replies: Replies,
        tasks: Tasks,
        wake: Callable[[], None],
    ) -> None:
        self._inbox = inbox
        self._log = log
        self._aggregates = aggregates
        self._route_of = route_of
        self._replies = replies
        self._tasks = tasks
        self._wake = wake
        self._held: dict[Key, list[Bundle]] = {}
        self._loads = asyncio.Semaphore(LOADS_MAX)
        self._resolutions = asyncio.Semaphore(RESOLUTIONS_MAX)

    def abandon(self) -> list[Bundle]:
        """The bundles that wait for their aggregates; they will wait no longer."""
        waiting = [bundle for bundles in self._held.values() for bundle in bundles]
        self._held.clear()
        return waiting

    def defer(self, bundle: Bundle, key: Key) -> bool:
        """Have a bundle wait behind another one about its aggregate, if any waits."""
        waiting = self._held.get(key)
        if waiting is not None:
            waiting.append(bundle)
        return waiting is not None

    def load(self, bundle: Bundle, decider: AnyDecider) -> None:
        """Have a bundle's aggregate loaded."""
        self._held[decider.aggregate, bundle.aggregate_id] = [bundle]
        self._tasks.start(self._load(decider, bundle.aggregate_id))

    async def _load(self, decider: AnyDecider, aggregate_id: str) -> None:
        loop = asyncio.get_running_loop()
        key = (decider.aggregate, aggregate_id)
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                async with self._loads:
                    live = await self._aggregates.load(decider, aggregate_id)
            except Unavailable as error:
                if loop.time() > deadline:
                    return self._refuse(key, error)
                await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
            except Exception as error:
                logger.exception("A stream cannot be read.", extra={"aggregate": key[0]})
                known = error if isinstance(error, BacklineError) else BacklineError()
                return self._refuse(key, known)
            else:
                self._aggregates.keep(live)
                self._inbox.waiting.extendleft(reversed(self._held.pop(key)))
                return self._wake()

    def _refuse(self, key: tuple[str, str], error: BacklineError) -> None:
        for bundle in self._held.pop(key):
            self._replies.refuse(bundle, error.problem())

    def look_up_names(
        self, bundle: Bundle, key: Key, claims: Claims, unknown: Sequence[str]
    ) -> None:
        """Have it looked up who holds some names."""
        self._held[key] = [bundle]
        self._tasks.start(self._look_up_names(bundle, key, claims, unknown))

    async def _look_up_names(
        self, bundle: Bundle, key: Key, claims: Claims, unknown: Sequence[str]
    ) -> None:
        try:
            async with self._resolutions, asyncio.timeout(PATIENCE_SECONDS):
                for name in unknown:
                    bundle.standings[name] = await names.look_up(self._log, claims, name)
        except TimeoutError:
            self._refuse(key, Unavailable("a lookup took too long", retry_after_seconds=1))
        except BacklineError as error:
            self._refuse(key, error)
        else:
            self._inbox.waiting.extendleft(reversed(self._held.pop(key)))
            self._wake()

    def resolve(self, bundle: Bundle, resolver: Resolver) -> None:
        """Have a bundle's command turned into the one that is decided."""
        self._tasks.start(self._resolve(bundle, resolver))

    async def _resolve(self, bundle: Bundle, resolver: Resolver) -> None:
        """A bundle with a resolver holds one command."""
        (item,), (command,) = bundle.items, bundle.commands
        origin = bundle.origin
        origin.command_id, origin.actor, origin.roles = item["id"], item["actor"], item["roles"]
        origin.impersonator = item.get("impersonator", "")
        try:
            async with self._resolutions, asyncio.timeout(PATIENCE_SECONDS):
                resolved = await resolver(command, origin)
        except TimeoutError:
            refusal = Unavailable("a lookup took too long", retry_after_seconds=1)
            self._replies.refuse(bundle, refusal.problem())
        except BacklineError as error:
            self._replies.refuse(bundle, error.problem())
        except Exception:
            logger.exception("A lookup failed.", extra={"command": bundle.route.spec.name})
            self._replies.refuse(bundle, BacklineError().problem())
        else:
            if isinstance(resolved, Answered):
                bundle.outcomes = [{"answer": resolved.view}]
                self._replies.settle(bundle, resolved.view.position)
                return
            bundle.commands = [resolved]
            bundle.route = self._route_of[type(resolved)]
            bundle.is_looked_up = True  # Once, also when the lookup kept its class.
            self._inbox.waiting.append(bundle)
            self._wake()
