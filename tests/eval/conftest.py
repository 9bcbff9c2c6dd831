"""Reports of drawn errors, made by the code that makes all reports, for the tests of what is made from them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from builders import make_case
from tcdcn_init.eval.comparison.data import report_data
from tcdcn_init.eval.comparison.measure import Measured
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Plan
from tcdcn_init.eval.comparison.report import Gallery, GalleryFace, ModelFacts, Panel, Report, Timings
from tcdcn_init.eval.starts import make_start
from tcdcn_init.shapes import ShapeBank

STARTS = ("random-1", "random-5", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
# Median errors of the starts, in inter-ocular distances.
ERRORS = dict(zip(STARTS, (0.30, 0.22, 0.2, 0.08, 0.075, 0.02), strict=True))
NOISES, ROLLS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3), (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 180.0)


def _draw_report(
    points: int = 5,
    faces: int = 90,
    regressors: Sequence[str] = ("ert5-mtfl", "sdm-mtfl"),
    trainings: Sequence[str] = ("original", "retrained"),
    starts: Sequence[str] = STARTS,
    gain: float = 1.0,
    *,
    sweeps: bool = True,
    poses: bool = True,
    name: str = "aflw",
) -> Report:
    rng = np.random.default_rng(0)
    hardness = np.exp(0.35 * rng.standard_normal((faces, 1)))

    def errors(typical: float, count: int = points) -> np.ndarray:
        return typical * hardness * np.exp(0.3 * rng.standard_normal((faces, count)))

    classes = rng.choice(5, faces, p=[0.1, 0.2, 0.4, 0.2, 0.1]).tolist() if poses else None
    case = make_case(faces, points, poses=classes, name=name)
    unreadable = {"AFLW/<b>broken</b>.jpg": "cannot be read as an image: broken & cut off"}
    bank = ShapeBank(np.random.default_rng(0).random((30, points, 2)))
    plan = Plan(
        dict.fromkeys(regressors, _never),
        tuple(make_start(start, bank) for start in starts),
        retrained={(name, start): _never for name in regressors for start in starts if "retrained" in trainings},
        noises=NOISES if sweeps else (),
        rolls=ROLLS if sweeps else (),
    )
    started, ended = [], []
    runs = [run for run in plan.runs if run == POINTS_RUN or run.training in trainings]
    for run in runs:
        if run == POINTS_RUN:
            ended.append(errors(0.07, 5))
            started.append(ended[-1].mean(axis=1))
            continue
        typical = ERRORS[run.start] * (gain if run.start.startswith("tcdcn") else 1.0)
        share = (0.35, 0.6)[list(regressors).index(run.regressor) % 2] * (0.9 if run.training == "retrained" else 1.0)
        started.append(errors(typical).mean(axis=1))
        ended.append(errors(0.04 + share * typical))
    means = np.stack([each.mean(axis=1) for each in ended])
    curves = {
        kind: np.stack([means * (1 + slope * value) for value in values], axis=1)
        for kind, values, slope in (("noise", plan.noises, 4.0), ("roll", plan.rolls, 0.02))
        if values
    }
    measured = Measured(
        runs, np.stack(started), means, 0.4 * means, ended, curves, list(range(faces)), unreadable,
        [3.1 + k for k in range(len(runs))], 700.0,
    )  # fmt: skip
    report = report_data(
        case, plan, measured, model=ModelFacts("tcdcn-mtfl", "torch", 2), command="tcdcn-init eval --dataset aflw"
    )
    return report.timed(Timings(754.2, 700.0, 1, measured.ms_per_face))


def _never() -> None:
    raise AssertionError("a report loads no regressor")


def _draw_gallery(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]], count: int = 4) -> Gallery:
    from PIL import Image

    rng = np.random.default_rng(1)
    faces = []
    for k in range(2 * count):
        image, truth = draw_face(rng, size=(240, 200 + 10 * k), eyes=60.0, roll=5.0 * k)
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG")
        panels = []
        for start, spread in (("random-5", 24.0), ("tcdcn-nearest", 5.0)):
            shapes = truth + spread * rng.standard_normal((5, 5, 2))
            shape = truth + 0.4 * spread * rng.standard_normal((5, 2))
            panels.append(Panel(start, shapes.tolist(), shape.tolist(), 0.01 * spread))
        uri = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        name = f"AFLW/0-image{k:05d}.jpg"
        faces.append(GalleryFace(name, uri, 1.0, [0.0, 0.0], truth.tolist(), panels, "sdm-mtfl", "original"))
    return Gallery(faces[:count], faces[count:])


@pytest.fixture(scope="session")
def draw_report() -> Callable[..., Report]:
    """``draw_report(points=, faces=, regressors=, trainings=, starts=, gain=, sweeps=, poses=, name=)`` -> a report.

    Its errors are drawn, its figures and intervals are made of them; `gain` multiplies the errors of TCDCN's starts:
    above 3 they lose.
    """
    return _draw_report


@pytest.fixture(scope="session")
def report() -> Report:
    """A report with everything in it."""
    return _draw_report()


@pytest.fixture(scope="session")
def gallery(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Gallery:
    """Four improved and four bad faces, drawn."""
    return _draw_gallery(draw_face)
