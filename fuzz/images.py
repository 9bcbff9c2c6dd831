"""Images of every type, shape and range with boxes of every kind, drawn by hypothesis."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from campaign import Result
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tcdcn_init import Initializer

_DTYPES = ("u1", "u1", "u1", "f4", "f8", "u2", "i2", "i4", "u8", "f2", "f4", "f8", ">u2", ">f4", "?", "c8", "U3")
_shapes = st.one_of(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(30, 60), st.integers(30, 60), st.sampled_from((3, 4))),
    st.tuples(st.integers(1, 30), st.integers(1, 30), st.sampled_from((1, 2, 3, 4, 5))),
    st.sampled_from([(0, 3), (3, 0, 3), (5,), (2, 2, 3, 3), (1, 200), (200, 1)]),
)
_numbers = st.one_of(
    st.integers(-5, 50),
    st.floats(-20, 60),
    st.sampled_from([float("nan"), float("inf"), 1e-9, 1e12, 1e13, -1e300, 2**31, 0.0, -0.5, -0.0]),
)
_box = st.one_of(
    st.tuples(_numbers, _numbers, _numbers, _numbers),
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(12, 30), st.integers(12, 30)),
    st.tuples(st.floats(-5, 8), st.floats(-5, 8), st.floats(12, 80), st.floats(12, 80)),
    st.sampled_from([(), (1,), "box", None, (1, 2, 3, "4"), (1, 2, 3, 4j)]),
)


@st.composite
def _images(draw: Any) -> Any:
    kind, shape = np.dtype(draw(st.sampled_from(_DTYPES))), draw(_shapes)
    elements: Any = None
    if kind.kind == "f":
        low, high = draw(st.sampled_from([(0, 1), (0, 1), (-1, 1), (0, 255), (-1e4, 1e4)]))
        elements = st.floats(low, high, width=8 * kind.itemsize) | st.sampled_from([0.0, 1.0, float("nan")])
    return draw(arrays.arrays(kind, shape, elements=elements, fill=st.just(1) if kind.kind in "iu" else None))


def campaign(count: int, seed: int) -> Result:
    """Every box has an answer or a refusal of its own, and a bad one changes no other."""
    result = Result(
        "Images x boxes",
        "Every box has five finite points, or NaN with `on_bad='nan'` and a `ValueError` without; "
        "a bad box changes no other's points.",
    )
    initializer = Initializer("tcdcn-mtfl", backend="auto")

    @seeded(seed)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(_images(), st.lists(_box, max_size=3))
    def one(image: Any, boxes: list[Any]) -> None:
        start = time.perf_counter()
        result.outcomes[_outcome(initializer, image, boxes, result)] += 1
        result.slowest = max(result.slowest, time.perf_counter() - start)

    begun = time.perf_counter()
    one()
    result.seconds = time.perf_counter() - begun
    return result


def _outcome(initializer: Initializer, image: Any, boxes: list[Any], result: Result) -> str:
    shown = f"{image.dtype} {image.shape} {image.ravel()[:20].tolist()}, boxes {boxes}"
    try:
        points = [face.points for face in initializer(image, boxes, on_bad="nan")]
    except (TypeError, ValueError) as error:
        return f"refused: {type(error).__name__}" if str(error) else result.fault("an empty message", shown)
    except BaseException as error:
        return result.fault(f"raised {type(error).__name__}: {error}", shown)
    if len(points) != len(boxes):
        return result.fault(f"{len(points)} answers for {len(boxes)} boxes", shown)
    finite = [bool(np.isfinite(shape).all()) for shape in points]
    if any(np.isfinite(shape).any() and not valid for shape, valid in zip(points, finite, strict=True)):
        return result.fault("some coordinates are finite and some are not", shown)
    for shape, box, valid in zip(points, boxes, finite, strict=True):
        try:
            [alone] = initializer(image, [box])
        except ValueError:
            if valid:
                return result.fault("a box is refused alone and answered among others", shown)
            continue
        if not valid or not np.allclose(alone.points, shape, atol=1e-3):
            return result.fault("a box's points depend on the others", shown)
    return f"{sum(finite)} of {len(boxes)} boxes answered" if boxes else "no boxes"
