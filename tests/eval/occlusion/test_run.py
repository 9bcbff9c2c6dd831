"""The experiment of 29 points from end to end, on drawn faces; what it counts, and its page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import SMALL_RCPR
from tcdcn_init.datasets import Face, hold_out
from tcdcn_init.datasets.published.cofw import read_lfpw29
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, occluded_part
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.occlusion.report import POINT_NAMES, OcclusionReport
from tcdcn_init.eval.occlusion.run import RUNS, detection, run_occlusion
from tcdcn_init.eval.occlusion.training import hidden_in, train_variants

TINY = replace(SMALL_RCPR, stages=2, ferns=6, places=90, zones=3)


@pytest.fixture(scope="module")
def root(draw_29, tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("lfpw29")
    columns = ["image", *(f"{axis}{k}" for k in range(29) for axis in "xy"), *(f"hidden{k}" for k in range(29))]
    rows, rng = [",".join(columns)], np.random.default_rng(1)
    for k in range(42):
        image, points, hidden = draw_29(rng)
        name = f"{'test' if k < 12 else 'train'}/{k}.png"
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "images" / name)
        rows.append(",".join([name, *(f"{v:.3f}" for v in points.ravel()), *map(str, hidden.astype(int))]))
    (folder / "points.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_it_trains_measures_and_writes_its_page(root, tmp_path) -> None:
    assert hold_out(read_lfpw29(root, "train"))[1], "no drawn face is held out: draw more"
    settings = Settings(command="tcdcn-init paper occlusion --root LFPW29")
    report = run_occlusion("lfpw29", root, tmp_path, settings, TINY)
    assert report == OcclusionReport.read(tmp_path / "occlusion.json")
    assert [(run.regressor, run.start) for run in report.runs[: len(RUNS)]] == list(RUNS)
    own = read_lfpw29(root, "test")
    hidden = sum(int(face.hidden.sum()) for face in own)
    for run in report.runs[:4]:
        assert (run.error.count, run.detection.hidden, run.detection.points) == (12, hidden, 12 * 29)
        assert run.occluded.count == sum(face.hidden.any() for face in own)
    page = (tmp_path / "occlusion.md").read_text()
    for text in ("precision at 80 % recall", settings.command, "| rcpr | random-5 |", "improvement.png", "derived"):
        assert text in page
    assert (tmp_path / "improvement.svg").read_text().startswith("<?xml")
    for each in report.improvements:
        before, after = (
            next(run for run in report.runs if (run.condition, run.regressor, run.start) == (each.condition, *key))
            for key in (("rcpr", "random-5"), (each.regressor, "tcdcn-nearest"))
        )
        errors = [getattr(run, {"all": "error", "occluded": "occluded"}[each.faces]).mean for run in (before, after)]
        assert each.overall.estimate == pytest.approx(1 - errors[1] / errors[0])
        assert len(each.points) == len(POINT_NAMES) == 29
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "regressors").iterdir()}
    train_variants(read_lfpw29(root, "train"), tmp_path / "regressors", settings, TINY)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept  # finished trainings are kept


def test_precision_is_that_where_four_fifths_are_called_hidden() -> None:
    hidden = np.array([True] * 5 + [False] * 5)
    said = np.array([0.9, 0.8, 0.7, 0.6, 0.0, 0.65, 0.5, 0.4, 0.3, 0.2])
    found = detection(hidden, said)
    assert found.precision_at_80 == pytest.approx(4 / 5)
    assert (found.hidden, found.points) == (5, 10)
    assert detection(hidden, hidden.astype(float)).precision_at_80 == 1
    assert detection(hidden, np.zeros(10)).precision_at_80 == pytest.approx(0.5)  # who knows nothing calls all hidden
    assert detection(hidden, np.full(10, np.nan)).average_precision == pytest.approx(0.5)
    assert detection(~hidden & hidden, said).precision_at_80 is None


def test_points_under_a_drawn_rectangle_are_hidden_too(root) -> None:
    face: Face = read_lfpw29(root, "test")[0]
    np.testing.assert_array_equal(hidden_in(face, OWN_BOX, 0), face.hidden)
    left, top, right, bottom = occluded_part(face, 0.3, 0)
    under = (face.points >= [left, top]).all(axis=1) & (face.points <= [right, bottom]).all(axis=1)
    np.testing.assert_array_equal(hidden_in(face, Condition("occlusion", 0.3), 0), face.hidden | under)


def test_another_data_set_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="did you mean cofw"):
        run_occlusion("cofv", tmp_path, tmp_path)
