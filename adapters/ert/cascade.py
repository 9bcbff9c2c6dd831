"""dlib's cascade of regression trees in numpy: any start, any frame, many faces at once, results in floats.

Kazemi & Sullivan, "One millisecond face alignment with an ensemble of regression trees", CVPR 2014, as dlib's
``shape_predictor`` computes it. dlib starts from the mean shape in an upright integer box and knows no other start.
Here the start is a *frame*, the affine map from the unit square of the box to the image: rotated and scaled with
the face, it rotates and scales all that the trees have learned, which a start *shape* alone does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.cascade_file import write_cascade
from tcdcn_init.adapters.cascade.frame_forms import FrameForms
from tcdcn_init.adapters.cascade.frames import SeededFrames
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.stored import StoredCascade
from tcdcn_init.adapters.ert.arrays import CascadeArrays, LeafType, as_tensors, from_tensors
from tcdcn_init.adapters.ert.dat import dat_bytes, read_dat, write_dat
from tcdcn_init.adapters.ert.trees import Trees

if TYPE_CHECKING:
    import dlib

__all__ = ["ERT", "MISSING_DLIB"]

MISSING_DLIB = 'this needs dlib, which is not installed; pip install "tcdcn-init[dlib]"'


class ERT(FrameForms, StoredCascade):
    """A trained cascade of regression trees.

    Satisfies `base.BatchRegressor`. From dlib's own start its points, rounded by ``floor(x + 0.5)``, are dlib's, but
    where dlib's are an accident of rounding: at a coordinate that is half a pixel to the last bit, since dlib's frame
    is a pseudo-inverse with errors of 1e-16, and for a mean shape on one line (of two points, say), to which dlib may
    fit a reflection.

    Parameters
    ----------
    arrays : CascadeArrays
    aspect : float
        Width over height of the boxes it was trained on. A box is stretched to the unit square, so a seeded frame
        needs to know; dlib's detector gives squares.
    layout : mapping, optional
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know. Only
        starts from points need it.

    Attributes
    ----------
    arrays : CascadeArrays
    seeded : SeededFrames
        Frames from points and shapes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mean = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    >>> ert = ERT(CascadeArrays(mean, np.zeros((1, 1, 1, 2)), np.ones((1, 1, 1)), np.zeros((1, 1, 2, 10)),
    ...     np.zeros((1, 1)), np.zeros((1, 1, 2))))
    >>> image = np.zeros((100, 100), dtype=np.uint8)
    >>> ert.fit_from_box(image, (10, 20, 60, 70))[0].round(3).tolist()  # leaves of zero: the start comes back
    [25.0, 40.0]
    """

    _kind = "ERT"
    _tensor_names = ("mean_shape", "split_pixels", "thresholds", "leaves", "anchors", "deltas")
    _optional_tensors = ("leaf_scale",)

    def __init__(
        self,
        arrays: CascadeArrays,
        *,
        aspect: float = 1.0,
        layout: IndexMap | None = None,
    ) -> None:
        self.arrays = arrays
        self.metadata = {}
        self.seeded = SeededFrames(arrays.mean_shape, aspect=aspect, layout=layout)
        self._fitter = Trees(arrays)

    @classmethod
    def from_dat(cls, path: str | os.PathLike[str], *, aspect: float = 1.0, layout: IndexMap | None = None) -> ERT:
        """Read one of dlib's ``.dat`` files; see `dat.read_dat` for what is refused."""
        return cls(read_dat(path), aspect=aspect, layout=layout)

    @classmethod
    def from_dlib(cls, predictor: dlib.shape_predictor, *, aspect: float = 1.0, layout: IndexMap | None = None) -> ERT:
        """Copy a ``dlib.shape_predictor``."""
        return cls(read_dat(predictor.__getstate__()[0]), aspect=aspect, layout=layout)

    def save(
        self, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None, *, leaves: LeafType = "float32"
    ) -> None:
        """Write a .safetensors file, which loads in a fraction of the time of a ``.dat``.

        Parameters
        ----------
        path : path
        metadata : mapping of str to str, optional
            What to add to the cascade's own: data, recipe, licence, figures.
        leaves : {"float32", "float16", "int8"}
            How increments are stored; see `arrays.as_tensors`.
        """
        settings, tensors = self._contents(leaves)
        settings = {**settings, "aspect": self.aspect}
        write_cascade(path, self._kind, settings, tensors, {**self.metadata, **(metadata or {})})

    def _contents(self, leaves: LeafType = "float32") -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, as_tensors(self.arrays, leaves)

    @classmethod
    def _from_contents(
        cls,
        settings: dict[str, Any],
        tensors: dict[str, NDArray[Any]],
        *,
        aspect: float,
        layout: IndexMap | None,
    ) -> Self:
        if settings:
            raise ValueError(f"its settings are {sorted(settings)}; expected only aspect and points")
        return cls(from_tensors(tensors), aspect=aspect, layout=layout)

    def save_dat(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.dat`` that dlib reads. The aspect is not in it."""
        write_dat(self.arrays, path)

    def to_dlib(self) -> dlib.shape_predictor:
        """The same cascade as a ``dlib.shape_predictor``.

        Raises
        ------
        ImportError
            If dlib is not installed.
        """
        try:
            import dlib
        except ImportError as error:
            raise ImportError(MISSING_DLIB) from error
        predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)  # pickle's way in, without a file
        predictor.__setstate__((dat_bytes(self.arrays),))
        return predictor

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The (P, 2) start, in units of the box."""
        return self.arrays.mean_shape.astype(np.float64)
