"""Frames of YouTube Faces, written small; and the real ones where they are at hand."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.datasets import hold_out_persons, read_ytf68


def test_points_are_counted_from_0_and_persons_stay_together(tmp_path):
    (tmp_path / "images").mkdir()
    shape = np.random.default_rng(0).uniform(1, 90, size=(68, 2)).round(2)
    rows = ["image," + ",".join(f"x{k},y{k}" for k in range(68))]
    for person in range(12):
        for frame in range(3):
            name = f"Some_Body-{person}_{frame}.jpg"
            (tmp_path / "images" / name).touch()
            rows.append(",".join([name, *map(str, shape.ravel())]))
    (tmp_path / "points.csv").write_text("\n".join(rows))
    faces = read_ytf68(tmp_path)
    assert len(faces) == 36
    np.testing.assert_allclose(faces[5].points, shape - 1.0, atol=1e-4)
    assert {face.box_source for face in faces} == {"points"}
    kept, held = hold_out_persons(faces, 0.5)
    persons = [{face.name.rpartition("_")[0] for face in part} for part in (kept, held)]
    assert persons[0]
    assert persons[1]
    assert not persons[0] & persons[1]
    assert len(kept) + len(held) == 36


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"points\.csv"):
        read_ytf68(tmp_path)


def test_the_real_frames(data_root):
    root = data_root / "ytf68"
    if not (root / "points.csv").exists():
        pytest.skip(f"{root / 'points.csv'} is not there")
    faces = read_ytf68(root)
    assert len(faces) == 3_456
    kept, held = hold_out_persons(faces)
    assert 200 < len(held) < 500
    assert not {f.name.rpartition("_")[0] for f in kept} & {f.name.rpartition("_")[0] for f in held}
