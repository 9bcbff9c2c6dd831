"""What a report says of a comparison whose right answers are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from known_starts import MODEL, Staying, make_plan
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.data import report_data, write_faces
from tcdcn_init.eval.comparison.measure import Measured, measure_starts
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Plan, Run
from tcdcn_init.eval.comparison.report import DatasetFacts, Report
from tcdcn_init.eval.measuring.cases import Case


@pytest.fixture(scope="module")
def compared(faces) -> tuple[Case, Plan, Measured, Report]:
    """A whole report: a regressor as trained, and retrained for one start and for the baseline."""
    retrained = {("halfway", "tcdcn-nearest"): Staying, ("halfway", "random-5"): Staying}
    plan = make_plan("random-5", "tcdcn-nearest", "mean", retrained=retrained, noises=(0, 0.1), rolls=(0, 30))
    measured = measure_starts(faces, plan)
    case = Case("x", "X", faces, "given", (), "a note")
    return case, plan, measured, report_data(case, plan, measured, model=MODEL, command="c")


def test_a_retrained_regressor_is_a_run_of_its_own(compared) -> None:
    _, _, measured, _ = compared
    row = measured.runs.index(Run("halfway", "retrained", "tcdcn-nearest"))
    np.testing.assert_allclose(measured.errors[row], 0.25, atol=1e-5)
    assert [run.start for run in measured.runs if run.training == "retrained"] == ["random-5", "tcdcn-nearest"]


def test_differences_are_against_the_baseline_of_the_same_training(compared) -> None:
    _, _, measured, report = compared
    errors = dict(zip(measured.runs, measured.errors, strict=True))
    for run, row in zip(measured.runs, report.runs, strict=True):
        if run == POINTS_RUN or run.start == "random-5":
            assert row.against is None
            continue
        base = errors[Run(run.regressor, run.training, "random-5")]
        nme, failure = row.against.nme, row.against.failure
        assert nme.estimate == pytest.approx((errors[run] - base).mean())
        assert nme.low <= nme.estimate <= nme.high
        assert nme.images == 20
        assert failure.estimate == pytest.approx((errors[run] > 0.1).mean() - (base > 0.1).mean())
        assert len(row.against.points) == 5


def test_a_report_states_what_was_measured(compared) -> None:
    case, _, measured, report = compared
    assert report.dataset == DatasetFacts("x", "X", 40, 20, 5, "given", 0, {}, "a note")
    assert report.regressors == ["none", "halfway"]
    assert report.starts == ["random-5", "tcdcn-nearest", "mean"]
    assert list(report.runs[0].poses) == ["right profile", "not annotated"]
    assert report.runs[0].poses["right profile"].count == 10
    assert report.runs[0].ced.share[-1] == 1.0  # 0.25 is below 0.3
    assert report.runs[0].ced.share[0] == 0.0
    assert report.noise.values == [0, 0.1]
    assert report.roll.runs[0].failure == [1.0, 1.0]
    assert report.published.figures["aflw"]["TCDCN"] == 8.0
    assert report.runs[1].error.mean == pytest.approx(measured.errors[1].mean())
    assert len(case.faces) == 40


def test_a_report_is_read_back_as_it_was_written(compared, tmp_path) -> None:
    *_, report = compared
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
    (tmp_path / "report.json").write_text((tmp_path / "report.json").read_text().replace('"seed": 0', '"seed": "0"'))
    with pytest.raises(ValueError, match=r"report.json is no Report .*seed is '0'; expected int"):
        Report.read(tmp_path / "report.json")


def test_faces_are_listed_with_blanks_for_what_is_missing(compared, tmp_path) -> None:
    case, _, measured, _ = compared
    measured = dataclasses.replace(measured, errors=measured.errors.copy())
    measured.errors[1, 0] = np.nan
    write_faces(tmp_path / "faces.csv", case, measured)
    lines = (tmp_path / "faces.csv").read_text().splitlines()
    assert lines[0] == "name,image,pose,regressor,training,start,start_error,error,error_box,e0,e1,e2,e3,e4"
    assert len(lines) == 1 + 40 * 6
    assert lines[1].startswith("0.png#0,0.png,right profile,none,original,tcdcn,0.250000,0.250000,0.100000,")
    assert lines[2].split(",")[7] == ""


def test_no_name_in_the_list_is_a_formula(compared, tmp_path) -> None:
    case, _, measured, _ = compared
    evil = dataclasses.replace(case.faces[0], name="=cmd|x!A1.jpg")
    write_faces(tmp_path / "faces.csv", dataclasses.replace(case, faces=[evil, *case.faces[1:]]), measured)
    assert (tmp_path / "faces.csv").read_text().splitlines()[1].startswith("./=cmd|x!A1.jpg,")


def test_points_that_nobody_annotated_count_in_no_figure(faces, tmp_path) -> None:
    def without(face: Face, *points: int) -> Face:
        shape = face.points.copy()
        shape[list(points)] = np.nan
        return dataclasses.replace(face, points=shape)

    holed = [without(faces[0], 2), without(faces[1], 0), without(faces[2], 3, 4), *faces[3:]]
    plan = make_plan("mean", "tcdcn-aligned", "oracle")
    whole, found = (measure_starts(some, plan) for some in (faces, holed))
    # Every point is off alike, so that those which are left have the errors of all; nothing counts as missing.
    eyes = [k for k in range(40) if k != 1]
    np.testing.assert_allclose(found.errors[:3, eyes], whole.errors[:3, eyes], atol=1e-6)
    # What lacks an eye has its length estimated; what the oracle knows of a missing point is an estimate too.
    np.testing.assert_allclose(found.errors, whole.errors, rtol=0.1, atol=0.01)
    case = Case("csv", "mine.csv", holed, "given", (), "")
    report = report_data(case, plan, found, model=MODEL)
    for run in report.runs:
        assert [each.count for each in run.points] == [39, 40, 39, 39, 39]
        assert run.error.missing == sum(each.missing for each in run.points) == 0
    write_faces(tmp_path / "faces.csv", case, found)
    first = (tmp_path / "faces.csv").read_text().splitlines()[1].split(",")[-5:]
    assert [bool(cell) for cell in first] == [True, True, False, True, True]
