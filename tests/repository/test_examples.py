"""Every example of the gallery runs without data, stays short, and shows what it says."""

from __future__ import annotations

import importlib.util
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcdcn_init.geometry import five_from_68, interocular, rotation, transform_points

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))


@pytest.fixture
def run(tmp_path, monkeypatch) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Runs an example by its name and gives what it leaves; no figure is left open, no file written beside it."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)

    def run_one(name: str) -> dict[str, Any]:
        return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    yield run_one
    plt.close("all")
    assert list(tmp_path.iterdir()) == []


def needs(package: str, how: str) -> None:
    """Skip where a library is not installed, without importing it: one of them ends the process when it fails."""
    for name in (package, *({"face_recognition": ("face_recognition_models", "pkg_resources")}.get(package, ()))):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: {how}")


def error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=1).mean() / interocular(truth))


def turned(points: np.ndarray, degrees: float, centre: Any) -> np.ndarray:
    """As scikit-image turns an image, anticlockwise as seen."""
    return transform_points(rotation(-degrees, centre), points)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_is_a_page_of_the_gallery_and_short(script) -> None:
    text = script.read_text(encoding="utf-8")
    title, line = text.splitlines()[1:3]
    assert set(line) == {"="}
    assert len(line) == len(title)
    assert len(text.splitlines()) <= 65


def test_first_points(run, portrait_points) -> None:
    [face] = run("plot_first_points")["faces"]
    assert error(face.points, portrait_points) < 0.1


def test_boxes_and_rolls_do_not_move_the_points(run, portrait_points) -> None:
    names = run("plot_bad_boxes")
    degrees = [0, 0, 0, 0, 90, 180]
    for angle, [face] in zip(degrees, names["found"], strict=True):
        assert error(face.points, turned(portrait_points, angle, names["centre"])) < 0.1


def test_confidence_falls_as_the_box_leaves_the_face(run) -> None:
    names = run("plot_confidence")
    good, all_of_them = names["confidence"][:6], names["confidence"]
    assert min(good) > 0.9
    assert min(all_of_them) < 0.1
    assert 6 <= len(names["kept"]) < len(all_of_them)
    assert all(error < 0.1 for error in names["error"][:6])


def test_dlib_one_line(run, portrait_points) -> None:
    needs("dlib", "the extra [dlib]")
    names = run("plot_dlib_one_line")
    truth = turned(portrait_points, -30, names["centre"])
    before, after = (error(five_from_68(np.array(shape)), truth) for shape in names["shapes"])
    assert after < 0.1 < before


def test_own_regressor(run, portrait_points) -> None:
    names = run("plot_own_regressor")
    truth = turned(portrait_points, -30, (names["box"][:2] + names["box"][2:]) / 2)
    from_box, from_points = (error(shape, truth) for shape in names["shapes"])
    assert from_points < 0.15 < from_box


def test_own_start(run, portrait_points) -> None:
    names = run("plot_own_start")
    truth = turned(portrait_points, -25, (224, 120))
    in_box, on_points, nearest = (error(five_from_68(shape), truth) for shape in names["fitted"].values())
    assert max(on_points, nearest) < 0.1 < in_box


def test_own_points(run) -> None:
    names = run("plot_own_points")
    assert names["found"].points.shape == (4, 2)
    assert np.mean(names["error"]) < 3  # of pages 60 pixels wide


def test_points_compared(run) -> None:
    errors = run("plot_points_compared")["errors"]
    assert errors["none", "tcdcn"] < 10 < errors["none", "template"]
    assert errors["sdm-mtfl", "tcdcn-nearest"] < errors["sdm-mtfl", "template"]


def test_chips(run) -> None:
    names = run("plot_chips")
    assert [chip.shape for chip in names["chips"].values()] == [(112, 112, 3), (112, 112, 3), (128, 128, 3)]
    assert names["upright"].rotation == pytest.approx(np.radians(40 - 3), abs=0.05)  # her head is turned by 3


def test_folder(run) -> None:
    rows = run("plot_folder")["rows"]
    assert [(Path(row["image"]).name, row["status"]) for row in rows] == [
        ("coins.png", "no face"),
        ("portrait.png", "ok"),
        ("smaller.png", "ok"),
    ]


def test_the_tracker_finds_the_face_again_under_the_same_number(run, portrait_points) -> None:
    found = run("plot_video")["found"]
    assert {face.id for _, faces in found for face in faces} == {0}
    lost = [number for number, (_, faces) in enumerate(found) if any(face.lost for face in faces)]
    assert lost
    assert set(lost) <= set(range(20, 31))
    [face] = found[-1][1]
    assert error(face.points, portrait_points - [90, 0]) < 0.1  # the last frame's turn is none


def test_labelling_there_and_back(run, portrait_points) -> None:
    names = run("plot_labelling")
    moved = names["face"].points - [[0, 0], [0, 0], [8, 0], [0, 0], [0, 0]]
    assert error(moved, portrait_points) < 0.1


# --- in other libraries, each the real one


def test_face_recognition(run) -> None:
    needs("face_recognition", "pip install --no-deps face_recognition face_recognition_models 'setuptools<81'")
    names = run("elsewhere/plot_face_recognition")
    (before, _), (after, landmarks) = names["before"], names["after"]
    assert after < 0.2 < 0.6 < before  # from 0.6 on it is another person to face_recognition
    assert len(landmarks["left_eye"]) == 6


def test_face_aligner(run) -> None:
    needs("imutils", "the extra [dropins]")
    from tcdcn_init import initialize

    names = run("elsewhere/plot_face_aligner")
    whole = [(20, 20, 236, 236)]  # of a chip of 256 pixels
    before, after = (abs(initialize(names[name], whole)[0].roll) for name in ("before", "after"))
    assert after < 5 < 20 < before


def test_deepface(run, portrait_points, monkeypatch, tmp_path_factory) -> None:
    needs("deepface", "pip install --no-deps deepface, and gdown, requests, tqdm, werkzeug")
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path_factory.mktemp("deepface")))
    area = run("elsewhere/plot_deepface")["found"]["facial_area"]
    eyes = np.array([area["right_eye"], area["left_eye"]])  # of the person: the left one lies right in the image
    assert np.abs(eyes - turned(portrait_points, 25, (224, 120))[:2]).max() < 4


def test_norm_crop(run) -> None:
    needs("insightface", "the extra [dropins]")
    names = run("elsewhere/plot_norm_crop")
    assert names["theirs"].shape == names["ours"].shape == (128, 128, 3)
    assert np.abs(255 * names["ours"] - names["theirs"]).mean() < 0.7
