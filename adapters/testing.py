"""Checks that hold a regressor to the contract of `base`: ours, and anybody's plug-in.

In a test of a package that offers one::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_the_contract(check):
        check(MyRegressor())

or all of them at once, ``check_regressor(MyRegressor())``. Nothing here needs pytest.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import ShapeRegressor, batched
from tcdcn_init.geometry import BoxLike, transform_points

__all__ = ["CHECKS", "check_regressor"]

# A face of 40 pixels between the eyes, so far from the image's border that no regressor reads that.
_WIDTH, _HEIGHT = 420, 400
_POINTS = np.array([[170.0, 180], [210, 180], [190, 202], [175, 222], [205, 222]])
_MOVE = np.array([23.0, 14.0])
_BOX = (150.0, 150.0, 230.0, 240.0)
_TOLERANCE = 0.4  # pixels: one in a hundred of the distance between the eyes

_NOT_IMAGES: dict[str, Any] = {
    "a path": "face.png",
    "an empty array": np.zeros((0, 5)),
    "an array of two channels": np.zeros((50, 50, 2), dtype=np.uint8),
}


class _Rectangle:
    """A box like dlib's."""

    def __init__(self, box: tuple[float, float, float, float]) -> None:
        self._box = box

    def left(self) -> float:
        return self._box[0]

    def top(self) -> float:
        return self._box[1]

    def right(self) -> float:
        return self._box[2]

    def bottom(self) -> float:
        return self._box[3]


def check_regressor(regressor: ShapeRegressor) -> None:
    """Hold a regressor to all `CHECKS`.

    Parameters
    ----------
    regressor : ShapeRegressor
        Its batch forms are held to the contract where it has them, otherwise those that `base.batched` makes.

    Raises
    ------
    AssertionError
        If it breaks any; the message lists what was broken.

    Examples
    --------
    >>> from tcdcn_init.adapters.base import load_regressor
    >>> check_regressor(load_regressor("ert5-mtfl"))
    """
    broken: list[str] = []
    for check in CHECKS:
        try:
            check(regressor)
        except Exception as error:  # a plug-in raises what it likes
            broken.append(f"{check.__name__}: {type(error).__name__}: {error}")
    assert not broken, f"{type(regressor).__name__} breaks the contract of ShapeRegressor:\n" + "\n".join(broken)


def check_mean_shape(regressor: ShapeRegressor) -> None:
    """The mean shape is (P, 2), finite, in units of the box."""
    mean = np.asarray(regressor.mean_shape)
    assert mean.ndim == 2, f"mean_shape has shape {mean.shape}; expected (P, 2)"
    assert mean.shape[1] == 2, f"mean_shape has shape {mean.shape}; expected (P, 2)"
    assert mean.dtype.kind == "f", f"mean_shape has dtype {mean.dtype}; expected floats"
    assert np.isfinite(mean).all(), "mean_shape is not finite"
    assert np.abs(mean).max() < 10, f"mean_shape reaches {np.abs(mean).max():g}; expected units of the box, 0 to 1"


def check_shapes_and_dtypes(regressor: ShapeRegressor) -> None:
    """Every single form gives one finite (P, 2) array of floats."""
    for name, shape in _singles(regressor, _image()).items():
        assert isinstance(shape, np.ndarray), f"{name} gives a {type(shape).__name__}; expected an array"
        expected = np.shape(regressor.mean_shape)
        assert shape.shape == expected, f"{name} gives shape {shape.shape}; expected {expected}"
        assert shape.dtype.kind == "f", f"{name} gives {shape.dtype}; expected floats"
        assert np.isfinite(shape).all(), f"{name} gives numbers that are not finite"


def check_the_same_twice(regressor: ShapeRegressor) -> None:
    """The same call gives the same result, and changes none of its arguments: read-only ones will do."""
    image, points, shape = _image(), _POINTS.copy(), _start(regressor)
    for array in (image, points, shape):
        array.setflags(write=False)
    for name, one in _singles(regressor, image, points, shape).items():
        _assert_near(_singles(regressor, image, points, shape)[name], one, f"{name} a second time", 0.0)


def check_kinds_of_images(regressor: ShapeRegressor) -> None:
    """Grey, RGB and RGBA of any dtype and memory order are the same face."""
    grey = _image()
    colour = np.stack([grey] * 3, axis=-1)
    kinds = {
        "grey (H, W, 1)": grey[..., None],
        "RGB": colour,
        "RGBA": np.concatenate([colour, np.full_like(colour[..., :1], 255)], axis=2),
        "float64": grey / 255,
        "float32": (grey / 255).astype(np.float32),
        "uint16": grey.astype(np.uint16) * 257,
        "in Fortran order": np.asfortranarray(colour),
        "a view with strides": colour[::-1][::-1],
    }
    wanted = _singles(regressor, grey)
    for kind, image in kinds.items():
        for name, shape in _singles(regressor, image).items():
            _assert_near(shape, wanted[name], f"{name} on an image that is {kind}")


def check_kinds_of_boxes(regressor: ShapeRegressor) -> None:
    """Tuples, lists, arrays and dlib's rectangles are boxes."""
    wanted = regressor.fit_from_box(_image(), _BOX)
    boxes: dict[str, BoxLike] = {"a list": list(_BOX), "an array": np.array(_BOX), "a rectangle": _Rectangle(_BOX)}
    for kind, box in boxes.items():
        _assert_near(regressor.fit_from_box(_image(), box), wanted, f"fit_from_box of {kind}", 1e-6)


def check_no_images(regressor: ShapeRegressor) -> None:
    """What is no image raises a TypeError or a ValueError that says so."""
    for kind, image in _NOT_IMAGES.items():
        for name, fit, start in _forms(regressor):
            message = _refusal(f"{name} of {kind}", (TypeError, ValueError), fit, image, start)
            assert "image" in message.lower(), f"{name} of {kind} says {message!r}; expected words on the image"


def check_no_starts(regressor: ShapeRegressor) -> None:
    """What is no start raises a ValueError that names the value."""
    nan, one = float("nan"), np.full_like(_start(regressor), 7.0)
    wrong = np.arange(2.0 * len(one) + 2).reshape(-1, 2) ** 2
    for name, fit, start, value in (
        ("a box of no area", regressor.fit_from_box, (33, 20, 33, 40), "33"),
        ("a box of NaN", regressor.fit_from_box, (nan, 20, 90, 80), "nan"),
        ("a box of two numbers", regressor.fit_from_box, (33, 20), "33"),
        ("points of NaN", regressor.fit_from_points, _POINTS * nan, "nan"),
        ("points that coincide", regressor.fit_from_points, np.full((5, 2), 7.0), "7"),
        ("four points", regressor.fit_from_points, _POINTS[:4], "4"),
        ("points in mirrored order", regressor.fit_from_points, _POINTS[[1, 0, 2, 4, 3]], "mirrored"),
        ("a shape of NaN", regressor.fit_from_shape, one * nan, "nan"),
        ("a shape that coincides", regressor.fit_from_shape, one, "7"),
        ("a shape of other points", regressor.fit_from_shape, wrong, str(len(wrong))),
    ):
        message = _refusal(name, (ValueError,), fit, _image(), start)
        assert value in message.lower(), f"of {name} it says {message!r}; expected it to name the value, {value}"


def check_moved_image(regressor: ShapeRegressor) -> None:
    """An image moved by whole pixels, with its start, moves the points by as much."""
    image, moved = _image(), _image(_MOVE)
    left, top, right, bottom = _BOX
    box = (left + _MOVE[0], top + _MOVE[1], right + _MOVE[0], bottom + _MOVE[1])
    there = _singles(regressor, moved, _POINTS + _MOVE, _start(regressor) + _MOVE, box)
    for name, shape in _singles(regressor, image).items():
        _assert_near(there[name] - _MOVE, shape, f"{name} of a moved image")


def check_batch_is_its_faces(regressor: ShapeRegressor) -> None:
    """A face in a batch is what it is alone: one image of many faces, or the image of each."""
    image, other = _image(), _image(_MOVE)
    expected = (3, *np.shape(regressor.mean_shape))
    left, top, right, bottom = _BOX
    start = _start(regressor)
    starts: tuple[Any, ...] = (
        [_BOX, (left + 9, top, right, bottom - 5), (left, top + 4, right + 6, bottom)],
        np.stack([_POINTS, _POINTS + [4, -3], _POINTS * 1.02]),
        np.stack([start, start + 5.0, start * 1.02]),
    )
    for images in (image, [image, other, image], (image, other, image)):
        own = list(images) if isinstance(images, list | tuple) else [images] * 3
        for (name, fit_all), (_, fit, _), begun in zip(_batch_forms(regressor), _forms(regressor), starts, strict=True):
            together = fit_all(images, begun)
            assert together.shape == expected, f"{name} gives shape {together.shape}; expected {expected}"
            assert together.dtype == np.float64, f"{name} gives {together.dtype}; expected float64"
            for face in range(3):
                _assert_near(together[face], fit(own[face], begun[face]), f"face {face} of {name}", 0.01)


def check_several_starts(regressor: ShapeRegressor) -> None:
    """Several starts of a face end in one shape; starts that are all the same end where one does."""
    many, image, start = batched(regressor), _image(), _start(regressor)
    found = many.fit_from_shapes(image, np.stack([[start] * 3, [start + 3.0] * 3]))
    for shape, begun in zip(found, (start, start + 3.0), strict=True):
        _assert_near(shape, regressor.fit_from_shape(image, begun), "fit_from_shapes of the same start thrice", 0.01)


def check_nobody(regressor: ShapeRegressor) -> None:
    """No face gives no shape."""
    points = np.shape(regressor.mean_shape)
    nobody: tuple[Any, ...] = ([], np.empty((0, 5, 2)), np.empty((0, *points)))
    none: list[Any] = []
    for images in (_image(), none):
        for (name, fit), starts in zip(_batch_forms(regressor), nobody, strict=True):
            shape = fit(images, starts).shape
            assert shape == (0, *points), f"{name} of no face gives shape {shape}; expected {(0, *points)}"


def check_on_bad(regressor: ShapeRegressor) -> None:
    """A face that cannot be fitted becomes NaN and leaves the others alone, or raises and is named."""
    image, start = _image(), _start(regressor)
    bad: tuple[Any, ...] = (
        [_BOX, (33, 20, 33, 40), _BOX],
        np.stack([_POINTS, np.full((5, 2), np.nan), _POINTS]),
        np.stack([start, np.full_like(start, 7.0), start]),
    )
    for (name, fit), starts in zip(_batch_forms(regressor), bad, strict=True):
        found = fit(image, starts, on_bad="nan")
        assert np.isnan(found[1]).all(), f"{name} with on_bad='nan' gives numbers for a face that cannot be fitted"
        _assert_near(found[[0, 2]], fit(image, [starts[0], starts[2]]), f"{name} beside a face that is refused", 0.01)
        message = _refusal(f"{name} of a bad face", (ValueError,), fit, image, starts)
        assert "1" in message, f"{name} says {message!r}; expected it to name face 1"
        message = _refusal(f"{name} with on_bad='skip'", (ValueError,), fit, image, starts, on_bad="skip")
        assert "skip" in message, f"{name} says {message!r}; expected it to name the value, 'skip'"
        _refusal(f"{name} of 2 images for 3 faces", (ValueError,), fit, [image] * 2, starts)


def check_copies(regressor: ShapeRegressor) -> None:
    """A pickled regressor and a deep copy give the same, made after use."""
    wanted = _singles(regressor, _image())
    for way, same in (("a pickled", pickle.loads(pickle.dumps(regressor))), ("a copied", copy.deepcopy(regressor))):
        for name, shape in _singles(same, _image()).items():
            _assert_near(shape, wanted[name], f"{name} of {way} regressor", 1e-6)


def check_threads(regressor: ShapeRegressor) -> None:
    """A regressor that several threads share gives what it gives to one."""
    wanted = _singles(regressor, _image())
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: _singles(regressor, _image()), range(8)):
            for name, shape in found.items():
                _assert_near(shape, wanted[name], f"{name} in one of four threads", 1e-6)


CHECKS: tuple[Callable[[ShapeRegressor], None], ...] = (
    check_mean_shape,
    check_shapes_and_dtypes,
    check_the_same_twice,
    check_kinds_of_images,
    check_kinds_of_boxes,
    check_no_images,
    check_no_starts,
    check_moved_image,
    check_batch_is_its_faces,
    check_several_starts,
    check_nobody,
    check_on_bad,
    check_copies,
    check_threads,
)
"""All checks; each takes a regressor and raises an AssertionError that says what it breaks."""


def _image(move: NDArray[np.float64] | tuple[float, float] = (0.0, 0.0)) -> NDArray[np.uint8]:
    """A grey image of a face."""
    return _drawn(float(move[0]), float(move[1])).copy()


@cache
def _drawn(right: float, down: float) -> NDArray[np.uint8]:
    """The face, moved: smooth everywhere, dark at the eyes and the mouth, light at the nose."""
    rows, columns = np.mgrid[: float(_HEIGHT), : float(_WIDTH)]
    rows, columns = rows - down, columns - right
    light = 140 + 25 * np.sin(columns / 7) * np.cos(rows / 9)
    for (x, y), depth in zip(_POINTS, (-90, -90, 70, -55, -55), strict=True):
        light += depth * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 60)
    return np.asarray(np.rint(light).clip(0, 255), dtype=np.uint8)


def _start(regressor: ShapeRegressor) -> NDArray[np.float64]:
    """The mean shape in the face's box."""
    left, top, right, bottom = _BOX
    box = [[right - left, 0, left], [0, bottom - top, top]]
    return transform_points(box, np.asarray(regressor.mean_shape, dtype=np.float64))


def _forms(regressor: ShapeRegressor) -> list[tuple[str, Callable[..., Any], Any]]:
    """The single forms, each with a start."""
    return [
        ("fit_from_box", regressor.fit_from_box, _BOX),
        ("fit_from_points", regressor.fit_from_points, _POINTS),
        ("fit_from_shape", regressor.fit_from_shape, _start(regressor)),
    ]


def _batch_forms(regressor: ShapeRegressor) -> list[tuple[str, Callable[..., Any]]]:
    many = batched(regressor)
    return [
        ("fit_from_boxes", many.fit_from_boxes),
        ("fit_from_points", many.fit_from_points),
        ("fit_from_shapes", many.fit_from_shapes),
    ]


def _singles(
    regressor: ShapeRegressor,
    image: Any,
    points: NDArray[np.float64] = _POINTS,
    shape: NDArray[np.float64] | None = None,
    box: BoxLike = _BOX,
) -> dict[str, Any]:
    """What the three single forms give."""
    return {
        "fit_from_box": regressor.fit_from_box(image, box),
        "fit_from_points": regressor.fit_from_points(image, points),
        "fit_from_shape": regressor.fit_from_shape(image, _start(regressor) if shape is None else shape),
    }


def _assert_near(found: Any, wanted: Any, what: str, tolerance: float = _TOLERANCE) -> None:
    apart = float(np.abs(np.asarray(found) - np.asarray(wanted)).max())
    assert apart <= tolerance, f"{what} lies {apart:.3g} px from where it should; expected at most {tolerance:g}"


def _refusal(
    what: str, kinds: tuple[type[Exception], ...], call: Callable[..., Any], *arguments: Any, **options: Any
) -> str:
    """The message with which a call is refused."""
    expected = " or ".join(kind.__name__ for kind in kinds)
    try:
        call(*arguments, **options)
    except kinds as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{what} raises {type(error).__name__}: {error}; expected {expected}") from error
    raise AssertionError(f"{what} raises nothing; expected {expected}")
