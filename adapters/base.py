"""What every cascaded shape regressor offers here, and how another package adds its own.

A package registers a regressor by an entry point, and its name then works wherever a regressor is named::

    [project.entry-points."tcdcn_init.regressors"]
    mine = "my_package:MyRegressor"
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

from numpy.typing import ArrayLike

from tcdcn_init.geometry import BoxLike, FloatArray

ENTRY_POINT_GROUP = "tcdcn_init.regressors"
"""Each entry point of this group names a callable without arguments that returns a `ShapeRegressor`."""

_MEMBERS = ("mean_shape", "fit_from_box", "fit_from_points", "fit_from_shape")


@runtime_checkable
class ShapeRegressor(Protocol):
    """A regressor that moves the points of a start onto a face.

    Shapes are ``(P, 2)`` floats, x then y, in pixels with centres at integers. An image is a grey, RGB or RGBA array
    by scikit-image's rules.
    """

    @property
    def mean_shape(self) -> FloatArray:
        """The ``(P, 2)`` unseeded start, in units of the box: (0, 0) its left top, (1, 1) its right bottom."""
        ...

    def fit_from_box(self, image: Any, box: BoxLike) -> FloatArray:
        """Start as the regressor does from a face box; returns ``(P, 2)``."""
        ...

    def fit_from_points(self, image: Any, points: ArrayLike) -> FloatArray:
        """Start from five points ``(5, 2)`` in the order of `geometry.FIVE_POINTS`; returns ``(P, 2)``."""
        ...

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> FloatArray:
        """Start from an initial shape ``(P, 2)`` in pixels; returns ``(P, 2)``."""
        ...


def available_regressors() -> list[str]:
    """Names of the regressors that installed packages offer.

    Returns
    -------
    list of str
        Sorted; `load_regressor` takes any of them. Nothing is imported to make this list.

    Examples
    --------
    >>> names = available_regressors()
    >>> names == sorted(names)
    True
    """
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def load_regressor(name: str) -> ShapeRegressor:
    """Make the regressor that an installed package offers under a name, or that a dlib file holds.

    Parameters
    ----------
    name : str
        One of `available_regressors`, or the path of a dlib shape predictor (.dat), which this project's own cascade
        runs (`ert.ERT`).

    Returns
    -------
    ShapeRegressor

    Raises
    ------
    FileNotFoundError
        If a path was given and there is no such file.
    ValueError
        If no installed package offers the name (near names are suggested), two packages do, or what the entry
        point makes is no `ShapeRegressor`.
    ImportError
        If the package that offers it cannot be imported.
    """
    if name.endswith(".dat"):
        from tcdcn_init.adapters.ert.cascade import ERT

        return ERT.from_dat(name)
    offers: list[EntryPoint] = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if not offers:
        raise ValueError(_unknown(name))
    if len({offer.value for offer in offers}) > 1:
        sources = ", ".join(f"{offer.value} ({_distribution(offer)})" for offer in offers)
        raise ValueError(f"regressor {name!r} is offered more than once: {sources}; uninstall all but one")
    offer = offers[0]
    try:
        factory = offer.load()
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"regressor {name!r} of {_distribution(offer)} cannot be imported from {offer.value}: {error}"
        ) from error
    regressor = factory()
    missing = [member for member in _MEMBERS if not hasattr(regressor, member)]
    if missing:
        raise ValueError(
            f"regressor {name!r} of {_distribution(offer)} is a {type(regressor).__name__} without "
            f"{', '.join(missing)}; expected a ShapeRegressor (tcdcn_init.adapters.base)"
        )
    assert isinstance(regressor, ShapeRegressor)
    return regressor


def _distribution(offer: EntryPoint) -> str:
    return offer.dist.name if offer.dist is not None else "an unnamed package"


def _unknown(name: str) -> str:
    known = available_regressors()
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif known:
        hint = f"installed: {', '.join(known)}"
    else:
        hint = f"no installed package offers any (entry-point group {ENTRY_POINT_GROUP})"
    return f"no regressor is named {name!r}; {hint}"
