"""Deciding a bundle: the hot path, where every line runs once for each vote.

What does not change from one command to the next is bound before the loop. No span, log line or
header is made in it, and no object but those that the log or a caller will read.
"""

import logging
from collections.abc import Container, Sequence
from typing import Any

from libs.eventlog.codec import cloud_event, timestamp
from libs.kernel.claims import AGGREGATE, Claims, NameEvent
from libs.kernel.errors import BacklineError, Invalid
from libs.kernel.messages import Event, registry
from libs.owner import names
from libs.owner.aggregates import Live, Recorded
from libs.owner.batch import Draft
from libs.owner.inbox import Bundle, Outcome
from libs.owner.names import Claim

logger = logging.getLogger(__name__)


class CommandIdTaken(Invalid):
    code = "command-id-taken"
    title = "Somebody else has sent a command with this id."


class DecisionFailed(Exception):
    """A decider broke while the state was changing: a bug. What the draft holds by now must be
    thrown away.

    number   of the command in its bundle
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"command {number} of its bundle")
        self.number = number


def decide(bundle: Bundle, draft: Draft, source: str, suspended: Container[str]) -> None:
    """Decide the commands of a bundle on the state in memory, and draft what comes of them.

    source     of the events: `/<service>`
    suspended  the actors who may look but not act
    raises     DecisionFailed
    """
    live, landing, subject, drafted = draft.live, draft.landing, draft.subject, draft.events
    decider, state, recent = live.decider, live.state, live.recent
    decide_one, evolve, answer = decider.decide, decider.evolve, decider.answer
    young, old, outcomes, origin = recent.young, recent.old, bundle.outcomes, bundle.origin
    claims = decider.claims
    time = timestamp(origin.at)
    young_before = len(young)
    try:
        for item, command in zip(bundle.items, bundle.commands, strict=True):
            command_id = origin.command_id = item["id"]
            actor = origin.actor = item["actor"]
            origin.roles = item["roles"]
            origin.is_suspended = actor in suspended
            impersonator = origin.impersonator = item.get("impersonator", "")
            if claims is not None:
                origin.holders = names.holders(bundle.standings, draft.claims)
            known = young.get(command_id) or old.get(command_id)
            if known is not None:
                outcomes.append(_repeat(bundle, command, known, live))
                continue
            try:
                events = decide_one(command, state, origin)
            except BacklineError as rejection:
                outcomes.append({"problem": rejection.problem()})
                continue
            except Exception:
                # A bug; but `decide` leaves the state alone, so nobody else is harmed.
                logger.exception("A decision failed.", extra={"command": bundle.route.spec.name})
                outcomes.append({"problem": BacklineError().problem()})
                continue
            if claims is not None:
                events, named = _split(events)
                _claim(named, claims, bundle, draft)
            first = len(drafted)
            for event in events:
                state = evolve(state, event)
                number = len(drafted) - first
                drafted.append(
                    {
                        "specversion": "1.0",
                        "id": f"{command_id}-{number}" if number else command_id,
                        "source": source,
                        "type": registry.event_of[type(event)].type,
                        "subject": subject,
                        "time": time,
                        "actor": actor,
                        "causationid": command_id,
                        "correlationid": item.get("correlation") or command_id,
                        "data": event,
                    }
                )
                if impersonator:
                    drafted[-1]["impersonator"] = impersonator
            if events:
                young[command_id] = (events, landing, actor)
            outcomes.append({"answer": answer(command, events, state, origin)})
    except Exception as error:
        raise DecisionFailed(len(outcomes)) from error
    live.state = state
    bundle.recorded = len(young) - young_before
    recent.turn(bundle.recorded)


def _split(events: Sequence[Event]) -> tuple[list[Event], list[NameEvent]]:
    """The events of the aggregate, and those of names."""
    named = [event for event in events if isinstance(event, NameEvent)]
    own = [event for event in events if not isinstance(event, NameEvent)]
    if named and not own:
        raise ValueError("a name changes hands only beside an event of the aggregate")
    return own, named


def _claim(named: Sequence[NameEvent], claims: Claims, bundle: Bundle, draft: Draft) -> None:
    """Draft what becomes of names. raises   KeyError for one that was not looked up"""
    origin = bundle.origin
    for event in named:
        claim = draft.claims.get(event.name)
        if claim is None:
            claim = draft.claims[event.name] = Claim(bundle.standings[event.name].revision)
        claim.holder = claims.holder_after(event)
        claim.events.append(
            cloud_event(
                event,
                event_id=f"{origin.command_id}-{event.name}",
                subject=f"{AGGREGATE}/{event.name}",
                time=timestamp(origin.at),
                actor=origin.actor,
                causation_id=origin.command_id,
                correlation_id=bundle.items[0].get("correlation") or origin.command_id,
                impersonator=origin.impersonator,
            )
        )


def _repeat(bundle: Bundle, command: Any, known: Recorded, live: Live) -> Outcome:
    """Answer a command that is recorded as it was answered before."""
    events, landing, actor = known
    if actor != bundle.origin.actor:
        return {"problem": CommandIdTaken().problem()}
    try:
        view = live.decider.answer(command, events, live.state, bundle.origin)
    except Exception:
        # A bug, or another command under the same id; the state is as it was.
        logger.exception("A repeat failed.", extra={"command": bundle.route.spec.name})
        return {"problem": BacklineError().problem()}
    bundle.repeated.append((view, landing))
    return {"answer": view}
