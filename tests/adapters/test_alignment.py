"""The recognition template and alignments, checked against scikit-image itself."""

from __future__ import annotations

import numpy as np
import pytest
import skimage as ski
from hypothesis import given
from hypothesis import strategies as st

from alignments import ASTRONAUT, LINE, SAME, face, few, margins, rolls, shapes
from tcdcn_init.adapters.skimage import (
    ARCFACE_TEMPLATE,
    alignment,
    template,
)


def test_template_is_arcface_at_112_and_sphereface_at_112_by_96() -> None:
    np.testing.assert_allclose(template(), ARCFACE_TEMPLATE, atol=1e-12)
    sphereface = np.array(
        [[30.2946, 65.5318, 48.0252, 33.5493, 62.7299], [51.6963, 51.5014, 71.7366, 92.3655, 92.2041]]
    )
    np.testing.assert_allclose(template((112, 96)), sphereface.T, atol=1e-12)


def test_template_scales_the_edges_of_the_square_not_its_pixel_centres() -> None:
    np.testing.assert_allclose(template((224, 224)) + 0.5, 2 * (ARCFACE_TEMPLATE + 0.5))


@few
@given(shape=shapes, margin=margins)
def test_template_keeps_its_shape_and_shrinks_about_the_centre_by_the_margin(
    shape: tuple[int, int], margin: float
) -> None:
    placed = template(shape, margin)
    assert alignment(ARCFACE_TEMPLATE, placed).scale == pytest.approx(shape[0] / 112 / (1 + 2 * margin))
    np.testing.assert_allclose(alignment(ARCFACE_TEMPLATE, placed)(ARCFACE_TEMPLATE), placed, atol=1e-9)
    centre = np.array([shape[1] - 1, shape[0] - 1]) / 2
    np.testing.assert_allclose((template(shape) - centre) / (1 + 2 * margin), placed - centre, atol=1e-9)


@pytest.mark.parametrize("shape", [(112, 38), (112, 112), (60, 300)])
def test_template_lies_inside_chips_no_narrower_than_a_third_of_their_height(shape: tuple[int, int]) -> None:
    points = template(shape)
    assert (points >= 0).all()
    assert (points <= (shape[1] - 1, shape[0] - 1)).all()


def test_the_constant_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ARCFACE_TEMPLATE[0] = 0


@pytest.mark.parametrize("shape", [(112,), (112, 112, 3), (0, 112), (-1, 5), (112.0, 112.0), "large"])
def test_template_refuses_shapes_that_are_none(shape: object) -> None:
    with pytest.raises(ValueError, match="size is"):
        template(shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("margin", [-0.5, -2.0, np.nan, np.inf])
def test_template_refuses_margins_that_leave_no_face(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        template(margin=margin)


# Alignments


@few
@given(scale=st.floats(0.05, 50), roll=rolls, x=st.floats(-500, 5000), y=st.floats(-500, 5000))
def test_similarity_puts_a_face_on_the_template_and_back(scale: float, roll: float, x: float, y: float) -> None:
    points = face(scale, roll, (x, y))
    placed = alignment(points)
    assert isinstance(placed, ski.transform.SimilarityTransform)
    np.testing.assert_allclose(placed(points), ARCFACE_TEMPLATE, atol=1e-6)
    np.testing.assert_allclose(placed.inverse(ARCFACE_TEMPLATE), points, atol=1e-6)
    assert placed.scale == pytest.approx(1 / scale)


def test_kinds_are_scikit_images_own_estimates() -> None:
    for kind, cls in (
        ("similarity", ski.transform.SimilarityTransform),
        ("affine", ski.transform.AffineTransform),
        ("thin-plate", ski.transform.ThinPlateSplineTransform),
    ):
        got = alignment(ASTRONAUT, kind=kind)  # type: ignore[arg-type]
        assert type(got) is cls
        np.testing.assert_allclose(got(ASTRONAUT), cls.from_estimate(ASTRONAUT, ARCFACE_TEMPLATE)(ASTRONAUT))


def test_freer_kinds_come_closer_and_the_spline_passes_through() -> None:
    misses = [
        np.abs(alignment(ASTRONAUT, kind=kind)(ASTRONAUT) - ARCFACE_TEMPLATE).sum()  # type: ignore[arg-type]
        for kind in ("similarity", "affine", "thin-plate")
    ]
    assert misses[0] > misses[1] > misses[2]
    assert misses[2] < 1e-3


def test_affine_undoes_shear() -> None:
    sheared = ARCFACE_TEMPLATE @ np.array([[1.0, 0.2], [0.4, 1.3]]) + 5
    np.testing.assert_allclose(alignment(sheared, kind="affine")(sheared), ARCFACE_TEMPLATE, atol=1e-9)


def test_any_number_of_points_will_do() -> None:
    contour = np.random.default_rng(0).normal(100, 30, (68, 2))
    np.testing.assert_allclose(alignment(contour * 2 + 1, contour)(contour * 2 + 1), contour, atol=1e-9)


@pytest.mark.parametrize(
    ("points", "kind"),
    [
        (SAME, "similarity"),
        (SAME, "affine"),
        (SAME, "thin-plate"),
        (LINE, "affine"),
        (LINE, "thin-plate"),
        (ASTRONAUT[[0, 0, 2, 3, 4]], "thin-plate"),
        (np.where(np.eye(5, 2) > 0, np.nan, ASTRONAUT), "similarity"),
        (np.where(np.eye(5, 2) > 0, np.nan, ASTRONAUT), "thin-plate"),
        (np.where(np.eye(5, 2) > 0, np.inf, ASTRONAUT), "affine"),
        (ASTRONAUT * 1e200, "similarity"),
    ],
)
def test_an_impossible_alignment_is_scikit_images_falsy_failure(points: np.ndarray, kind: str) -> None:
    failed = alignment(points, kind=kind)  # type: ignore[arg-type]
    assert not failed
    assert type(failed) is type(ski.transform.SimilarityTransform.from_estimate(SAME, ARCFACE_TEMPLATE))
    assert "Transform: " in str(failed)
    with pytest.raises(ski.util.FailedEstimationAccessError):
        failed(ASTRONAUT)


def test_a_reflection_that_leaves_no_scale_fails() -> None:
    centred = ARCFACE_TEMPLATE - ARCFACE_TEMPLATE.mean(axis=0)
    mirrored = centred @ np.linalg.inv(centred.T @ centred) @ np.diag([1000.0, -1000.0]) + 100
    assert not alignment(mirrored)
    assert alignment(mirrored, kind="affine")


@few
@given(roll=rolls, x=st.floats(0, 4000), length=st.floats(1, 4000), seed=st.integers(0, 99))
def test_a_spline_through_a_line_never_seems_to_succeed(roll: float, x: float, length: float, seed: int) -> None:
    along = np.random.default_rng(seed).uniform(0, length, (5, 1))
    line = along * [np.cos(np.radians(roll)), np.sin(np.radians(roll))] + [x, 50.0]
    assert not alignment(line, kind="thin-plate")


def test_a_similarity_needs_only_two_points_and_a_spline_three() -> None:
    assert alignment(ASTRONAUT[:2], ARCFACE_TEMPLATE[:2])
    assert not alignment(ASTRONAUT[:2], ARCFACE_TEMPLATE[:2], "affine")
    assert not alignment(ASTRONAUT[:2], ARCFACE_TEMPLATE[:2], "thin-plate")


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="'projective'"):
        alignment(ASTRONAUT, kind="projective")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="same points"):
        alignment(ASTRONAUT[:3])
    with pytest.raises(ValueError, match=r"\(2, 5, 2\)"):
        alignment([ASTRONAUT, ASTRONAUT])
