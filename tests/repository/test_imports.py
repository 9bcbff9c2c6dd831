"""Imports run one way, eval -> adapters -> tcdcn_init, and in no circle, the lazy ones included; few need PyTorch."""

from __future__ import annotations

import ast
import functools
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import tcdcn_init

MODULES = {
    entry.name: Path(importlib.util.find_spec(entry.name).origin)  # type: ignore[union-attr, arg-type]
    for entry in pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init.")
}


@functools.cache
def imported(path: Path, *, at_load: bool = False) -> set[str]:
    """Modules that a file imports, wherever in it the import stands; or only when it is loaded itself."""

    def found(nodes: Iterable[ast.AST]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif not at_load or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.If):
                yield from found(ast.iter_child_nodes(node))

    return set(found([ast.parse(path.read_text())]))


GRAPH = {name: imported(path) & MODULES.keys() for name, path in MODULES.items()}


def loaded_with(module: str) -> set[str]:
    """Modules of ours that are loaded when one is, itself and the packages that it lies in among them."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in MODULES:
            continue
        seen.add(name)
        waiting += [name.rpartition(".")[0], *imported(MODULES[name], at_load=True)]
    return seen


@functools.cache
def needs_torch(module: str) -> bool:
    """Whether a module cannot be loaded without PyTorch."""
    return any("torch" in imported(MODULES[name], at_load=True) for name in loaded_with(module))


def wing(name: str) -> int:
    return ("adapters", "eval").index(name.split(".")[1]) + 1 if name.split(".")[1:2] in (["adapters"], ["eval"]) else 0


def test_all_three_wings_are_seen():
    assert {wing(name) for name in MODULES} == {0, 1, 2}


def test_no_wing_imports_a_higher_one():
    upwards = [(name, used) for name, all_used in GRAPH.items() for used in all_used if wing(used) > wing(name)]
    assert upwards == []


def test_there_is_no_circle():
    TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names the modules


# What trains, and the networks that the torch backend runs and `export` traces.
WITH_TORCH = (
    "tcdcn_init.training",
    "tcdcn_init.eval.ablation",
    "tcdcn_init.eval.experiments",
    "tcdcn_init.eval.cascaded_cnn",
    "tcdcn_init.eval.model_report.confidence.calibration",
    "tcdcn_init.network.dense",
    "tcdcn_init.network.exporting",
    "tcdcn_init.network.model_file",
    "tcdcn_init.network.residual",
    "tcdcn_init.network.stage",
    "tcdcn_init.network.standardisation",
    "tcdcn_init.network.tcdcn",
    "tcdcn_init.network.votes",
)


def trains(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in WITH_TORCH)


def test_nothing_but_training_and_networks_needs_torch():
    assert needs_torch("tcdcn_init.training.trainer")
    assert [name for name in MODULES if needs_torch(name) and not trains(name)] == []


def test_torch_is_imported_later_by_its_backend_and_its_crops_alone():
    others = [name for name, path in MODULES.items() if "torch" in imported(path) and not trains(name)]
    assert others == ["tcdcn_init.network.backends", "tcdcn_init.passes.on_device"]
