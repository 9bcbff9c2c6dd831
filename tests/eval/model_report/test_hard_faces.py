"""Errors of faces with missing points, and the AUROC of what is hidden, on faces drawn for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave
from typer.testing import CliRunner

from tcdcn_init import Initializer
from tcdcn_init.cli.app import app
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.model_report.hard_faces import (
    HardFacesReport,
    HiddenPoints,
    errors_of,
    hard_faces,
    hard_faces_table,
    seen_or_hidden,
)
from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.stage import TwoStage

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float32)


def face(points: np.ndarray, name: str = "a.png", box: tuple[float, ...] = (10, 0, 90, 100)) -> Face:
    return Face(name, Path(name), points.astype(np.float32), np.array(box, dtype=np.float64))


def test_errors_are_of_annotated_points_in_the_right_unit():
    half = FIVE.copy()
    half[[0, 3]] = np.nan
    faces = [face(FIVE), face(half), face(FIVE)]
    points = np.stack([FIVE + [4, 0], FIVE + [0, 3], np.full((5, 2), np.nan)])
    errors = errors_of(points, faces)
    np.testing.assert_allclose(errors[:2], [0.1, 3 / (0.42 * np.sqrt(80 * 100))], rtol=1e-6)
    assert np.isnan(errors[2])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LFPW and its 29 flagged points, drawn; two faces of it hide an eye."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows, flags = [], []
    for k in range(6):
        name = f"test/{k}.png"
        (folder / "lfpw" / "images" / "test").mkdir(parents=True, exist_ok=True)
        imsave(folder / "lfpw" / "images" / name, rng.integers(0, 255, (120, 110), dtype=np.uint8))
        points = rng.uniform(20, 90, (68, 2))
        points[36:42], points[42:48], points[[30, 48, 54]] = FIVE[0], FIVE[1], FIVE[2:]
        rows.append(",".join([name, *(f"{value:.2f}" for value in points.ravel())]))
        flags.append(",".join([name, *("1" if j == 16 and k < 2 else "0" for j in range(29))]))
    head = ",".join(["image", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
    (folder / "lfpw" / "points.csv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "lfpw29").mkdir()
    head = ",".join(["image", *(f"hidden{k}" for k in range(29))])
    (folder / "lfpw29" / "points.csv").write_text("\n".join([head, *flags]) + "\n")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.manual_seed(0)
    config = TwoStageConfig(
        StageConfig(side=16, view=2.2, fold=2, widths=(4, 6), layers=(1, 1), feature=8),
        StageConfig(side=24, view=1.1, fold=2, widths=(4, 6, 8), layers=(1, 2, 1), feature=8),
    )
    path = tmp_path_factory.mktemp("model") / "two.safetensors"
    save_network(path, TwoStage(config).eval(), {})
    return path


def test_what_is_there_is_measured(root, model):
    measured = hard_faces(Initializer(model, backend="torch"), root)
    assert measured.errors["LFPW and HELEN, test"].count == 6
    assert set(measured.errors) == {"LFPW and HELEN, test"}
    assert (measured.hidden["LFPW, test"].hidden, measured.hidden["LFPW, test"].visible) == (2, 28)
    assert "| LFPW, test | 28 / 2 | 0." in hard_faces_table(measured)
    without = hard_faces(Initializer("tcdcn-mtfl"), root)
    assert without.hidden == {}
    assert "AUROC" not in hard_faces_table(without)


def test_faces_without_an_answer_do_not_count():
    visible = np.array([[0.9, 0.8, 0.3, 0.9, 0.1], [np.nan] * 5])
    hidden = np.array([[False, True, True, False, False], [True] * 5])
    assert seen_or_hidden(visible, hidden) == HiddenPoints(4 / 6, 3, 2)


def test_the_command(root, model, tmp_path):
    result = CliRunner().invoke(
        app, ["report", str(model), "--others", str(root), "--backend", "torch", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "LFPW and HELEN, test" in result.output
    assert HardFacesReport.read(tmp_path / "out/hard_faces/hard_faces.json").measured.errors
