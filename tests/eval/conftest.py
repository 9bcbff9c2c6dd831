"""A small report of drawn errors, for the tests of what is made from reports."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tcdcn_init.eval.bootstrap import paired_change, paired_difference
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.metrics import ced, failure_rate, summarise, summarise_points, summarise_poses
from tcdcn_init.geometry import FIVE_POINTS

STARTS = ("random-1", "random-5", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
# Median errors, in inter-ocular distances: of the starts, and of the two kinds of regressor from them.
ERRORS = {
    "random-1": 0.30,
    "random-5": 0.22,
    "mean": 0.2,
    "tcdcn-aligned": 0.08,
    "tcdcn-nearest": 0.075,
    "oracle": 0.02,
}
GRID = np.round(np.arange(0, 0.3001, 0.002), 3)
NOISES, ROLLS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3), (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 180.0)


def _draw_report(
    points: int = 5,
    faces: int = 90,
    regressors: Sequence[str] = ("ert5-mtfl", "sdm-mtfl"),
    trainings: Sequence[str] = ("untouched", "retrained"),
    starts: Sequence[str] = STARTS,
    gain: float = 1.0,
    sweeps: bool = True,
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    images = [f"image-{face // 2}" for face in range(faces)]
    poses = [int(pose) for pose in rng.choice(5, faces, p=[0.1, 0.2, 0.4, 0.2, 0.1])]
    hardness = np.exp(0.35 * rng.standard_normal((faces, 1)))

    def errors(typical: float) -> np.ndarray:
        return typical * hardness * np.exp(0.3 * rng.standard_normal((faces, points)))

    def sweep(values: Sequence[float], slope: float) -> dict[str, Any]:
        found = []
        for key in keys:
            means = [measured[key][1].mean() * (1 + slope * value) for value in values]
            rates = [failure_rate(measured[key][1].mean(axis=1) * (1 + slope * value), 0.1) for value in values]
            found.append(
                {**dict(zip(("regressor", "training", "start"), key, strict=True)), "failure": rates, "mean": means}
            )
        return {"values": list(values), "faces": faces, "runs": found}

    # Key of a run -> start errors, errors by point and face.
    measured: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]] = {}
    points_alone = errors(0.07)
    measured["none", "untouched", "tcdcn"] = (points_alone.mean(axis=1), points_alone)
    for k, regressor in enumerate(regressors):
        for training in trainings:
            for start in starts:
                typical = ERRORS[start] * (gain if start.startswith("tcdcn") else 1.0)
                share = (0.35, 0.6)[k % 2] * (0.9 if training == "retrained" else 1.0)
                measured[regressor, training, start] = (errors(typical).mean(axis=1), errors(0.04 + share * typical))
    measured = {key: (first, np.array(last)) for key, (first, last) in measured.items()}
    keys = list(measured)

    runs = []
    for regressor, training, start in keys:
        first, last = measured[regressor, training, start]
        baseline = measured.get((regressor, training, "random-5"))
        against = None
        if baseline is not None and start != "random-5" and faces > 1:
            old, few = baseline[1], {"images": images, "resamples": 200}
            mean, before = last.mean(axis=1), old.mean(axis=1)
            against = {
                "nme": dataclasses.asdict(paired_difference(mean, before, **few)),
                "failure": dataclasses.asdict(paired_difference(mean > 0.1, before > 0.1, **few)),
                "points": [dataclasses.asdict(paired_change(last[:, k], old[:, k], **few)) for k in range(points)],
            }
        mean = last.mean(axis=1)
        runs.append(
            {
                "regressor": regressor,
                "training": training,
                "start": start,
                "start_error": dataclasses.asdict(summarise(first)),
                "error": dataclasses.asdict(summarise(mean)),
                "error_box": dataclasses.asdict(summarise(0.4 * mean)),
                "points": [dataclasses.asdict(summary) for summary in summarise_points(last)],
                "poses": {name: dataclasses.asdict(group) for name, group in summarise_poses(mean, poses).items()},
                "against": against,
                "ced": {"grid": GRID.tolist(), "share": ced(mean, GRID).tolist()},
            }
        )
    return {
        "format": 1,
        "command": "tcdcn-init eval --dataset aflw --root mtfl --out <results>",
        "seed": 0,
        "hardware": hardware(),
        "timings": {"seconds": 754.2, "ms_per_face": {"|".join(key): 3.1 + k for k, key in enumerate(keys)}},
        "dataset": {
            "name": "aflw" if points == 5 else "afw68",
            "title": "AFLW" if points == 5 else "AFW-68",
            "faces": faces,
            "images": len(set(images)),
            "points": points,
            "boxes": "given",
            "boxes_derived": 3,
            "unreadable": {"AFLW/<b>broken</b>.jpg": "cannot be read as a picture: broken & cut off"},
            "note": "",
        },
        "model": {"name": "tcdcn-mtfl", "backend": "torch", "passes": 2},
        "point_names": list(FIVE_POINTS) if points == 5 else [str(k) for k in range(points)],
        "starts": list(starts),
        "regressors": ["none", *regressors],
        "baseline": "random-5",
        "runs": runs,
        "noise": sweep(NOISES, 4.0) if sweeps else None,
        "roll": sweep(ROLLS, 0.02) if sweeps else None,
        "published": {
            "source": "Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014",
            "aflw": {"TSPM": 15.9, "ESR": 13.0, "CDM": 13.1, "Luxand": 12.4, "RCPR": 11.6, "SDM": 8.5, "TCDCN": 8.0},
        },
    }


def _draw_gallery(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]], count: int = 4) -> dict[str, Any]:
    from PIL import Image

    rng = np.random.default_rng(1)
    entries = []
    for k in range(2 * count):
        picture, truth = draw_face(rng, size=(240, 200 + 10 * k), eyes=60.0, roll=5.0 * k)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG")
        panels = []
        for start, spread in (("random-5", 24.0), ("tcdcn-nearest", 5.0)):
            shapes = truth + spread * rng.standard_normal((5, 5, 2))
            panels.append(
                {
                    "start": start,
                    "shape_start": shapes.tolist(),
                    "shape": (truth + 0.4 * spread * rng.standard_normal((5, 2))).tolist(),
                    "error": 0.01 * spread,
                }
            )
        entries.append(
            {
                "name": f"AFLW/0-image{k:05d}.jpg",
                "image": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(),
                "scale": 1.0,
                "origin": [0.0, 0.0],
                "truth": truth.tolist(),
                "panels": panels,
                "regressor": "sdm-mtfl",
                "training": "untouched",
            }
        )
    return {"improved": entries[:count], "worst": entries[count:]}


@pytest.fixture(scope="session")
def draw_report() -> Callable[..., dict[str, Any]]:
    """``draw_report(points=, faces=, regressors=, trainings=, starts=, gain=, sweeps=)`` -> what report.json holds.

    Figures and intervals are computed, the errors that they are from are drawn; `gain` multiplies the errors of
    TCDCN's starts: above 3 they lose.
    """
    return _draw_report


@pytest.fixture(scope="session")
def report() -> dict[str, Any]:
    """A report with everything in it: treat as read-only."""
    return _draw_report()


@pytest.fixture(scope="session")
def gallery(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Four improved and four bad faces, drawn."""
    return _draw_gallery(draw_face)
