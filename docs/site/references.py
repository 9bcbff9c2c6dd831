"""What docstrings mean by a name in backticks: a page of the reference, or a name that exists and has no page.

Docstrings name things by the end of their path, `weights.load_model`. Most are on a page of the reference. Others are
part of one, such as a class's attribute or a module's constant, are of a module that has no page, or are parameters. A
name that is none of these is a mistake, and Sphinx warns of it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

import tcdcn_init

__all__ = ["OTHERS", "resolve"]

OTHERS = [("py:.*", r"(collections|dlib|numpy|pathlib|scipy|skimage|torch|typing)\..*"), ("py:.*", r"tcdcn-.*")]
"""For Sphinx's ``nitpick_ignore_regex``: what other packages document; commands, and models and starts by name."""


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, words: nodes.TextElement) -> Any:
    """A link, the words alone where they name what has no page, or None for a mistake; a handler of Sphinx's event."""
    if node.get("refdomain") != "py":
        return None
    target = re.sub(r"\(\)$|=.*", "", node["reftarget"])  # `turned`, `on_bad="nan"`, `fit()`
    pages = {entry[0]: entry for entry in env.get_domain("py").get_objects()}
    found = _ending(target, pages)
    if not found:
        # The part of a page that it belongs to: a class of an attribute, a module of a constant.
        meant = [name for name in _ending(target, names()) if not name.startswith(node["reftarget"] + ".")]
        found = {prefix for name in meant for prefix in _prefixes(name) if prefix in pages}
        if not found:
            return words if meant or target in parameters(node.get("py:module")) else None
        longest = max(name.count(".") for name in found)
        found = {name for name in found if name.count(".") == longest}
    # The same thing under two names: the door that users take.
    name = min(found, key=lambda path: (path.count("."), len(path), path))
    _, _, kind, document, anchor, _ = pages[name]
    if kind == "module" and document == node["refdoc"]:
        return words  # something on this very page
    return make_refnode(app.builder, node["refdoc"], document, anchor, words, name)


def _ending(target: str, known: Any) -> set[str]:
    return {name for name in known if f".{name}".endswith(f".{target}")}


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(len(parts) - 1, 1, -1))


@functools.cache
def names() -> frozenset[str]:
    """Paths of all that the package holds: modules, what they define, and the attributes of classes."""
    found = set()
    for module in _modules():
        found.add(module.__name__)
        for key, value in vars(module).items():
            if key.startswith("__"):
                continue
            found.add(f"{module.__name__}.{key}")
            if key == "ENTRY_POINT_GROUP":
                found.add(value)
            if isinstance(value, type) and value.__module__ == module.__name__:
                found.update(f"{module.__name__}.{key}.{name}" for name in _attributes(value))
    return frozenset(found)


@functools.cache
def parameters(module: str | None) -> frozenset[str]:
    """Names of all parameters of what a module, or a package's modules, define."""
    found: set[str] = set()
    for each in _modules():
        if module is None or f"{each.__name__}.".startswith(f"{module}."):
            for value in vars(each).values():
                if getattr(value, "__module__", None) == each.__name__:
                    methods = vars(value).values() if isinstance(value, type) else ()
                    for function in (value, *methods):
                        found.update(_parameters(function))
    return frozenset(found)


def _parameters(value: Any) -> Iterator[str]:
    try:
        yield from inspect.signature(value).parameters
    except (TypeError, ValueError):  # no callable, or one that does not say
        return


def _attributes(owner: type) -> set[str]:
    """A class's methods and fields, and what its docstring calls its attributes."""
    section = re.search(r"^ *Attributes\n *-+\n(.*?)(?=^ *\w+\n *-+\n|\Z)", inspect.getdoc(owner) or "", re.M | re.S)
    listed = re.findall(r"^([\w, ]+) : ", section[1], re.MULTILINE) if section else []
    return {*dir(owner), *(name.strip() for line in listed for name in line.split(","))}


@functools.cache
def _modules() -> tuple[ModuleType, ...]:
    found = [tcdcn_init]
    for entry in pkgutil.walk_packages(tcdcn_init.__path__, "tcdcn_init."):
        if entry.name.endswith("__main__"):
            continue
        try:
            found.append(importlib.import_module(entry.name))
        except ImportError as error:  # of a package that is not installed here
            print(f"not looked through: {entry.name} ({error})", file=sys.stderr)
    return tuple(found)
