"""What goes over the bus, as JSON.

    cmd.<service>.<slot>    [{"command": "voting.cast-vote", "id": …, "actor": …, "roles": […],
                              "args": {…}, "trace": …, "correlation": …,
                              "impersonator": …}, …]
    its reply               [{"answer": {…}} | {"problem": {…}}, …], in the same order
    qry.<service>.<query>   {"args": {…}, "actor": …, "roles": […], "after": position | null}
    its reply               {"position": …, "epoch": …, "result": {…}} | {"problem": {…}}

`trace` is there only for a command whose trace is sampled, `correlation` only for one that another
message set off, `impersonator` only for one that an administrator sent in the name of the actor.
"""

from typing import Any

OWNER_MOVED = "owner-moved"
"""Code of the answer of an owner that has just lost the slot: ask again, at once."""


def command_subject(service: str, slot: int) -> str:
    """Where the owner of a slot listens."""
    return f"cmd.{service}.{slot}"


def query_subject(name: str) -> str:
    """Where the readers of a query listen: `qry.<service>.<query>`."""
    return f"qry.{name}"


def command_item(
    name: str,
    args: dict[str, Any],
    *,
    command_id: str,
    actor: str,
    roles: tuple[str, ...],
    trace: str | None,
    correlation: str | None,
    impersonator: str = "",
) -> dict[str, Any]:
    """One command, ready to be sent."""
    item = {
        "command": name,
        "id": command_id,
        "actor": actor,
        "roles": roles,
        "args": args,
    }
    if trace is not None:
        item["trace"] = trace
    if correlation is not None:
        item["correlation"] = correlation
    if impersonator:
        item["impersonator"] = impersonator
    return item
