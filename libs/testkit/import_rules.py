"""Kinds of import contract for `lint-imports`, blind to tests.

Tests live beside the code they prove and may look anywhere: a test of a pure domain starts an
event loop if it likes. So before a contract is checked its graph loses every `test_*` and
`conftest` module. The contracts are in `pyproject.toml`, under `[tool.importlinter]`.
"""

from grimp import ImportGraph
from importlinter import ContractCheck
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract


def _without_tests(graph: ImportGraph) -> ImportGraph:
    for module in list(graph.modules):
        name = module.rpartition(".")[2]
        if name.startswith("test_") or name == "conftest":
            graph.remove_module(module)
    return graph


class Layers(LayersContract):
    """Doors open one way; with `exhaustive`, a module that is in no layer fails the build."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return super().check(_without_tests(graph), verbose)


class Forbidden(ForbiddenContract):
    """Some modules are not for everyone."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return super().check(_without_tests(graph), verbose)


class Independent(IndependenceContract):
    """Neighbours that may not know each other."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return super().check(_without_tests(graph), verbose)
