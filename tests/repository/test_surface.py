"""Every public module says what is public, and of the stable ones no name goes or comes unnoticed.

Stable are tcdcn_init and its adapters (CONTRIBUTING.md); tests/repository/api_surface.json lists their names.

    python tests/repository/test_surface.py    # writes that list again, after an intended change
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import pytest

import tcdcn_init

SURFACE = Path(__file__).with_name("api_surface.json")


def public_modules() -> list[str]:
    """Names of all modules without an underscore in front of any part."""
    names = [entry.name for entry in pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init.")]
    return ["tcdcn_init", *sorted(name for name in names if "._" not in name)]


def own_names(module: str) -> list[str]:
    """Functions, classes and constants that a module defines without an underscore."""
    things = vars(importlib.import_module(module))
    return sorted(
        name
        for name, thing in things.items()
        if not name.startswith("_") and (getattr(thing, "__module__", None) == module)
    )


def surface() -> dict[str, list[str]]:
    """Stable module -> its `__all__`, of those that have one."""
    stable = [name for name in public_modules() if not name.startswith("tcdcn_init.eval")]
    found = {name: getattr(importlib.import_module(name), "__all__", None) for name in stable}
    return {name: sorted(names) for name, names in found.items() if names}


@pytest.mark.parametrize("name", public_modules())
def test_every_module_says_what_is_public(name):
    module = importlib.import_module(name)
    declared = getattr(module, "__all__", None)
    if declared is None:
        assert own_names(name) == [], f"{name} has no __all__"
        return
    assert [each for each in declared if not hasattr(module, each)] == []


def test_the_public_names_are_the_listed_ones():
    listed = json.loads(SURFACE.read_text(encoding="utf-8"))
    assert surface() == listed, (
        "a public name went or came; where intended, run `python tests/repository/test_surface.py`"
    )


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=1) + "\n", encoding="utf-8")
