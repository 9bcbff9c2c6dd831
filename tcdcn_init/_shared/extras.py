"""Packages that only some uses need: asked for before they are, so that a missing one is told in one line."""

from __future__ import annotations

import importlib.util
import sys

__all__ = ["is_installed", "require"]


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not.

    Examples
    --------
    >>> is_installed("numpy"), is_installed("no_such_package")
    (True, False)
    """
    if package in sys.modules:
        return sys.modules[package] is not None
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def require(package: str, purpose: str, extra: str) -> None:
    """Say which extra brings a package that is missing; nothing is imported.

    Parameters
    ----------
    package : str
        Name that it is imported by.
    purpose : str
        What needs it, as the beginning of a sentence.
    extra : str
        Of tcdcn-init.

    Raises
    ------
    ImportError
        If the package is not installed.

    Examples
    --------
    >>> require("no_such_package", "such a thing", "all")
    Traceback (most recent call last):
    ImportError: such a thing needs no_such_package: pip install "tcdcn-init[all]"
    """
    if not is_installed(package):
        raise ImportError(f'{purpose} needs {package}: pip install "tcdcn-init[{extra}]"')
