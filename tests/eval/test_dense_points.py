"""Dense points as they are used, on a portrait whose points are known, written as data sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from tcdcn_init.adapters.dense import DenseNetwork
from tcdcn_init.confidence import Calibration
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.eval.dense_points import DenseReport, dense_table, run_dense
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.confidence.calibration import calibrate_model
from tcdcn_init.weights import find_model


@pytest.fixture(scope="module")
def data(portrait: np.ndarray, portrait_points: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lfpw/ and helen/: brighter and darker portraits, and the network's own points a little moved."""
    root = tmp_path_factory.mktemp("data")
    corner = np.array([150, 40])
    face = portrait[40:200, 150:300]
    points = DenseNetwork().fit_from_points(portrait, portrait_points) - corner
    rng = np.random.default_rng(0)
    for name, parts in {"lfpw": ("train", "test"), "helen": ("train", "test")}.items():
        rows = ["image," + ",".join(f"x{k},y{k}" for k in range(68))]
        for part in parts:
            (root / name / "images" / part).mkdir(parents=True)
            for number in range(20 if part == "train" else 2):
                picture = Image.fromarray((face * rng.uniform(0.6, 1.0)).astype(np.uint8))
                picture.save(root / name / "images" / part / f"{number}.png")
                moved = points + rng.normal(0, 0.5, points.shape)
                rows.append(",".join([f"{part}/{number}.png", *(f"{value:.3f}" for value in moved.ravel())]))
        (root / name / "points.csv").write_text("\n".join(rows))
    return root


def test_figures_are_of_the_bundled_network(data, tmp_path):
    report = run_dense(data, tmp_path / "out", Settings(command="dense of a test"))
    figures = report.figures
    assert figures.clean.count == figures.occluded.count == 4
    assert figures.clean.mean < 0.05
    assert figures.clean.mean < figures.occluded.mean
    assert sum(each.points for each in figures.bins) == 8 * 68
    expected = [each.expected for each in figures.bins]
    assert expected == sorted(expected)
    [hidden] = figures.hidden.values()
    assert hidden.visible + hidden.hidden == 8 * 68
    assert hidden.auroc > 0.6
    assert DenseReport.read(tmp_path / "out" / "dense.json") == report
    assert f"{100 * figures.clean.mean:.2f} /" in dense_table(figures)


def test_a_calibration_is_written_into_the_file_and_used(data, tmp_path, portrait, portrait_points):
    model = tmp_path / "dense.safetensors"
    shutil.copy(find_model("tcdcn-68", ".safetensors"), model)
    calibration = calibrate_model(model, data)
    assert calibration == calibrate_model(model, data)  # of the network's own answers, whatever the file says
    with safe_open(model, "pt") as file:
        assert Calibration.from_metadata(file.metadata()).to_json() == calibration.to_json()
    answers = DenseNetwork(model, backend="torch").answers([portrait], portrait_points[None])
    # Points that are moved by half a pixel on purpose: no more is to be expected of them.
    assert 0.005 < answers.expected_error.mean() < 0.06
    assert answers.visible.mean() > 0.8


def test_a_folder_without_the_sets_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds none of lfpw, helen"):
        calibrate_model(find_model("tcdcn-68", ".safetensors"), tmp_path)
    with pytest.raises(FileNotFoundError, match="300-W is not"):
        run_dense(tmp_path, tmp_path / "out", Settings())


def test_data_of_ones_own_are_refused_for_dense_points(tmp_path):
    with pytest.raises(ValueError, match=r"calibrated on a folder with lfpw/, helen/ or infants/; .*mine\.csv is none"):
        calibrate_model(find_model("tcdcn-68", ".safetensors"), OwnData(tmp_path / "mine.csv"))
