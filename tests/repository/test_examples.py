"""Every example runs without data, stays on one screen, and shows what it says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from tcdcn_init.geometry import five_from_68, interocular, rotation, transform_points

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["example"])

    def run_one(name: str) -> dict[str, Any]:
        return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    return run_one


def error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=1).mean() / interocular(truth))


@pytest.fixture
def enlarged_points(portrait_points) -> np.ndarray:
    """The portrait's points in the twofold enlargement of its upper part that two examples make."""
    return (portrait_points - [80, 0]) * 2 + 0.5


def turned(points: np.ndarray, centre: Any) -> np.ndarray:
    return transform_points(rotation(30.0, centre), points)


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_on_one_screen_and_says_how_to_run_it(name) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert len(text.splitlines()) <= 50
    assert f"python examples/{name}.py" in text


def test_dlib_one_line(run, enlarged_points, capsys) -> None:
    pytest.importorskip("dlib")
    names = run("dlib_one_line")
    truth = turned(enlarged_points, names["centre"])
    before, after = (error(five_from_68(shape), truth) for shape in names["shapes"])
    assert after < 0.1 < before
    assert imread("dlib_one_line.png").shape == (560, 1200, 3)
    assert "wrote dlib_one_line.png" in capsys.readouterr().out


def test_own_regressor(run, enlarged_points) -> None:
    names = run("own_regressor")
    truth = turned(enlarged_points, (names["box"][:2] + names["box"][2:]) / 2)
    from_box, from_points = (error(shape, truth) for shape in names["shapes"])
    assert from_points < 0.15 < from_box
    assert imread("own_regressor.png").shape == (560, 1200, 3)


def test_skimage_chips(run) -> None:
    run("skimage_chips")
    assert imread("chip0.png").shape == (112, 112, 3)


def test_the_video_keeps_the_face_s_id_though_it_is_covered(run, portrait_points, capsys) -> None:
    names = run("video_loop")
    assert error(names["face"].points, portrait_points - [90, 0]) < 0.15  # the last frame's turn is none
    assert (names["face"].id, names["face"].lost) == (0, False)
    assert "face 0, lost" in capsys.readouterr().out
    assert imread("video_loop.png").shape == (1040, 1040, 3)
