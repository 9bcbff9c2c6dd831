"""Shape banks as they are collected from data sets."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.adapters.recipes.shapes import collect_shapes
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.shapes import ShapeBank, from_box_units


def test_shapes_of_mtfl_are_those_in_a_detectors_box(mtfl_root) -> None:
    from tcdcn_init.datasets import hold_out, read_mtfl

    # Held-out faces stay out: a start from their own shapes would give the answer away.
    kept = hold_out(read_mtfl(mtfl_root, "training"))[0]
    given = [face for face in kept if face.box_source == "given"]
    bank = collect_shapes("mtfl", mtfl_root)
    assert len(bank) == len(given)
    np.testing.assert_allclose(from_box_units(bank.shapes[3], given[3].box), given[3].points, atol=1e-3)


def test_dense_shapes_are_a_thousand_of_training_faces(data_root) -> None:
    if not ((data_root / "lfpw").is_dir() and (data_root / "helen").is_dir()):
        pytest.skip("needs lfpw/ and helen/ in TCDCN_DATA")
    bank = collect_shapes("300w", data_root)
    assert bank.shapes.shape == (1000, 68, 2)
    np.testing.assert_array_equal(bank.shapes, ShapeBank.load("shapes-300w").shapes)
    faces = read_dataset("300w-train", data_root)
    np.testing.assert_allclose(from_box_units(bank.shapes[-1], faces[-1].box), faces[-1].points, atol=1e-3)


def test_an_unknown_kind_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="'aflw'; expected 'mtfl' or '300w'"):
        collect_shapes("aflw", tmp_path)
