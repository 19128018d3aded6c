"""The reaction path: process managers and schedules, from an event to the commands it asks for.

    log ─▶ subscription ─▶ lanes: one for each key ─▶ react ─▶ effects ─▶ commands, schedules
    schedule that is due ─▶ subscription ─▶ lanes ────────────▶    │
                                             ▲                     ▼ keeps failing
                                     replay ─┴──────────────────  parked

What a key asks for is carried out in order; keys do not wait for each other. Everything may happen
twice, and has an effect once: the id of a command is derived from the event that asked for it. So
nothing is remembered here but what is parked.

Read in this order: `libs.kernel.reactions` (the words), `sources` (what to do for a message),
`effects` (doing it), `worker` (in order, again after a failure, parked when that does not help),
`reactor` (who works where).

    from libs.reactions.reactor import Reactor

Nothing is imported here: `backline parked` needs only `parking`, and FastStream takes half a second
to import.
"""
