"""The projections of every service: what stands in its room `projections`."""

import importlib
import importlib.util
import pkgutil

from libs.readmodel.projection import Projection


def declared_projections() -> dict[str, list[Projection]]:
    """By service. A projection is a value of the module, or stands in a tuple there."""
    found: dict[str, list[Projection]] = {}
    for room in pkgutil.iter_modules(importlib.import_module("services").__path__):
        name = f"services.{room.name}.projections"
        if not room.ispkg or importlib.util.find_spec(name) is None:
            continue
        projections = _projections(vars(importlib.import_module(name)))
        if projections:
            found[room.name] = list(projections.values())
    return dict(sorted(found.items()))


def _projections(values: dict[str, object]) -> dict[str, Projection]:
    found = {}
    for value in values.values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Projection):
                found[each.name] = each
    return found
