"""Every contract at once, for whoever is driven by all of them: the gateway, the documents."""

import importlib
import pkgutil

import contracts
from libs.kernel.messages import Registry, registry

_PRIVATE = "_private"
_NO_CONTRACTS = ("test_", "conftest", "__main__", "all")


def modules(*, private: bool = False) -> list[str]:
    """The names of all contract modules.

    private   with those that only their own service may read
    """
    return [
        f"contracts.{found.name}"
        for found in pkgutil.iter_modules(contracts.__path__)
        if not found.ispkg
        and not found.name.startswith(_NO_CONTRACTS)
        and (private or not found.name.endswith(_PRIVATE))
    ]


def load(*, private: bool = False) -> Registry:
    """Import all contracts. Returns the messages they declare, and no others."""
    names = modules(private=private)
    for name in names:
        importlib.import_module(name)
    found = Registry()
    for command in registry.commands.values():
        if command.cls.__module__ in names:
            found.add_command(command)
    for event in registry.events.values():
        if event.cls.__module__ in names:
            found.add_event(event)
    for query in registry.queries.values():
        if query.cls.__module__ in names:
            found.add_query(query)
    return found
