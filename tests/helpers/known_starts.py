"""A comparison of starts whose every answer is known: a face of one form in each box, halves of the way to it."""

from __future__ import annotations

import numpy as np

from builders import FIVE
from tcdcn_init.eval.comparison.plan import Plan
from tcdcn_init.eval.comparison.report import ModelFacts
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.starts import make_start
from tcdcn_init.shapes import ShapeBank, to_box_units

SHAPE = FIVE / 100
BOX = np.array([40.0, 30.0, 100.0, 90.0])
MODEL = ModelFacts("m", "torch", 1)
EYES = 24.0  # distance of the eyes of `SHAPE` in a box of 60 pixels
OFF = np.array([6.0, 0.0])  # of the initializer


def in_box(box) -> np.ndarray:
    return SHAPE * (box[2:] - box[:2]) + box[:2]


TARGET = in_box(BOX)
# The same form in seven places of the box, in the middle on average.
OFFSETS = np.array([-3, -2, -1, 0, 1, 2, 3]) * 0.1
BANK = ShapeBank(to_box_units(TARGET, BOX) + np.stack([OFFSETS, 0 * OFFSETS], axis=-1)[:, None])


class Halfway:
    """Moves half of the way to a shape that is fixed in the image."""

    mean_shape = SHAPE

    def fit_from_shape(self, image, shape):
        return (np.asarray(shape) + TARGET) / 2

    fit_from_points = fit_from_shape

    def fit_from_box(self, image, box):
        return self.fit_from_shape(image, in_box(np.asarray(box)))


class Staying(Halfway):
    """Was retrained not to move."""

    def fit_from_shape(self, image, shape):
        return np.asarray(shape)


class BoxReader:
    """An initializer that does not look: the same five points in every box, a little to the right."""

    def points(self, images, boxes, on_bad):
        assert on_bad == "nan"
        return np.array([in_box(np.asarray(box)) + OFF for (box,) in boxes], dtype=np.float32).reshape(-1, 5, 2)

    def points_and_confidence(self, images, boxes, on_bad):
        points = self.points(images, boxes, on_bad)
        return points, np.full(len(points), np.nan)


def make_plan(*starts, regressors=None, noises=(), rolls=(), **more) -> Plan:
    named = {"halfway": Halfway} if regressors is None else regressors
    options = {"initializer": BoxReader, **more}
    return Plan(named, tuple(make_start(name, BANK) for name in starts), noises=noises, rolls=rolls, **options)


def drawn_offsets(face, count, seed=0) -> np.ndarray:
    """Where a random start's shapes lie, right of the face, in pixels."""
    chosen = face_rng(seed, face.name, "start").choice(len(BANK), size=count, replace=False)
    return 60 * OFFSETS[chosen]
