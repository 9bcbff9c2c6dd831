"""SDM's descriptors, and the settings of its stages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2gray
from skimage.feature import hog

from builders import FIVE
from tcdcn_init.adapters.sdm.features import SDMConfig, SDMFeatures, hog_patches
from tcdcn_init.geometry import rotation, transform_points


@given(
    seed=st.integers(0, 1 << 30),
    orientations=st.integers(4, 12),
    cell=st.sampled_from([4, 6, 8]),
    cells=st.integers(2, 4),
    block=st.integers(1, 2),
    flat=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_hog_is_scikit_images(seed, orientations, cell, cells, block, flat):
    patches = np.random.default_rng(seed).random((3, cell * cells, cell * cells))
    if flat:  # level and upright edges, and no edge at all
        patches[0, :, : cell + 1] = patches[1, : cell + 1] = 0.25
        patches[2] = 0.5
    found = hog_patches(patches, orientations, cell, block)
    for patch, row in zip(patches, found, strict=True):
        wanted = hog(patch, orientations, (cell, cell), (block, block), block_norm="L2-Hys")
        np.testing.assert_allclose(row, wanted, atol=1e-6)  # scikit-image sums in single precision


def test_hog_in_single_precision_on_a_photograph(portrait):
    grey = rgb2gray(portrait).astype(np.float32)
    patches = np.stack([grey[y : y + 32, x : x + 32] for y in range(60, 160, 20) for x in range(180, 260, 20)])
    found = hog_patches(patches)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [hog(patch, cells_per_block=(2, 2)) for patch in patches], atol=1e-5)


@pytest.mark.parametrize("turn", [30.0, 90.0, 155.0])
def test_descriptors_turn_with_the_shape(turn):
    """A turned picture with its turned shape is described as before; so roll carries over to every stage."""
    from builders import draw

    features = SDMFeatures(FIVE, SDMConfig(spans=(1.0,)))
    truth = 1.5 * (FIVE - FIVE.mean(axis=0)) + [120, 110]
    seen = []
    for angle in (0.0, turn):
        points = transform_points(rotation(angle, (120, 110)), truth)
        chip = features.cut(draw(points, (220, 240)), points)
        shape = transform_points(np.linalg.inv(np.vstack([features.chip_maps(points[None])[0], [0, 0, 1]]))[:2], points)
        seen.append(features.describe(0, chip[None], shape[None])[0][0])
    assert np.corrcoef(*seen)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spans": ()}, "spans"),
        ({"spans": (1.0, -1.0)}, "spans"),
        ({"patch": 30}, "multiple of cell"),
        ({"patch": 8}, "16 to 256"),
        ({"cell": 0}, "cell"),
        ({"orientations": 9.0}, "whole number"),
        ({"resolution": float("nan")}, "resolution"),
    ],
)
def test_config_refuses(changes, words):
    with pytest.raises(ValueError, match=words):
        SDMConfig(**changes)
