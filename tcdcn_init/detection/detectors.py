"""Detectors by name: the ones that are here, and those that other packages offer.

A package registers a detector by an entry point, and its name then works wherever a detector is named::

    [project.entry-points."tcdcn_init.detectors"]
    mine = "my_package:detect"

where ``detect(image)`` returns boxes in any form that `initialize` takes. Without a package, ``my_module:detect`` is a
name too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numpy.typing import NDArray

from tcdcn_init._shared.offers import load_offer, offered
from tcdcn_init.detection.dlib_hog import import_dlib, search_dlib
from tcdcn_init.detection.hits import Hits
from tcdcn_init.detection.lbp import search_lbp

__all__ = [
    "BUILT_IN",
    "ENTRY_POINT_GROUP",
    "LAX",
    "OWN",
    "Detector",
    "available_detectors",
    "load_detector",
    "resolved",
]

Detector: TypeAlias = str | Callable[[Any], Any]
"""A name of `available_detectors`, "module:function", or a callable from an image to its boxes."""

ENTRY_POINT_GROUP = "tcdcn_init.detectors"
"""Each entry point of this group names a callable from an image to its boxes."""

LAX: dict[str, Callable[[NDArray[Any]], Hits]] = {
    "dlib": search_dlib,
    "skimage": search_lbp,
}
"""Libraries' detectors by name. They find more than faces: `search.find_faces` looks closer."""

OWN = "tcdcn"
"""The initializer's own search (`windows`), which "auto" stands for."""

BUILT_IN = ("auto", OWN, *LAX)
"""Names that no other package offers."""


def available_detectors() -> list[str]:
    """Names that ``detector=`` takes, sorted.

    Examples
    --------
    >>> {"auto", "dlib", "skimage", "tcdcn"} <= set(available_detectors())
    True
    """
    return sorted({*BUILT_IN, *offered(ENTRY_POINT_GROUP)})


def load_detector(name: str) -> Callable[[Any], Any]:
    """The detector that an installed package offers under a name, or that stands in a module.

    Parameters
    ----------
    name : str
        Of an entry point, or "module:function".

    Returns
    -------
    callable
        From an image to its boxes.

    Raises
    ------
    ValueError
        If no installed package offers the name, several do, or it is no callable.
    ImportError
        If the module cannot be imported.

    Examples
    --------
    >>> load_detector("numpy:asarray")
    <built-in function asarray>
    """
    detector, place = load_offer("detector", ENTRY_POINT_GROUP, name, available_detectors())
    if not callable(detector):
        raise ValueError(f"detector {name!r} from {place} is a {type(detector).__name__}; expected a callable")
    return detector  # type: ignore[no-any-return]


def resolved(detector: Detector) -> Detector:
    """What a detector stands for: `OWN` or one of `LAX` by its name, which can run here, or a callable.

    Errors as of `load_detector`, and an ImportError where dlib is named and not installed: whoever has many images
    learns of them before the first.

    Examples
    --------
    >>> resolved("skimage"), resolved("auto")
    ('skimage', 'tcdcn')
    """
    if not isinstance(detector, str):
        if not callable(detector):
            raise TypeError(f"detector is {detector!r}; expected a name or a callable from an image to its boxes")
        return detector
    name = OWN if detector == "auto" else detector
    if name == "dlib":
        import_dlib()
    return name if name == OWN or name in LAX else load_detector(name)
