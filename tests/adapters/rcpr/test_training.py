"""Training of RCPR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import SMALL_RCPR, moved, nme
from tcdcn_init.adapters.cascade.training_starts import box_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.geometry import MIRROR


def each(rcpr: RCPR, images: list[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """The result from every start (N, K, 5, 2) by itself."""
    return np.stack([rcpr.fit_from_shapes(images, starts[:, k]) for k in range(starts.shape[1])], axis=1)


def test_the_seed_decides(faces):
    tiny = replace(SMALL_RCPR, stages=2, ferns=3)
    one, same, other = (
        train_rcpr(faces[:30], box_starts(4, shapes="random"), config=tiny, mirror=MIRROR, seed=seed)
        for seed in (1, 1, 2)
    )
    image, truth, _ = faces[40]
    np.testing.assert_array_equal(one.fit_from_shape(image, truth), same.fit_from_shape(image, truth))
    assert np.abs(one.fit_from_shape(image, truth) - other.fit_from_shape(image, truth)).max() > 1e-3
    # An array of starts trains as what drew it, and the mean shape is symmetric.
    np.testing.assert_allclose(one.mean_shape[list(MIRROR)] * [-1, 1] + [1, 0], one.mean_shape, atol=1e-9)
    given = np.stack([points + np.arange(4)[:, None, None] for _, points, _ in faces[:30]])
    tiny_too = train_rcpr(faces[:30], given, config=tiny)
    assert np.isfinite(tiny_too.fit_from_shape(image, truth)).all()


def test_better_starts_are_met_by_a_cascade_trained_for_them(rcpr, faces, batch):
    images, truth, starts = batch
    near = truth[:, None] + 0.3 * (starts - truth[:, None])
    rng = np.random.default_rng(1)
    known = np.stack([points for _, points, _ in faces])
    trained = train_rcpr(
        faces, known[:, None] + 0.3 * (moved(known, rng, 20) - known[:, None]), config=SMALL_RCPR, mirror=MIRROR
    )
    assert (
        nme(each(trained, images, near), truth[:, None]).mean() < nme(each(rcpr, images, near), truth[:, None]).mean()
    )


def test_training_refuses(faces):
    for options, words in (
        ({"starts": np.zeros((2, 1, 5, 2))}, "coincide"),
        ({"starts": np.zeros((3, 1, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"mirror": (0, 1, 2, 3)}, "mirror"),
    ):
        with pytest.raises(ValueError, match=words):
            train_rcpr(faces[:2], **{"starts": box_starts(1), "config": SMALL_RCPR, **options})
