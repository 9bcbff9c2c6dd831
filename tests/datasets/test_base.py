"""The record, and the error that names broken rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets.base import BadRows, Face, face_with_box, finish, require
from tcdcn_init.geometry import box_from_points, five_from_68

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float32)
DENSE = np.random.default_rng(0).random((68, 2)).astype(np.float32) * 100


@pytest.mark.parametrize("points", [FIVE, DENSE], ids=["5", "68"])
def test_a_face_without_a_box_gets_the_one_of_its_five_points(points):
    face = face_with_box("a", Path("a.png"), points, None)
    five = FIVE if len(points) == 5 else five_from_68(DENSE)
    np.testing.assert_allclose(face.box, box_from_points(five))
    np.testing.assert_allclose(face.five, five, atol=1e-5)
    assert face.five.dtype == np.float32
    assert face.box_source == "points"


def test_a_given_box_is_kept():
    face = face_with_box("a", Path("a.png"), FIVE, np.array([1.0, 2.0, 3.0, 4.0]), {"smile": 1})
    assert (face.box.tolist(), face.box_source, face.attributes) == ([1, 2, 3, 4], "given", {"smile": 1})


def test_five_points_of_another_layout_are_refused():
    with pytest.raises(ValueError, match="68"):
        _ = Face("a", Path("a.png"), DENSE[:10], np.zeros(4)).five


def test_broken_rows_are_all_named_up_to_twenty():
    error = BadRows([f"list.txt:{k}: reason" for k in range(25)])
    assert str(error).startswith("25 broken row(s):\n  list.txt:0: reason\n")
    assert "list.txt:19: reason" in str(error)
    assert "list.txt:20" not in str(error)
    assert "and 5 more" in str(error)
    assert "--skip-bad" not in str(error)
    assert len(error.rows) == 25


def test_no_face_at_all_is_an_error_even_when_skipping():
    face = face_with_box("a", Path("a.png"), FIVE, None)
    assert finish([face], [], Path("list.txt"), skip_bad=False) == [face]
    assert finish([face], ["bad"], Path("list.txt"), skip_bad=True) == [face]
    with pytest.raises(BadRows, match="bad"):
        finish([face], ["bad"], Path("list.txt"), skip_bad=False)
    with pytest.raises(BadRows, match="no valid face"):
        finish([], ["bad"], Path("list.txt"), skip_bad=True)


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path):
    require([tmp_path], "data", "Get it.")
    with pytest.raises(FileNotFoundError, match=r"data is not.*here.*\n.*nowhere\nGet it.") as error:
        require([tmp_path, tmp_path / "nowhere"], "data", "Get it.")
    assert str(tmp_path) + "\n" not in str(error.value)
