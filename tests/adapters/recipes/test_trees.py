"""What the recipe on 300-W learns from: mirrored faces, and starts that err as the default model's points do."""

from __future__ import annotations

import numpy as np

from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.ert.training import start_errors
from tcdcn_init.adapters.recipes.trees import tcdcn_errors, with_mirrored
from tcdcn_init.datasets import read_300w
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.geometry import box_from_points, five_from_68, invert, median_aspect, transform_points
from tcdcn_init.initializer import Initializer


def test_a_mirrored_face_is_one_again(make_300w, tmp_path) -> None:
    faces = read_300w(make_300w(tmp_path, {"lfpw/testset": 2}))
    made = list(with_mirrored(faces))
    assert len(made) == 4
    for (image, points, box), (turned, others, where) in zip(made[::2], made[1::2], strict=True):
        np.testing.assert_array_equal(turned[:, ::-1], image)
        five, mirrored = five_from_68(points), five_from_68(others)
        last = image.shape[1] - 1
        np.testing.assert_allclose(mirrored, five[[1, 0, 2, 4, 3]] * [-1, 1] + [last, 0], atol=1e-6)
        np.testing.assert_allclose(where, box_from_points(mirrored), atol=1e-3)
        np.testing.assert_allclose(box, box_from_points(five), atol=1e-3)


def test_errors_are_those_of_the_seeded_frames(make_300w, tmp_path) -> None:
    faces = read_300w(make_300w(tmp_path, {"lfpw/testset": 3, "helen/testset": 2}))
    errors = tcdcn_errors(faces)
    assert errors.shape == (5, 4)
    # What train_ert makes of the same points: frames of the mean of all 68.
    shapes, boxes = np.stack([face.points for face in faces]), np.stack([face.box for face in faces])
    mean = transform_points(invert(frames_from_boxes(boxes)), shapes).mean(axis=0)
    seeded, initializer = SeededFrames(mean, aspect=median_aspect(boxes)), Initializer()
    found = np.stack([initializer.points(read_face_image(face), [face.box])[0] for face in faces])
    np.testing.assert_allclose(
        errors, start_errors(seeded.from_points(found), seeded.from_annotations(shapes)), atol=1e-4
    )
