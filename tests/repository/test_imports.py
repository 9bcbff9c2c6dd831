"""Imports run one way, eval -> adapters -> tcdcn_init, and in no circle, the lazy ones included."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tcdcn_init

MODULES = {
    entry.name: Path(importlib.util.find_spec(entry.name).origin)  # type: ignore[union-attr, arg-type]
    for entry in pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init.")
}


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, wherever in it the import stands."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return named & MODULES.keys()


GRAPH = {name: imports(path) for name, path in MODULES.items()}


def wing(name: str) -> int:
    return ("adapters", "eval").index(name.split(".")[1]) + 1 if name.split(".")[1:2] in (["adapters"], ["eval"]) else 0


def test_all_three_wings_are_seen():
    assert {wing(name) for name in MODULES} == {0, 1, 2}


def test_no_wing_imports_a_higher_one():
    upwards = [(name, used) for name, all_used in GRAPH.items() for used in all_used if wing(used) > wing(name)]
    assert upwards == []


def test_there_is_no_circle():
    TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize("package", ["tcdcn_init", "tcdcn_init.network", "tcdcn_init.training", "tcdcn_init.cli"])
def test_torch_is_not_loaded_before_it_is_needed(package):
    code = f"import sys, {package}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
