"""Flags of hidden points, written small; and the real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import BadRows, read_hidden


def write(root: Path, count: int, *hidden: dict[int, int]) -> Path:
    lines = [",".join(["image", *(f"hidden{k}" for k in range(count))])]
    lines += [
        ",".join([f"{number}.jpg", *(str(flags.get(k, 0)) for k in range(count))])
        for number, flags in enumerate(hidden)
    ]
    (root / "points.csv").write_text("\n".join(lines) + "\n")
    return root


def test_29_points(tmp_path):
    flags = read_hidden(write(tmp_path, 29, {}, {16: 1, 0: 1}, {17: 2, 23: 3}, {20: 1, 22: 1}))
    assert {name: np.flatnonzero(five).tolist() for name, five in flags.items()} == {
        "0.jpg": [], "1.jpg": [0], "2.jpg": [1, 4], "3.jpg": [2, 3],
    }  # fmt: skip


def test_68_points_and_an_eye_by_its_majority(tmp_path):
    half, most = dict.fromkeys(range(36, 39), 1), dict.fromkeys(range(43, 48), 2)
    flags = read_hidden(write(tmp_path, 68, half, most, {30: 1, 48: 1, 54: 1, 0: 1}))
    assert [np.flatnonzero(five).tolist() for five in flags.values()] == [[], [1], [2, 3, 4]]


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"points\.csv"):
        read_hidden(tmp_path)
    with pytest.raises(ValueError, match="has 5 columns of flags"):
        read_hidden(write(tmp_path, 5, {}))
    write(tmp_path, 29, {}, {})
    file = tmp_path / "points.csv"
    file.write_text(file.read_text().replace("1.jpg,0", "1.jpg,x"))
    with pytest.raises(BadRows, match=r"points\.csv:3: 1\.jpg"):
        read_hidden(tmp_path)


@pytest.mark.parametrize(("name", "faces"), [("lfpw29", 752), ("aflw68", 2161)])
def test_the_real_flags(data_root, name, faces):
    if not (data_root / name / "points.csv").exists():
        pytest.skip(f"{data_root / name / 'points.csv'} is not there")
    flags = read_hidden(data_root / name)
    assert len(flags) == faces
    share = np.stack(list(flags.values())).mean()
    assert 0.005 < share < 0.06
