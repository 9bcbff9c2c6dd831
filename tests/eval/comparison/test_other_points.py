"""Points of another initializer, beside TCDCN's and as starts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from known_starts import BANK, EYES, MODEL, OFF, in_box, make_plan
from tcdcn_init.eval.comparison.data import report_data
from tcdcn_init.eval.comparison.finding import finding
from tcdcn_init.eval.comparison.measure import measure_starts
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Run
from tcdcn_init.eval.comparison.tables.points_alone import points_tables
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.other_points import any_start


def slightly_off(image, boxes) -> np.ndarray:
    """Another initializer: two pixels to the right."""
    return np.stack([in_box(box) + [2, 0] for box in boxes])


def test_other_points_are_compared_beside_tcdcns_and_started_from(faces, tmp_path) -> None:
    file = tmp_path / "theirs.csv"
    rows = [",".join([face.name, *map(str, (face.points + [3, 0]).ravel())]) for face in faces[4:]]
    head = ",".join(f"{axis}{k}" for k in range(5) for axis in "xy")
    file.write_text("\n".join([f"image,{head}", *rows]))
    own = [any_start(each, BANK, faces) for each in (slightly_off, str(file))]
    plan = make_plan("random-5", "tcdcn-nearest", noises=(0, 0.1), rolls=(0, 30))
    plan = dataclasses.replace(plan, starts=(*plan.starts, *own))
    measured = measure_starts(faces, plan, journal=tmp_path / "journal")
    theirs, fitted = Run("none", "original", "theirs.csv"), Run("halfway", "original", "theirs.csv")
    errors = dict(zip(measured.runs, measured.errors, strict=True))
    assert measured.runs[:3] == [POINTS_RUN, Run("none", "original", "slightly_off"), theirs]
    np.testing.assert_allclose(errors[measured.runs[1]], 2 / EYES, atol=1e-5)
    np.testing.assert_allclose(errors[theirs][4:], 3 / EYES, atol=1e-5)
    assert np.isnan(errors[theirs][:4]).all()
    assert np.isnan(errors[fitted][:4]).all()
    np.testing.assert_allclose(errors[Run("halfway", "original", "slightly_off")][0], 1 / EYES, atol=1e-5)

    report = report_data(Case("x", "X", faces, "given", (), "a note"), plan, measured, model=MODEL)
    alone = {each.start: each for each in report.points_alone}
    assert {name: (each.shared.count, len(each.without)) for name, each in alone.items()} == {
        "tcdcn": (36, 0),
        "slightly_off": (36, 0),
        "theirs.csv": (36, 4),
    }
    assert alone["theirs.csv"].without == [face.name for face in faces[:4]]
    assert alone["tcdcn"].against is None
    assert alone["theirs.csv"].against.nme.estimate == pytest.approx((3 - OFF[0]) / EYES, abs=1e-5)
    assert report.seeded_start == "tcdcn-nearest"
    # A file's points stay where they are in other boxes, and there are none of rotated images.
    noise, roll = ({(run.regressor, run.start): run for run in sweep.runs} for sweep in (report.noise, report.roll))
    assert noise["none", "theirs.csv"].mean[0] == noise["none", "theirs.csv"].mean[1]
    assert set(noise) - set(roll) == {("none", "theirs.csv"), ("halfway", "theirs.csv")}

    [table] = points_tables(report)
    assert [row[0].text for row in table.rows] == ["TCDCN's points", "points of slightly_off", "points of theirs.csv"]
    assert "No points of theirs.csv for 4 faces: 0.png#0, 0.png#1, 1.png#0, 1.png#1." in table.note
    assert "Rolled heads are not measured from theirs.csv" in table.note
    assert finding(report)[-1].startswith(
        "Of the 36 faces that all have points of, those of theirs.csv fail on 100.0 %"
    )

    file.write_text(file.read_text().replace(rows[-1], rows[-1] + "1"))
    changed = dataclasses.replace(plan, starts=(*plan.starts[:-1], any_start(str(file), BANK, faces)))
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces, changed, journal=tmp_path / "journal")
