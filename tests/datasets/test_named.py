"""The protocol's data sets by name."""

from __future__ import annotations

import pytest

from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.datasets.named import DATASETS, read_dataset


def test_training_and_held_out_faces_share_none(mtfl_root):
    every = read_mtfl(mtfl_root, "training")
    training, held = (read_dataset(name, mtfl_root) for name in ("mtfl-train", "mtfl-val"))
    assert [face.name for face in held] == [face.name for face in hold_out(every)[1]]
    assert {face.name for face in training} | {face.name for face in held} == {face.name for face in every}
    assert len(training) + len(held) == len(every)
    assert [face.name for face in read_dataset("aflw", str(mtfl_root))] == [
        face.name for face in read_mtfl(mtfl_root, "testing")
    ]


def test_an_unknown_name_suggests_near_ones(tmp_path):
    with pytest.raises(ValueError, match=r"unknown data set 'alfw'; did you mean .*aflw"):
        read_dataset("alfw", tmp_path)
    with pytest.raises(ValueError, match=r"unknown data set 'zzz'.*mtfl-train"):
        read_dataset("zzz", tmp_path)
    for name in DATASETS:
        with pytest.raises(FileNotFoundError):
            read_dataset(name, tmp_path)
