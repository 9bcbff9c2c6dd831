"""Paired bootstrap: how sure is it that one start beats another on the same faces?

The unit that is drawn again is the image, not the face: faces of one image share camera, light and detector, and
treating them as independent makes intervals too narrow. The interval is BCa, bias-corrected and accelerated
(Efron 1987; Efron & Tibshirani 1993, chapter 14), because errors are skewed.

The bootstrap itself is SciPy's. It knows no clusters, but a mean over faces is a ratio of two sums over images, so each
image becomes one observation: the pair (sum over its faces, number of its faces), drawn and left out as one.

References
----------
Efron: Better bootstrap confidence intervals. Journal of the American Statistical Association 82(397), 1987.
Efron, Tibshirani: An introduction to the bootstrap. Chapman & Hall, 1993.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RESAMPLES", "Interval", "paired_change", "paired_difference"]

RESAMPLES = 5000
"""Efron & Tibshirani ask for at least 1,000 for a BCa interval (section 14.3)."""

_BATCH_DRAWS = 1_000_000  # numbers drawn at once: bounds the memory


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval.

    Attributes
    ----------
    estimate, low, high : float
    level : float
        Confidence, 0 to 1.
    faces, images : int
        Faces compared, and the images that were drawn again.
    resamples : int
    """

    estimate: float
    low: float
    high: float
    level: float
    faces: int
    images: int
    resamples: int


def paired_difference(
    errors: ArrayLike,
    baseline: ArrayLike,
    images: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Mean of ``errors - baseline`` over the same faces, with its BCa interval.

    Any mean over faces can be compared: pass normalised errors, failures as 0 and 1, or max(0, 1 - e/alpha) for the
    area under the curve.

    Parameters
    ----------
    errors, baseline : (N,) array_like
        Finite, one per face, in the same order; missing faces as `metrics.with_missing` gives them.
    images : sequence of N str, optional
        Image that each face is from; the interval does not depend on the order of the faces. None: each face is an
        image of its own.
    level : float
        Confidence, between 0 and 1.
    resamples : int
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    Interval
        Negative: the errors are smaller than the baseline's.

    Raises
    ------
    ValueError
        If the arrays do not fit together, hold NaN or infinity, or are of fewer than two images.

    Examples
    --------
    >>> interval = paired_difference([0.05, 0.06, 0.08, 0.05], [0.09, 0.07, 0.10, 0.08], ["a", "a", "b", "c"])
    >>> round(interval.estimate, 4), interval.high < 0, interval.images
    (-0.025, True, 3)
    """
    new, old = _pair(errors, baseline)
    return _interval(new - old, np.ones_like(new), images, level, resamples, seed)


def paired_change(
    errors: ArrayLike,
    baseline: ArrayLike,
    images: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Relative change of the mean error, ``mean(errors) / mean(baseline) - 1``, with its BCa interval.

    The relative improvement that the TCDCN paper plots per landmark is its negative. Parameters as for
    `paired_difference`.

    Raises
    ------
    ValueError
        As `paired_difference`; also if the baseline is 0 on average, in the sample or in a resample of it.

    Examples
    --------
    >>> round(paired_change([0.05, 0.06, 0.07], [0.10, 0.12, 0.14]).estimate, 6)
    -0.5
    """
    new, old = _pair(errors, baseline)
    return _interval(new - old, old, images, level, resamples, seed)


def _interval(
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64],
    images: Sequence[str] | None,
    level: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Interval of sum(numerator) / sum(denominator) over faces, resampled by image."""
    from scipy.stats import DegenerateDataWarning, bootstrap

    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a confidence between 0 and 1, such as 0.95")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected a positive number, 1,000 or more for a fair interval")
    faces = len(numerator)
    if images is not None and len(images) != faces:
        raise ValueError(f"{len(images)} images for {faces} faces; expected one per face")
    owner = np.arange(faces) if images is None else np.unique(np.asarray(images), return_inverse=True)[1]
    # Sorted, so that the order of the faces changes not even the rounding of a sum, on which ties hang.
    order = np.lexsort((denominator, numerator, owner))
    above, below = (np.bincount(owner[order], values[order]) for values in (numerator, denominator))
    count = len(above)
    if count < 2:
        raise ValueError(f"{faces} face(s) of {count} image(s) have no interval; expected 2 images or more")
    if not below.sum() > 0:
        raise ValueError(
            "the baseline's mean error is 0; a relative change needs a positive one: use paired_difference"
        )
    estimate = float(above.sum() / below.sum())
    if np.abs(above - estimate * below).max() <= 1e-12 * np.abs(above).max():
        # Every image gives the same, up to rounding: there is no spread for BCa to correct.
        return Interval(estimate, estimate, estimate, level, faces, count, resamples)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # raised below, in words
        result = bootstrap(
            (above, below),
            _ratio,
            paired=True,
            vectorized=True,
            method="BCa",
            confidence_level=level,
            n_resamples=resamples,
            batch=max(1, _BATCH_DRAWS // count),
            rng=np.random.default_rng(seed),
        )
    low, high = map(float, result.confidence_interval)
    if not (np.isfinite(result.bootstrap_distribution).all() and np.isfinite([low, high]).all()):
        raise ValueError("the baseline's mean error is 0 in some resamples: too few faces err; use paired_difference")
    return Interval(estimate, low, high, level, faces, count, resamples)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.asarray(above.sum(axis=axis) / below.sum(axis=axis))


def _pair(errors: ArrayLike, baseline: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    new, old = np.asarray(errors, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if new.ndim != 1 or new.shape != old.shape:
        raise ValueError(f"errors have shape {new.shape}, baseline {old.shape}; expected (N,) both, the same faces")
    bad = np.flatnonzero(~(np.isfinite(new) & np.isfinite(old)))
    if len(bad):
        raise ValueError(
            f"{len(bad)} faces have no finite error, the first is number {bad[0]}; "
            "count them by metrics.with_missing, do not leave them out"
        )
    return new, old
