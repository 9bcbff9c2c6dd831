"""Every example in a docstring runs, everything public has one, and no docstring names a parameter that is gone."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import tcdcn_init


def modules() -> list[str]:
    """Names of all modules of the installed package."""
    found = pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init.")
    return ["tcdcn_init", *sorted(entry.name for entry in found)]


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Functions, classes and methods that are defined in a module for others to use."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            if getattr(thing, "_is_protocol", False):
                continue  # its methods say in the class what they are
            for method, value in vars(thing).items():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function


def documented_parameters(text: str) -> list[str]:
    """Names in a numpydoc "Parameters" section."""
    section = re.search(r"Parameters\n-{10}\n(.*?)(?:\n\n\S[^\n]*\n-{3,}|\Z)", inspect.cleandoc(text), re.DOTALL)
    if section is None:
        return []
    heads = [line for line in section[1].splitlines() if re.match(r"\*{0,2}\w", line)]
    return [name.strip().lstrip("*") for head in heads for name in head.split(" : ")[0].split(",")]


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    module = importlib.import_module(name)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in finder.find(module, name):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("name", modules())
def test_everything_public_has_a_docstring(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    without = [thing for thing, value in public(module) if not (value.__doc__ or "").strip()]
    assert without == []


@pytest.mark.parametrize("name", modules())
def test_documented_parameters_exist(name):
    for thing, value in public(importlib.import_module(name)):
        if inspect.isclass(value) and issubclass(value, Exception):
            continue  # most have no signature of their own
        there = set(inspect.signature(value).parameters)
        gone = [parameter for parameter in documented_parameters(value.__doc__ or "") if parameter not in there]
        assert gone == [], f"{thing} documents {', '.join(gone)}"


def test_the_functions_that_users_call_have_examples():
    for path in (
        "tcdcn_init.initializer.initialize",
        "tcdcn_init.initializer.Initializer",
        "tcdcn_init.detection.detect_boxes",
        "tcdcn_init.geometry.similarity_between",
        "tcdcn_init.shapes.ShapeBank",
    ):
        module, _, name = path.rpartition(".")
        assert ">>>" in getattr(importlib.import_module(module), name).__doc__, path
