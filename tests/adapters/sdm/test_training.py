"""Training of SDM."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from builders import NOISE, SMALL_SDM
from tcdcn_init.adapters.cascade.training_starts import box_starts, seed_starts
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.geometry import MIRROR


def test_same_seed_same_weights(faces, tmp_path):
    config = SDMConfig(spans=(1.5,), patch=16, resolution=12.0)
    weights = []
    for seed in (3, 3, 4):
        train_sdm(faces[:30], seed_starts(NOISE, 2), config=config, seed=seed).save(tmp_path / "sdm.safetensors")
        weights.append(load_file(tmp_path / "sdm.safetensors")["weights"])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_given_starts_are_those_that_are_learned(faces):
    """Trained from one start only, it mends just that error."""
    config = SDMConfig(spans=(1.5, 1.0), patch=16, resolution=16.0)
    truth = np.stack([points for _, points, _ in faces])
    for off in ([8.0, 0.0], [0.0, -8.0]):
        sdm = train_sdm(faces, (truth + off)[:, None], config=config)
        moves = sdm.fit_from_shapes([image for image, _, _ in faces], truth + off) - (truth + off)
        np.testing.assert_allclose(moves.mean(axis=(0, 1)), [-off[0], -off[1]], atol=0.5)


def test_mirrored_learning_makes_the_mean_symmetric(seeded, faces):
    mean = seeded.mean_shape
    np.testing.assert_allclose(mean[list(MIRROR)] * [-1, 1] + [1, 0], mean, atol=1e-12)
    plain = train_sdm(faces[:10], box_starts(1), config=SDMConfig(spans=(1.0,), patch=16, resolution=8.0))
    assert np.abs(plain.mean_shape[list(MIRROR)] * [-1, 1] + [1, 0] - plain.mean_shape).max() > 1e-4


def test_other_layouts_learn_too(faces):
    """Three points, unknown to the project: boxes start them as they are, five points where the layout is stated."""
    fewer = [(image, points[[0, 1, 2]], box) for image, points, box in faces]
    layout = {"left eye": 0, "right eye": 1, "nose": 2}
    sdm = train_sdm(fewer, box_starts(6), config=SMALL_SDM, layout=layout)
    image, points, box = faces[0]
    assert np.linalg.norm(sdm.fit_from_box(image, box) - points[:3], axis=1).max() < 4
    assert np.linalg.norm(sdm.fit_from_points(image, points) - points[:3], axis=1).max() < 4
    with pytest.raises(ValueError, match="3 of the five points"):
        train_sdm(fewer, seed_starts(NOISE), config=SMALL_SDM, layout=layout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"starts": np.zeros((2, 1, 5, 2))}, "coincide"),
        ({"starts": np.zeros((3, 1, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"starts": np.zeros((2, 0, 5, 2))}, "K at least 1"),
        ({"starts": np.zeros((2, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"ridge": 0.0}, "ridge"),
        ({"mirror": (0, 1, 2, 3)}, "mirror"),
        ({"mirror": (1, 2, 0, 3, 4)}, "mirror"),
    ],
)
def test_training_refuses(faces, options, words):
    with pytest.raises(ValueError, match=words):
        train_sdm(faces[:2], **{"starts": box_starts(1), "config": SMALL_SDM, **options})


def test_training_names_the_picture_that_cannot_be_read(faces, tmp_path):
    bad = tmp_path / "face.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="face 1 cannot be read"):
        train_sdm([faces[0], (bad, *faces[1][1:])], box_starts(1), config=SMALL_SDM)
    with pytest.raises(ValueError, match="no face"):
        train_sdm([], box_starts(1), config=SMALL_SDM)
