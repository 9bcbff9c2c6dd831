"""The paired bootstrap: against SciPy's own BCa, against simulated data of known truth, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from tcdcn_init.eval.bootstrap import paired_change, paired_difference


def skewed(seed: int, images: int, per_image: int) -> tuple[np.ndarray, list[str]]:
    """Differences of true mean 0: a skewed part that the faces of an image share, and a part of their own."""
    rng = np.random.default_rng(seed)
    shared = rng.exponential(size=(images, 1)) - 1
    own = 0.5 * rng.normal(size=(images, per_image))
    return (shared + own).ravel(), [f"{image:03}" for image in range(images) for _ in range(per_image)]


def test_the_estimate_is_the_mean_over_faces_not_over_images() -> None:
    interval = paired_difference([1, 1, 1, 5], [0, 0, 0, 0], ["a", "a", "a", "b"])
    assert interval.estimate == 2.0
    assert (interval.faces, interval.images) == (4, 2)


def test_without_clusters_it_is_scipys_bca_of_the_mean() -> None:
    errors, baseline = np.random.default_rng(1).lognormal(-3, 0.6, size=(2, 200))
    ours = paired_difference(errors, baseline, resamples=2000, seed=3)
    result = bootstrap((errors - baseline,), np.mean, n_resamples=2000, method="BCa", rng=np.random.default_rng(3))
    assert ours.estimate == pytest.approx((errors - baseline).mean())
    np.testing.assert_allclose([ours.low, ours.high], result.confidence_interval, rtol=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says_when_faces_share_images() -> None:
    clustered = alone = 0
    runs = 300
    for seed in range(runs):
        differences, images = skewed(seed, 40, 4)
        zero = np.zeros_like(differences)
        by_image = paired_difference(differences, zero, images, resamples=500, seed=seed)
        by_face = paired_difference(differences, zero, resamples=500, seed=seed)
        clustered += by_image.low <= 0 <= by_image.high
        alone += by_face.low <= 0 <= by_face.high
    assert 0.91 <= clustered / runs <= 0.98  # 0.95 within three standard errors, less BCa's own shortfall at n = 40
    assert alone / runs < 0.8  # what ignoring the images would have claimed


def test_the_interval_is_skewed_with_the_data() -> None:
    differences, images = skewed(0, 60, 1)
    interval = paired_difference(differences, np.zeros_like(differences), images)
    assert interval.high - interval.estimate > 1.1 * (interval.estimate - interval.low)


def test_relative_change_by_hand_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    baseline = rng.uniform(0.05, 0.15, size=400)
    errors = 0.8 * baseline * rng.uniform(0.9, 1.1, size=400)
    interval = paired_change(errors, baseline)
    assert interval.estimate == pytest.approx(errors.mean() / baseline.mean() - 1)
    assert -0.21 < interval.low < interval.estimate < interval.high < -0.19
    # Unlike the mean of each face's own ratio, which one easy face would decide.
    assert paired_change([0.001, 0.1], [0.0001, 0.2], ["a", "b"]).estimate == pytest.approx(0.101 / 0.2001 - 1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_same_seed_same_interval_in_any_order_of_faces(seed: int, random: object) -> None:
    differences, images = skewed(seed, 12, 3)
    order = list(range(len(differences)))
    random.shuffle(order)  # type: ignore[attr-defined]
    zero = np.zeros_like(differences)
    first = paired_difference(differences, zero, images, resamples=200, seed=seed)
    again = paired_difference(differences, zero, images, resamples=200, seed=seed)
    shuffled = paired_difference(differences[order], zero, [images[k] for k in order], resamples=200, seed=seed)
    assert first == again
    assert first.low <= first.high
    assert first == shuffled


def test_swapping_the_two_mirrors_the_interval() -> None:
    differences, images = skewed(5, 40, 2)
    zero = np.zeros_like(differences)
    there, back = paired_difference(differences, zero, images), paired_difference(zero, differences, images)
    np.testing.assert_allclose([back.low, back.high], [-there.high, -there.low], atol=1e-9)


def test_a_wider_level_gives_a_wider_interval() -> None:
    differences, images = skewed(2, 40, 2)
    zero = np.zeros_like(differences)
    narrow = paired_difference(differences, zero, images, level=0.8)
    wide = paired_difference(differences, zero, images, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("difference", [0.0, 0.1, -3.0])
def test_equal_differences_give_an_interval_of_no_width(difference: float) -> None:
    interval = paired_difference([difference] * 7, [0.0] * 7)
    assert interval.low == interval.high == interval.estimate == pytest.approx(difference)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("errors", "baseline", "options", "words"),
    [
        ([0.1, 0.2], [0.1], {}, "the same faces"),
        ([[0.1, 0.2]], [[0.1, 0.2]], {}, "expected (N,)"),
        ([0.1, float("nan")], [0.1, 0.2], {}, "number 1; count them by metrics.with_missing"),
        ([0.1, 0.2], [0.1, float("inf")], {}, "no finite error"),
        ([0.1, 0.2], [0.2, 0.2], {"images": ["a"]}, "1 images for 2 faces"),
        ([0.1, 0.2], [0.2, 0.2], {"images": ["a", "a"]}, "1 image(s)"),
        ([0.1], [0.2], {}, "1 face(s)"),
        ([0.1, 0.2], [0.2, 0.2], {"level": 95}, "level is 95"),
        ([0.1, 0.2], [0.2, 0.2], {"resamples": 0}, "resamples is 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(errors: object, baseline: object, options: dict, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        paired_difference(errors, baseline, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("baseline", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
def test_a_relative_change_needs_a_baseline_that_errs(baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="use paired_difference"):
        paired_change([0.0, 1.0, 0.0], baseline)
