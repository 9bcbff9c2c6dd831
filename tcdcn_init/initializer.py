"""Boxes -> crops -> network -> points in image coordinates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.answers import CONFIDENCE_OUTPUTS, RawAnswers, confidence_of, initializations, raw_answers
from tcdcn_init.boxes import checked_boxes
from tcdcn_init.detection.detectors import BUILT_IN, Detector
from tcdcn_init.detection.hits import Hits
from tcdcn_init.detection.search import Found, find_faces
from tcdcn_init.detection.windows import search_windows
from tcdcn_init.geometry import MIRROR_68, BoxLike
from tcdcn_init.images import as_image
from tcdcn_init.initialization import DENSE_FIELDS, Initialization
from tcdcn_init.network.backends import BackendName, TorchBackend, load_backend
from tcdcn_init.network.config import DEFAULT_BACKEND, DEFAULT_PASSES, NetworkConfig
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.own_points import point_set
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.dense import run_dense
from tcdcn_init.passes.on_device import DeviceCrops
from tcdcn_init.passes.regions import HostCrops
from tcdcn_init.passes.repeated import mirror_averaged, run_passes
from tcdcn_init.passes.stages import ENOUGH
from tcdcn_init.passes.two_stage import run_stages
from tcdcn_init.weights import DEFAULT_MODEL, DENSE_MODEL, is_path

__all__ = ["Initialization", "Initializer", "RawAnswers", "default_initializer", "initialize"]


class Initializer:
    """A model held ready for repeated use.

    It can be shared between threads, used after a fork, pickled and copied; a copy reads the model's file anew.

    Parameters
    ----------
    model : str or path
        A bundled model (`weights.bundled_models`) or the path of a .safetensors or .onnx file.
    backend : {"auto", "onnx", "torch"}
        What runs the network, see `backends.load_backend`; "auto" is onnxruntime where the model has a .onnx file.
    passes : int
        Passes over a face at most. The first crops around the box. Where its points say that the head is rolled or the
        box is off (`passes.repeat_limits`), the next crops upright and centred by them; other faces keep
        their answer. 1 never makes a second. Of a model of two stages the first pass is the coarse stage's, and the
        fine one makes at least one of the others. What it is unsure of, it looks at again from other sides
        (`passes.looks`).
    mirror : bool
        Ask about the mirror image of every crop too and take the mean of both answers: more exact, at twice the time.
    dense : bool
        Find iBUG's 68 points too (`Initialization.dense`), by one more pass of another network, ``tcdcn-68``.
    quick : bool
        Of a model of two stages: where the coarse one is sure of its points, do without the fine one. They start a
        cascade as well, in half the time; there is no confidence then, it is NaN.
    device : str
        What the network runs on: "cpu", or a graphics processor as PyTorch names it, such as "cuda", "cuda:1" or "mps",
        which pays for many faces at once. There "auto" is PyTorch, and the crops of a model of two stages are cut on
        the device as well (`passes.on_device`); those of other models and of ``dense`` are cut on the processor.

    Attributes
    ----------
    model, backend, passes, mirror, dense, quick, device
        As given; a path is absolute.
    config : NetworkConfig
        The network's architecture and its crops.
    calibration : confidence.Calibration

    Raises
    ------
    ValueError
        If the model or backend is unknown, `passes` is below 1, ``quick`` is asked of a model of one stage, or the
        backend cannot compute on the device here.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> initializer = Initializer()
    >>> initializer.points(astronaut(), [(170, 70, 275, 205)]).shape
    (1, 5, 2)
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        backend: BackendName = DEFAULT_BACKEND,
        passes: int = DEFAULT_PASSES,
        mirror: bool = False,
        dense: bool = False,
        quick: bool = False,
        device: str = "cpu",
    ) -> None:
        if not isinstance(passes, int | np.integer) or isinstance(passes, bool) or passes < 1:
            raise ValueError(f"passes is {passes!r}; expected a whole number, 1 or more")
        # A path stays right in a process that works in another folder.
        self.model = Path(model).resolve() if is_path(model) else model
        self.backend, self.passes, self.mirror, self.dense, self.quick = backend, passes, mirror, dense, quick
        self.device = str(device)  # of a torch.device too
        self._backend = load_backend(model, backend, self.device)
        if isinstance(self._backend.config, DenseConfig):
            raise ValueError(
                f"{model} goes on from five points; expected a model that finds them in a box, such as "
                f"{DEFAULT_MODEL}, and dense=True"
            )
        self.config: NetworkConfig | TwoStageConfig = self._backend.config
        if quick and not isinstance(self.config, TwoStageConfig):
            raise ValueError(f"quick=True takes a model of two stages, such as {DEFAULT_MODEL}; {model} has one")
        if dense:
            self.need_five("dense=True")
        self._dense = load_backend(DENSE_MODEL, backend, self.device) if dense else None
        place = point_set(self._backend.config)
        if mirror and not place.mirror:
            raise ValueError(
                f"{model} was trained without saying which points swap in a mirror image; leave mirror out"
            )
        self._ask = mirror_averaged(self._backend, place.mirror) if mirror else self._backend
        on_device = self.device != "cpu" and isinstance(self._backend, TorchBackend)
        self._cutter = functools.partial(DeviceCrops, device=self.device) if on_device else HostCrops
        self.calibration = self._backend.calibration

    def __reduce__(self) -> tuple[Callable[..., Initializer], tuple[Any, ...]]:
        # Sessions of onnxruntime cannot be pickled.
        names = ("backend", "passes", "mirror", "dense", "quick", "device")
        return functools.partial(type(self), self.model, **{name: getattr(self, name) for name in names}), ()

    def __call__(
        self,
        image: Any,
        boxes: Sequence[BoxLike] | ArrayLike | None = None,
        *,
        detector: Detector = "auto",
        turned: bool | None = None,
        on_bad: Literal["raise", "nan"] = "raise",
    ) -> list[Initialization]:
        """Initialize the faces of one image; parameters and errors as in `initialize`."""
        return self.batch([image], [boxes], detector=detector, turned=turned, on_bad=on_bad)[0]

    def find(
        self,
        image: Any,
        detector: Detector = "auto",
        *,
        turned: bool | None = None,
        on_bad: Literal["raise", "nan"] = "raise",
    ) -> Found:
        """Faces of an image without boxes, and what the network says of them; parameters as in `initialize`.

        Only a model of two stages can look for faces and tell them from other things: for others the default one does.

        Returns
        -------
        detection.search.Found
        """
        array = as_image(image)
        believed = not (turned or detector in BUILT_IN)  # the caller's own
        if not believed:
            self.need_five("looking for faces")
        if believed or (isinstance(self.config, TwoStageConfig) and not self.quick):
            return find_faces(array, self, detector, turned=turned, on_bad=on_bad)
        found = find_faces(array, default_initializer(), detector, turned=turned, on_bad=on_bad)
        return Found(found.boxes, self.raw(array, found.boxes, on_bad=on_bad))

    def batch(
        self,
        images: Sequence[Any],
        boxes: Sequence[Sequence[BoxLike] | ArrayLike | None],
        *,
        detector: Detector = "auto",
        turned: bool | None = None,
        on_bad: Literal["raise", "nan"] = "raise",
    ) -> list[list[Initialization]]:
        """Initialize the faces of many images: those with boxes in one batch, all their dense points in another.

        Parameters
        ----------
        images : sequence of images
        boxes : sequence, one entry per image
            Each as for `initialize`; None detects.
        detector, turned, on_bad
            As for `initialize`.

        Returns
        -------
        list of list of Initialization
            Per image, per box.
        """
        if hasattr(images, "shape"):
            raise ValueError(f"images is one array of shape {tuple(images.shape)}; expected a list: [image], [boxes]")
        if boxes is None:
            raise ValueError("boxes is None; expected an entry per image, None where faces are to be looked for")
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} entries of boxes; expected one entry per image")
        arrays = [as_image(image) for image in images]
        checked = {k: checked_boxes(arrays[k], entry, on_bad) for k, entry in enumerate(boxes) if entry is not None}
        together = self._run([arrays[k] for k in checked], list(checked.values()), on_bad)
        start, found = 0, {}
        for k, entry in checked.items():
            stop = start + len(entry)
            found[k] = Found(entry, together.rows(slice(start, stop)))
            start = stop
        for k, array in enumerate(arrays):
            if k not in found:
                found[k] = self.find(array, detector, turned=turned, on_bad=on_bad)
        everyone = [found[k] for k in range(len(arrays))]
        dense = self._dense_of(arrays, everyone, on_bad) if everyone else []
        upright = None if self.config.own is None else np.array(self.config.own.shape)
        return [
            initializations(each.boxes, each.answers, self.config.tasks, upright, more)
            for each, more in zip(everyone, dense, strict=True)
        ]

    def points(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float32]:
        """The array form: points only.

        Parameters
        ----------
        images : image, or list of images
        boxes : (N, 4) array_like, or a list of them
            The image's boxes; for a list of images, one such array per image.
        on_bad : {"raise", "nan"}
            As for `initialize`.

        Returns
        -------
        (N, 5, 2) ndarray of float32
            All boxes of all images, in order; of a model of other points, theirs.
        """
        return self._run(*_paired(images, boxes, on_bad), on_bad).points

    def points_and_confidence(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The array form with confidences, as regressors' seeds are asked for; parameters as for `points`.

        Returns
        -------
        points : (N, 5, 2) ndarray of float32
        confidence : (N,) ndarray of float64
            `Initialization.confidence`; NaN of a model without confidence outputs.
        """
        raw = self.raw(images, boxes, on_bad=on_bad)
        return raw.points, raw.confidence

    def raw(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> RawAnswers:
        """The array form with all that the network says, for calibration; parameters as for `points`."""
        return self._run(*_paired(images, boxes, on_bad), on_bad)

    def hints(self, image: Any) -> Hits:
        """Where a model of two stages sees faces, at any roll, before it has looked closer (`detection.windows`).

        Parameters
        ----------
        image : image
            As for `initialize`.

        Returns
        -------
        detection.hits.Hits

        Raises
        ------
        ValueError
            If the model has one stage, or points of its own.
        """
        self.need_five("looking for faces")
        if not isinstance(self.config, TwoStageConfig):
            raise ValueError(f"{self.model} has one stage; expected a model of two, such as {DEFAULT_MODEL}")
        return search_windows(as_image(image), self._backend, self.config.coarse)

    def need_five(self, what: str) -> None:
        """Raise a ValueError unless the model places the five points of a face.

        Parameters
        ----------
        what : str
            What cannot be done without them.
        """
        own = self.config.own
        if own is not None:
            raise ValueError(
                f"{what} needs the five points of a face, and {self.model} places {own.count} points of its own; take "
                f"a model of five points, such as {DEFAULT_MODEL}, or give boxes and use this one's points themselves"
            )

    def _dense_of(self, images: Sequence[NDArray[Any]], found: Sequence[Found], on_bad: str) -> list[dict[str, Any]]:
        """Dense points, their expected errors and visibility, of the faces of each image."""
        if self._dense is None:
            return [{} for _ in found]
        config = self._dense.config
        assert isinstance(config, DenseConfig)
        ask = mirror_averaged(self._dense, MIRROR_68) if self.mirror else self._dense
        boxes = [each.boxes for each in found]
        five = np.concatenate([each.answers.points for each in found])
        answers = run_dense(ask, config, images, boxes, five, self._dense.calibration, on_bad=on_bad)
        ends = np.cumsum([len(entry) for entry in boxes])[:-1]
        parts = [np.split(values, ends) for values in answers[:3]]
        return [dict(zip(DENSE_FIELDS, each, strict=True)) for each in zip(*parts, strict=True)]

    def _run(self, images: Sequence[NDArray[Any]], boxes: Sequence[NDArray[np.float64]], on_bad: str) -> RawAnswers:
        if isinstance(self.config, TwoStageConfig):
            points, outputs = run_stages(
                self._ask,
                self.config,
                images,
                boxes,
                passes=self.passes,
                enough=ENOUGH if self.quick else 0.0,
                on_bad=on_bad,
                sureness=functools.partial(confidence_of, self.calibration),
                ask_both=self._ask if self.mirror else None,
                cutter=self._cutter,
            )
        else:
            points, outputs = run_passes(self._ask, self.config, images, boxes, passes=self.passes, on_bad=on_bad)
        if self.quick:  # the coarse stage alone is unsure of every face
            outputs = {name: values for name, values in outputs.items() if name not in CONFIDENCE_OUTPUTS}
        return raw_answers(self.calibration, points, outputs)


def initialize(
    image: Any,
    boxes: Sequence[BoxLike] | ArrayLike | None = None,
    *,
    detector: Detector = "auto",
    turned: bool | None = None,
    model: str | Path = DEFAULT_MODEL,
    backend: BackendName = DEFAULT_BACKEND,
    passes: int = DEFAULT_PASSES,
    mirror: bool = False,
    dense: bool = False,
    device: str = "cpu",
    on_bad: Literal["raise", "nan"] = "raise",
) -> list[Initialization]:
    """Five points for every face of an image, good enough to start a cascaded shape regressor.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) array_like, PIL image or torch tensor
        Grey, RGB or RGBA; integers over the range of their type, or floats from 0 to 1 (`images.as_image`).
    boxes : sequence of boxes, or (N, 4) array_like, optional
        Face boxes (left, top, right, bottom) in pixels, or what a detector returned, such as rows with scores, objects
        like ``dlib.rectangle`` or mappings (`boxes.boxes_from`, which also takes other orders of four numbers).
        Omitted, a detector looks for faces.
    detector : str or callable
        What looks for them: "auto", which is the network itself, "dlib", "skimage", another name of
        `detection.available_detectors`, or a callable from an image to its boxes; see `detection.detect_boxes`.
    turned : bool, optional
        Whether turned copies of the image are searched too: True, False, or None, where no upright face was found
        otherwise.
    model : str or path
        A bundled model or the path of a file. Kept in memory until the file changes, of the four used last.
    backend : {"auto", "onnx", "torch"}
        See `Initializer`.
    passes, mirror, dense, device
        See `Initializer`.
    on_bad : {"raise", "nan"}
        What a box that cannot be used does: raise, or get NaN points while the others get theirs.

    Returns
    -------
    list of Initialization
        One per box, in order; empty when no face is found.

    Raises
    ------
    TypeError
        If the image is a path, or of a dtype that holds no pixels.
    ValueError
        If the image is empty, of the wrong shape or range, or not finite under a face; if a box has no area, is not
        finite, or lies wholly outside of the image; if the model, backend or detector is unknown, or the backend cannot
        compute on the device here.

    References
    ----------
    Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> face = initialize(astronaut(), [(170, 70, 275, 205)])[0]
    >>> face.points.shape, abs(face.roll) < 15
    ((5, 2), True)
    """
    if is_path(model):
        model = Path(model).resolve()
    initializer = _kept(model, _stamps(model), backend, passes, mirror, dense, str(device))
    return initializer(image, boxes, detector=detector, turned=turned, on_bad=on_bad)


def default_initializer() -> Initializer:
    """The one that `initialize` keeps in memory when it is called without options."""
    return _kept(DEFAULT_MODEL, (), DEFAULT_BACKEND, DEFAULT_PASSES, False, False, "cpu")


@functools.lru_cache(maxsize=4)
def _kept(
    model: str | Path,
    stamps: tuple[tuple[int, int], ...],
    backend: BackendName,
    passes: int,
    mirror: bool,
    dense: bool,
    device: str,
) -> Initializer:
    return Initializer(model, backend=backend, passes=passes, mirror=mirror, dense=dense, device=device)


def _stamps(model: str | Path) -> tuple[tuple[int, int], ...]:
    """Time and size of a caller's own model files: one that was written anew is read anew."""
    if not isinstance(model, Path):
        return ()
    found = [model.with_suffix(suffix) for suffix in (".safetensors", ".onnx")]
    return tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in found if path.is_file())


def _paired(
    images: Any, boxes: Sequence[BoxLike] | ArrayLike, on_bad: str
) -> tuple[list[NDArray[Any]], list[NDArray[np.float64]]]:
    """Validated images, and the boxes of each, of the array form's arguments."""
    many = isinstance(images, list | tuple)
    entries: Sequence[Any] = boxes if many else [boxes]  # type: ignore[assignment]
    arrays = [as_image(image) for image in (images if many else [images])]
    if len(arrays) != len(entries):
        raise ValueError(f"{len(arrays)} images but {len(entries)} arrays of boxes; expected one array per image")
    return arrays, [checked_boxes(array, entry, on_bad) for array, entry in zip(arrays, entries, strict=True)]
