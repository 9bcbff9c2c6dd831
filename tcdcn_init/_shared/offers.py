"""Names of what is pluggable: what other packages offer by entry points, and ``module:attribute`` without a package."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from tcdcn_init._shared.names import unknown_name

__all__ = ["Offer", "load_offer", "offered"]


class Offer(NamedTuple):
    """A thing that was named, and where it is from.

    Attributes
    ----------
    thing : object
    place : str
        For messages: "module:attribute", and the package that offers it.
    """

    thing: Any
    place: str


def offered(group: str) -> list[str]:
    """Names that installed packages offer in a group of entry points, sorted; nothing is imported for it.

    Examples
    --------
    >>> "sdm-mtfl" in offered("tcdcn_init.regressors")
    True
    """
    return sorted({point.name for point in entry_points(group=group)})


def load_offer(what: str, group: str, name: str, known: list[str] | None = None) -> Offer:
    """Import what a name stands for.

    Parameters
    ----------
    what : str
        What the name is to name, for messages, such as "detector".
    group : str
        Of entry points.
    name : str
        Of an entry point; or ``module:attribute``, with modules of the working folder after all that are installed.
    known : list of str, optional
        Names that a message about an unknown one suggests; default: those that are offered.

    Returns
    -------
    Offer

    Raises
    ------
    ValueError
        If no installed package offers the name (near names are suggested), or several do; or what has a colon is not
        of that form.
    ImportError
        If it cannot be imported.

    Examples
    --------
    >>> load_offer("detector", "tcdcn_init.detectors", "math:hypot").place
    'math:hypot'
    """
    if ":" in name:
        if not all(part.isidentifier() for part in name.replace(":", ".", 1).split(".")):
            raise ValueError(f"{what} {name!r} names nothing in a module; expected module:attribute")
        _look_in_working_folder()
        return _imported(what, EntryPoint(name, name, group), name)
    offers = list(entry_points(group=group, name=name))
    if not offers:
        names = offered(group) if known is None else known
        raise ValueError(unknown_name(what, name, [*names, "module:attribute"]))
    if len({offer.value for offer in offers}) > 1:
        places = ", ".join(map(_place, offers))
        raise ValueError(f"{what} {name!r} is offered more than once: {places}; uninstall all but one")
    return _imported(what, offers[0], _place(offers[0]))


def _imported(what: str, offer: EntryPoint, place: str) -> Offer:
    try:
        return Offer(offer.load(), place)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"{what} {offer.name!r} cannot be imported from {place}: {error}") from error


def _look_in_working_folder() -> None:
    """As ``python -m`` does, but last: no file there stands in for a package that is installed."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def _place(offer: EntryPoint) -> str:
    return f"{offer.value} ({'an unnamed package' if offer.dist is None else offer.dist.name})"
