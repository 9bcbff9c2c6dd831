"""TCDCN starts dlib: a drop-in for ``dlib.shape_predictor`` that does not mind a bad box or a rolled head.

::

    predictor = dlib.shape_predictor("shape_predictor_68_face_landmarks.dat")        # before
    predictor = SeededShapePredictor("shape_predictor_68_face_landmarks.dat")        # after
    shape = predictor(image, box)
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.frames import SeededFrames, as_bytes, cut_out
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.ert.cascade import ERT, MISSING_DLIB
from tcdcn_init.adapters.ert.dat import DatError, read_mean_shape
from tcdcn_init.geometry import BoxLike, FloatArray, as_box, transform_points

if TYPE_CHECKING:
    import dlib

Mode = Literal["chip", "box", "exact"]
Start = Literal["tcdcn", "mean"]

# dlib answers in whole pixels of the chip: with 400 across the box, rounding costs 0.3 % of the inter-ocular distance
# (0.6 % with 200, in half the time). The margin keeps in the picture what the trees look at.
_CHIP_SIDE, _CHIP_MARGIN = 400, 0.25

_FAR = 2**30  # dlib's rectangles and points hold no larger numbers everywhere


class FivePoints(Protocol):
    """What finds the five points of faces, such as `tcdcn_init.Initializer`."""

    def points(self, image: Any, boxes: Any) -> FloatArray:
        """Five points (N, 5, 2) for N boxes (N, 4) of one image, NaN where there are none.

        With a keyword `on_bad`, it is told "nan" or "raise" as `SeededShapePredictor.fit_from_boxes` is. An object that
        has ``points_and_confidence``, as `Initializer.points_and_confidence`, is asked by it instead.
        """
        ...


class SeededShapePredictor:
    """A dlib shape predictor that starts from five points instead of the bare box.

    Satisfies `base.ShapeRegressor`.

    Parameters
    ----------
    predictor : path or dlib.shape_predictor
        dlib's published 5- and 68-point files, or any other that dlib trained.
    mode : {"chip", "box", "exact"}
        ``chip``: the face is cut out upright, stock dlib runs, and its points are mapped back. ``box``: stock dlib
        runs in the upright box that fits the points best, which helps with bad boxes, not with roll. ``exact``: this
        project's `ERT` runs dlib's cascade in the turned frame, floats in and out; reading a file of 100 MB for it
        takes seconds, where the other modes take dlib's time.
    start : {"tcdcn", "mean"}
        ``mean`` leaves the points away, for comparison: dlib's own start in the box.
    initializer : object with ``points(image, boxes)``, optional
        Finds the five points; `tcdcn_init.Initializer` unless given.
    min_confidence : float
        A face whose points the initializer is less sure of (`Initialization.confidence`) starts from the mean shape in
        its box, as without them. 0 always trusts the points: in very bad boxes of faces, which look like boxes without
        a face, doubted points are still better than the box (docs/results.md, the start tcdcn-sure on AFW). Models that
        do not say how sure they are always are.
    layout : mapping, optional
        Where the five points are among the model's; see `layouts.find_layout`.
    aspect : float
        Width over height of the boxes that the model was trained on; dlib's detector gives squares.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If mode or start are unknown, or the file is no predictor.
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
        self._initializer = initializer
        given: Any = predictor  # mypy knows nothing of dlib
        is_file = not isinstance(given, dlib.shape_predictor)
        if mode == "exact":
            read = ERT.from_dat if is_file else ERT.from_dlib
            self._ert = read(given, aspect=aspect, layout=layout)
            self._mean_shape, self._seeded = self._ert.mean_shape, self._ert.seeded
            return
        # The head is read first: a file that is none is refused before dlib takes memory for what it says.
        mean = read_mean_shape(given if is_file else given.__getstate__()[0])
        self._mean_shape, self._seeded = mean.astype(np.float64), SeededFrames(mean, aspect=aspect, layout=layout)
        try:
            self._stock: Any = dlib.shape_predictor(str(Path(given))) if is_file else given
        except RuntimeError as error:
            raise DatError(f"dlib cannot read {Path(given)}: {error}") from error

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The model's (P, 2) own start, in units of the box."""
        return self._mean_shape

    def __call__(self, image: Any, box: BoxLike) -> dlib.full_object_detection:
        """Fit as ``dlib.shape_predictor`` does: points in whole pixels, beside the box that was given.

        Parameters
        ----------
        image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        box : dlib.rectangle or (left, top, right, bottom)

        Returns
        -------
        dlib.full_object_detection
        """
        import dlib

        rectangle = _rectangle(box)
        if self.start == "mean" and self.mode != "exact":
            return self._stock(np.ascontiguousarray(as_bytes(image)), rectangle)
        points = np.floor(self.fit_from_box(image, box) + 0.5).clip(-_FAR, _FAR).astype(int).tolist()
        return dlib.full_object_detection(rectangle, dlib.points([dlib.point(x, y) for x, y in points]))

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        """Fit the face in a box.

        Parameters
        ----------
        image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        box : dlib.rectangle or (left, top, right, bottom)

        Returns
        -------
        (P, 2) ndarray of float64

        Raises
        ------
        ValueError
            If the initializer finds no points there.
        """
        return np.asarray(self.fit_from_boxes(image, [box])[0])

    def fit_from_boxes(
        self, images: Any | Sequence[Any], boxes: Sequence[BoxLike], *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float64]:
        """Fit many faces.

        Parameters
        ----------
        images : ndarray, or a list or tuple of N ndarrays
            One picture with N faces, or the picture of each.
        boxes : sequence of N boxes
        on_bad : {"raise", "nan"}
            ``nan``: a box that is none, or in which the initializer finds no points, gives NaN and does not stop the
            others.

        Returns
        -------
        (N, P, 2) ndarray of float64

        Raises
        ------
        ValueError
            If there is not an image for each box, or ``on_bad="raise"`` and a face cannot be fitted; the first one is
            named.
        """
        if on_bad not in ("raise", "nan"):
            raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")
        pictures = _one_each(images, len(boxes))
        shapes = np.full((len(boxes), *self._mean_shape.shape), np.nan)
        good = []
        for n, box in enumerate(boxes):
            try:
                as_box(box)
            except ValueError as error:
                if on_bad == "raise":
                    raise ValueError(f"box number {n}: {error}") from error
                continue
            good.append(n)
        if self.start == "mean":
            for n in good:
                shapes[n] = self._from_mean(pictures[n], boxes[n])
            return shapes
        seeds, sure = self._seeds([pictures[n] for n in good], np.array([as_box(boxes[n]) for n in good]), on_bad)
        usable = self._seeded.usable(seeds)
        if on_bad == "raise" and not usable.all():
            n = good[int(usable.argmin())]
            raise ValueError(f"box number {n}, {as_box(boxes[n]).tolist()}: the initializer found no five points there")
        for n in np.array(good, dtype=np.intp)[usable & ~sure].tolist():
            shapes[n] = self._from_mean(pictures[n], boxes[n])
        usable &= sure
        good = np.array(good, dtype=np.intp)[usable].tolist()
        if good:
            frames = self._seeded.from_points(seeds[usable])
            shapes[good] = self._from_frames([pictures[n] for n in good], frames)
        return shapes

    def fit_from_points(self, image: Any, points: ArrayLike) -> NDArray[np.float64]:
        """Fit from five points, whatever `start` is.

        Parameters
        ----------
        image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        points : (5, 2) array_like
            In the order of `geometry.FIVE_POINTS`.

        Returns
        -------
        (P, 2) ndarray of float64
        """
        return np.asarray(self._from_frames([image], self._seeded.from_points(points)[None])[0])

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        """Fit from an initial shape (P, 2). Stock dlib (``chip``, ``box``) takes only its place, turn and scale."""
        if self.mode == "exact":
            return self._ert.fit_from_shape(image, shape)
        return np.asarray(self._from_frames([image], self._seeded.from_shapes(shape)[None])[0])

    def _seeds(
        self, pictures: Sequence[Any], boxes: NDArray[np.float64], on_bad: str
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Five points of every box, and which of them are to be trusted."""
        if self._initializer is None:
            from tcdcn_init import Initializer

            self._initializer = Initializer()
        says = hasattr(self._initializer, "points_and_confidence")
        find: Callable[..., Any] = getattr(self._initializer, "points_and_confidence" if says else "points")
        keywords = {"on_bad": on_bad} if "on_bad" in inspect.signature(find).parameters else {}
        seeds, sure = np.empty((len(boxes), 5, 2)), np.ones(len(boxes), dtype=np.bool_)
        keys = np.array([id(picture) for picture in pictures])
        for key in np.unique(keys):
            faces = np.flatnonzero(keys == key)
            found = find(pictures[faces[0]], boxes[faces], **keywords)
            seeds[faces] = found[0] if says else found
            if says:
                sure[faces] = ~(found[1] < self.min_confidence)  # NaN, of a model that does not say, is sure
        return seeds, sure

    def _from_mean(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        if self.mode == "exact":
            return self._ert.fit_from_box(image, box)
        return self._run_dlib(as_bytes(image), _rectangle(box))

    def _from_frames(self, images: Sequence[Any], frames: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.mode == "exact":
            return self._ert._fit_frames(images, frames)
        shapes = np.empty((len(frames), *self._mean_shape.shape))
        pictures = {id(image): as_bytes(image) for image in images}
        for n, (image, frame) in enumerate(zip(images, frames, strict=True)):
            pixels = pictures[id(image)]
            if self.mode == "chip":
                cutout = cut_out(pixels, frame, _CHIP_SIDE, _CHIP_MARGIN)
                fitted = self._run_dlib(cutout.picture, _rectangle(cutout.box))
                shapes[n] = transform_points(cutout.to_image, fitted)
            else:
                shapes[n] = self._run_dlib(pixels, _rectangle(self._upright_box(frame)))
        return shapes

    def _upright_box(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        """The box of the frame's size in which the five points of the mean shape lie about where the frame has them."""
        middle = self._seeded.layout.of_shape(self._mean_shape).mean(axis=0)
        sides = np.linalg.norm(frame[:, :2], axis=0)
        corner = transform_points(frame, middle[None])[0] - middle * sides
        return np.concatenate([corner, corner + np.maximum(sides, 1)])

    def _run_dlib(self, pixels: NDArray[np.uint8], rectangle: dlib.rectangle) -> NDArray[np.float64]:
        found = self._stock(np.ascontiguousarray(pixels), rectangle)
        return np.array([(part.x, part.y) for part in found.parts()], dtype=np.float64)


def _one_each(images: Any | Sequence[Any], count: int) -> Sequence[Any]:
    if not isinstance(images, list | tuple):
        return [images] * count
    if len(images) != count:
        raise ValueError(f"{len(images)} images for {count} boxes; expected one image, or one for each")
    return images


def _rectangle(box: BoxLike) -> dlib.rectangle:
    """dlib's integer rectangle; its own are left as they are."""
    import dlib

    if isinstance(box, dlib.rectangle):
        return box
    return dlib.rectangle(*np.floor(as_box(box) + 0.5).clip(-_FAR, _FAR).astype(int).tolist())
