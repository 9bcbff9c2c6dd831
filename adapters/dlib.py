"""TCDCN starts dlib: a drop-in for ``dlib.shape_predictor`` that does not mind a bad box or a rolled head.

::

    predictor = dlib.shape_predictor("shape_predictor_68_face_landmarks.dat")        # before
    predictor = SeededShapePredictor("shape_predictor_68_face_landmarks.dat")        # after
    shape = predictor(image, box)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.batch import Fitted, OnBad, as_floats
from tcdcn_init.adapters.cascade.frame_forms import FrameForms, fit_in_frames
from tcdcn_init.adapters.cascade.frames import SeededFrames, bytes_under, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.dlib_modes import BoxMode, ChipMode, ExactMode, WholeFitter, as_rectangle
from tcdcn_init.adapters.ert.cascade import MISSING_DLIB
from tcdcn_init.adapters.ert.dat import DatError, read_dat, read_mean_shape
from tcdcn_init.geometry import BoxLike, FloatArray, as_box
from tcdcn_init.images import as_image

if TYPE_CHECKING:
    import dlib

__all__ = ["FivePoints", "Mode", "SeededShapePredictor", "Start"]

Mode = Literal["chip", "box", "exact"]
Start = Literal["tcdcn", "mean"]


class FivePoints(Protocol):
    """What finds the five points of faces, such as `tcdcn_init.Initializer`."""

    def points_and_confidence(
        self, images: Sequence[Any], boxes: Sequence[NDArray[np.float64]], *, on_bad: OnBad
    ) -> tuple[FloatArray, FloatArray]:
        """Five points and confidences of the faces in boxes.

        Parameters
        ----------
        images : sequence of ndarray
        boxes : sequence of (M, 4) ndarrays
            Of each image.
        on_bad : {"raise", "nan"}
            What a face without points does.

        Returns
        -------
        points : (N, 5, 2) ndarray
            Of all boxes of all images, in order; NaN where there are none.
        confidence : (N,) ndarray
            0 to 1; NaN of a model without confidence outputs.
        """
        ...


class SeededShapePredictor(FrameForms):
    """A dlib shape predictor that starts from five points instead of the bare box.

    Satisfies `base.BatchRegressor`. Can be shared between threads, pickled and copied.

    Parameters
    ----------
    predictor : path or dlib.shape_predictor
        dlib's published 5- and 68-point files, or any other that dlib trained.
    mode : {"chip", "box", "exact"}
        ``box``: stock dlib runs in the upright box that fits the points best, which helps with bad boxes, not with
        roll. ``chip``: so it does where the head is upright; a turned face is cut out upright, stock dlib runs, and
        its points are mapped back. Where floats are asked for, small faces are cut out too, since dlib answers in
        whole pixels. ``exact``: this project's `Trees` run dlib's cascade in the rotated frame, floats in and out;
        reading a file of 100 MB for it takes seconds, where the other modes take dlib's time.
    start : {"tcdcn", "mean"}
        ``mean`` leaves the points away, for comparison: dlib's own start in the box.
    initializer : FivePoints, optional
        Finds the five points; unless given, ``tcdcn_init.Initializer(passes=2, quick=True)``, which starts dlib as well
        as a slower one, or ``tcdcn_init.Initializer()`` where `min_confidence` is above 0; made when the first face
        comes.
    min_confidence : float
        A face whose points the initializer is less sure of (`Initialization.confidence`) starts from the mean shape in
        its box, as without them. 0 always takes the points: in very bad boxes of faces, which look like boxes without
        a face, doubted points are better than the box still (`tcdcn-init eval --starts tcdcn-sure` measures it). Where
        boxes may hold no face at all, begin with 0.5: `Initialization` has the table of what that keeps. A model
        without confidence outputs counts as confident.
    layout : mapping, optional
        Where the five points are among the model's; see `layouts.find_layout`.
    aspect : float
        Width over height of the boxes that the model was trained on; dlib's detector gives squares.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If mode or start are unknown, the file is no predictor, or the model's layout is not known and not given.
    ImportError
        If dlib is not installed.

    Examples
    --------
    >>> predictor = SeededShapePredictor("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
    >>> shape = predictor(image, box)  # a dlib.full_object_detection  # doctest: +SKIP
    >>> predictor.fit_from_box(image, box)  # (68, 2) floats  # doctest: +SKIP
    """

    def __init__(
        self,
        predictor: str | os.PathLike[str] | dlib.shape_predictor,
        mode: Mode = "chip",
        start: Start = "tcdcn",
        *,
        initializer: FivePoints | None = None,
        min_confidence: float = 0.0,
        layout: IndexMap | None = None,
        aspect: float = 1.0,
    ) -> None:
        try:
            import dlib
        except ImportError as error:
            raise ImportError(MISSING_DLIB) from error
        if mode not in get_args(Mode):
            raise ValueError(f"mode is {mode!r}; expected one of {', '.join(get_args(Mode))}")
        if start not in get_args(Start):
            raise ValueError(f"start is {start!r}; expected one of {', '.join(get_args(Start))}")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence}; expected a probability, 0 to 1")
        self.mode, self.start, self.min_confidence = mode, start, min_confidence
        need_five = getattr(initializer, "need_five", None)
        if need_five is not None:
            need_five("SeededShapePredictor")
        self._initializer = initializer
        given: Any = predictor  # mypy knows nothing of dlib
        source = given.__getstate__()[0] if isinstance(given, dlib.shape_predictor) else given
        if mode == "exact":
            arrays = read_dat(source)
            mean = arrays.mean_shape
        else:
            # The head is read first: a file that is none is refused before dlib takes memory for what it claims.
            mean = read_mean_shape(source)
        self._mean_shape = mean.astype(np.float64)
        self.seeded = SeededFrames(mean, aspect=aspect, layout=layout)
        middle = self._mean_shape.mean(axis=0)
        if start == "tcdcn":
            middle = self.seeded.layout.of_shape(self._mean_shape).mean(axis=0)  # an unknown layout is refused here
        self._plain: WholeFitter  # from a box, without points
        self._fitter: WholeFitter
        if mode == "exact":
            self._plain = self._fitter = ExactMode(arrays)
        else:
            stock = _stock(given)
            self._plain = self._fitter = upright = BoxMode(stock, middle)
            if mode == "chip":
                self._fitter = ChipMode(stock, self._mean_shape, aspect, upright)

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The model's (P, 2) own start, in units of the box."""
        return self._mean_shape.copy()

    def __call__(self, image: Any, box: BoxLike) -> dlib.full_object_detection:
        """Fit as ``dlib.shape_predictor`` does: points in whole pixels, beside the box that was given.

        Parameters
        ----------
        image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        box : dlib.rectangle or (left, top, right, bottom)
            Where five points cannot be found, in a box outside of the image or of one pixel, say, the answer is what
            dlib's own start gives there.

        Returns
        -------
        dlib.full_object_detection

        Raises
        ------
        TypeError, ValueError
            If the image is none, or holds NaN or infinity in the box.
        """
        import dlib

        checked = as_image(image)
        rectangle = box if isinstance(box, dlib.rectangle) else as_rectangle(_corners(box))
        parts = self._seeded_parts(checked, box)
        if parts is None:
            frame = frames_from_boxes(_corners(rectangle))
            pixels, refused = bytes_under([checked], frame[None])
            if refused:
                raise refused[0]
            parts = self._plain.parts(pixels[0], frame)
        return dlib.full_object_detection(rectangle, parts)

    def _seeded_parts(self, image: NDArray[Any], box: BoxLike) -> dlib.points | None:
        """The points of a face in whole pixels; None where it cannot be fitted so."""
        try:
            starts = self._starts([image], as_box(box)[None])
        except ValueError:  # dlib takes boxes without area too
            return None
        pixels, refused = bytes_under([image], starts.frames)
        if refused or not starts.usable[0]:
            return None
        fitter = self._fitter if starts.seeded[0] else self._plain
        return fitter.parts(pixels[0], starts.frames[0])

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        """From the five points found in each box, or from the mean shape in it."""
        frames, seeded, usable = self._starts(images, boxes)
        shapes = np.full((len(boxes), *self._mean_shape.shape), np.nan)
        refused = {
            n: ValueError(f"the initializer found no five points in box {tuple(boxes[n].tolist())}; expected a face")
            for n in np.flatnonzero(~usable).tolist()
        }
        for fitter, chosen in ((self._fitter, seeded), (self._plain, usable & ~seeded)):
            rows = np.flatnonzero(chosen).tolist()
            if rows:
                fitted = fit_in_frames(fitter, [images[n] for n in rows], frames[rows])
                shapes[rows] = fitted.shapes
                refused |= {rows[k]: error for k, error in fitted.refused.items()}
        return Fitted(shapes, refused)

    def _starts(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> _Starts:
        """Where faces in boxes (N, 4) start."""
        frames = frames_from_boxes(boxes)
        everywhere = np.ones(len(boxes), dtype=np.bool_)
        if self.start == "mean":
            return _Starts(frames, ~everywhere, everywhere)
        seeds, confidence = self._find(images, boxes)
        found = self.seeded.valid(seeds)
        seeded = found & ~(confidence < self.min_confidence)  # NaN, without confidence outputs, counts as confident
        frames[seeded] = self.seeded.from_points(seeds[seeded])
        return _Starts(frames, seeded, found)

    def _find(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Five points (N, 5, 2) and confidences (N,) of the faces in boxes (N, 4), each image asked once."""
        if len(boxes) == 1:
            return self._finder().points_and_confidence(images, [boxes], on_bad="nan")
        keys = np.array([id(image) for image in images])
        order = np.argsort(keys, kind="stable")
        firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        found, confidence = self._finder().points_and_confidence(
            [images[n] for n in order[firsts].tolist()], np.split(boxes[order], firsts[1:]), on_bad="nan"
        )
        seeds, sure = np.empty((len(boxes), 5, 2)), np.empty(len(boxes))
        seeds[order], sure[order] = found, confidence
        return seeds, sure

    def _finder(self) -> FivePoints:
        if self._initializer is None:
            from tcdcn_init.initializer import Initializer

            # No lock, which a fork might leave locked for ever: of threads that make one each, any will do.
            self._initializer = Initializer() if self.min_confidence else Initializer(passes=2, quick=True)
        return self._initializer


class _Starts(NamedTuple):
    """Where N faces start: frames (N, 2, 3), which of them are seeded by points, and which faces have a start."""

    frames: NDArray[np.float64]
    seeded: NDArray[np.bool_]
    usable: NDArray[np.bool_]


def _stock(given: Any) -> Any:
    import dlib

    if isinstance(given, dlib.shape_predictor):
        return given
    try:
        return dlib.shape_predictor(str(Path(given)))
    except RuntimeError as error:
        raise DatError(f"dlib cannot read {Path(given)}: {error}") from error


def _corners(box: Any) -> NDArray[np.float64]:
    """Left, top, right and bottom of a box of any kind, whether it has an area or not."""
    sides = box
    if hasattr(box, "bottom"):  # methods, as of dlib's, or fields, as of a named tuple
        fields = [getattr(box, side) for side in ("left", "top", "right", "bottom")]
        sides = [field() if callable(field) else field for field in fields]
    corners = as_floats(sides, "sides of the box")
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise ValueError(f"box {box!r} is not four finite numbers; expected (left, top, right, bottom) or a rectangle")
    return corners
