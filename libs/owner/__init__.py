"""The write path: the owner of a slot decides its commands in memory and commits them in groups.

    cmd.<service>.<slot> ─▶ inbox ─▶ lane: decide ─▶ append (one commit for all that came) ─▶ reply
                                       ▲                │
                                       └─ throw away ◀──┘ when the append fails

Read in this order: `inbox` (what has arrived), `aggregates` (what is in memory), `lane` (decide,
commit, reply), `owner` (who owns which slot, and the wiring).
"""

from libs.owner.hot import HotView
from libs.owner.inbox import Answered, Completer, Resolver
from libs.owner.owner import Owner, OwnerLimits

__all__ = ["Answered", "Completer", "HotView", "Owner", "OwnerLimits", "Resolver"]
