"""What each module offers is what it says in `__all__`: everything that it defines under a public name, and no more."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import tcdcn_init

MODULES = [entry.name for entry in pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init.")]


def defined(path: Path) -> set[str]:
    """Public functions and classes of a file."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


def is_bare(path: Path) -> bool:
    """Whether a package offers its modules alone."""
    return path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) == 1


@pytest.mark.parametrize("name", MODULES)
def test_a_module_names_what_it_offers(name):
    path = Path(importlib.util.find_spec(name).origin)  # type: ignore[union-attr, arg-type]
    if is_bare(path):
        return
    if name in ("tcdcn_init.adapters.dlib", "tcdcn_init.adapters.skimage"):
        pytest.importorskip(name.rpartition(".")[2])
    module = importlib.import_module(name)
    offered = module.__all__
    assert len(set(offered)) == len(offered)
    assert [each for each in offered if not hasattr(module, each)] == []
    assert [each for each in offered if each.startswith("_")] == []
    # Commands are offered by their names on the command line, checks of the contract by their list.
    if path.name not in ("cli.py", "commands.py", "paper.py", "testing.py"):
        assert sorted(defined(path) - set(offered)) == []
