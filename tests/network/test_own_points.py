"""Points of one's own: their mean shape, the frames that they ask for, and what a model file says of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tcdcn_init.geometry import MIRROR, box_square, rotation, transform_points
from tcdcn_init.network.config import (
    ResidualConfig,
    TCDCNConfig,
    config_from_dict,
    config_to_dict,
    output_shapes,
    point_count,
)
from tcdcn_init.network.config.own_points import FACE, OwnPoints, point_set
from tcdcn_init.network.config.stages import COARSE, FINE, StageConfig, TwoStageConfig
from tcdcn_init.passes.frames import Frame, UprightForm, upright_frame

SEVEN = np.array([[-0.4, -0.3], [0.4, -0.3], [0.1, 0.0], [-0.2, 0.2], [0.3, 0.25], [0.0, 0.4], [0.05, -0.45]])
OWN = OwnPoints(tuple(map(tuple, SEVEN.tolist())), unit=0.5, mirror=(1, 0, 2, 4, 3, 5, 6))


def placed(rng: np.random.Generator, roll: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A noisy copy of the seven points, and its box, which is not turned."""
    side, middle = rng.uniform(60, 140), rng.uniform(100, 200, 2)
    shape = transform_points(rotation(roll), SEVEN + rng.normal(0, 0.01, SEVEN.shape)) * side + middle
    half = side * np.array([0.5, 0.5])
    return shape, np.concatenate([middle - half, middle + half])


def test_the_mean_shape_is_found_though_shapes_are_turned_and_points_are_missing():
    rng = np.random.default_rng(0)
    shapes, boxes = (
        np.stack(each) for each in zip(*(placed(rng, 15 * rng.standard_normal()) for _ in range(200)), strict=True)
    )
    shapes[rng.random(shapes.shape[:2]) < 0.15] = np.nan
    shapes = shapes[(there := np.isfinite(shapes).all(axis=2).sum(axis=1) > 2)]
    own = OwnPoints.of_shapes(shapes, boxes[there], 0.5 * box_square(boxes[there])[1])
    np.testing.assert_allclose(own.shape, SEVEN, atol=0.02)
    assert own.unit == pytest.approx(0.5, rel=1e-3)
    assert own.mirror == ()
    shapes[:, 3] = np.nan
    with pytest.raises(ValueError, match="point number 3 is annotated nowhere"):
        OwnPoints.of_shapes(shapes, boxes[there], np.ones(len(shapes)))


@pytest.mark.parametrize("roll", [0.0, 30.0, -170.0])
def test_a_frame_lies_about_the_points_as_the_box_about_the_mean_shape(roll):
    turn = rotation(roll)
    points = transform_points(turn, SEVEN * 80) + [150, 120]
    [frame] = OWN.frames(points[None], 1.5)
    np.testing.assert_allclose(transform_points(frame, SEVEN / 1.5), points, atol=1e-9)
    assert OWN.roll(points) == pytest.approx(roll)
    assert OWN.lengths(points) == pytest.approx(40.0)
    holed = points.copy()
    holed[[0, 5]] = np.nan
    np.testing.assert_allclose(OWN.filled(holed), points, atol=1e-9)
    # The two stages compute the same in Python's own numbers, on a grid.
    shape = [complex(x, y) for x, y in points.tolist()]
    quick = upright_frame(shape, Frame(200.0, 0.0, 150.0, 120.0), 1.5, UprightForm(*OWN.upright))
    np.testing.assert_allclose([[quick.a, -quick.b, quick.x], [quick.b, quick.a, quick.y]], frame, atol=2.5)


def test_a_model_file_says_which_points_it_is_of_and_nothing_where_it_is_the_five():
    stage = {"side": 20, "view": 2.0, "points": 7}
    for config in (
        TCDCNConfig(own=OWN),
        ResidualConfig(own=OWN, tasks=()),
        TwoStageConfig(StageConfig(**stage), StageConfig(**{**stage, "side": 24}), OWN),
    ):
        again = config_from_dict(json.loads(json.dumps(config_to_dict(config))))
        assert again == config
        assert point_count(again) == 7
        assert output_shapes(again)["points"] == (7, 2)
        assert point_set(again) == OWN
    for config in (TCDCNConfig(), TwoStageConfig()):
        assert "own" not in config_to_dict(config)
        assert point_set(config_from_dict(config_to_dict(config))) is FACE
    assert FACE.mirror == MIRROR
    with pytest.raises(ValueError, match="the stages place 5 and 5 points; expected 7"):
        TwoStageConfig(COARSE, FINE, OWN)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shape": ((0.0, 0.0),)}, "a set of 1 points"),
        ({"shape": ((0.0, 0.0), (0.0, 0.0))}, "in one place"),
        ({"shape": ((0.0, 0.0), (0.0, float("nan")))}, "no number"),
        ({"shape": ((0.0, 0.0), (0.0, 1e9))}, "no number"),
        ({"unit": 0.0}, "a unit of 0.0"),
        ({"mirror": (0, 0)}, r"swap as \(0, 0\)"),
        ({"mirror": (1, 2, 0)}, "each point's partner"),
    ],
)
def test_sets_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        OwnPoints(**{"shape": ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), **fields})
