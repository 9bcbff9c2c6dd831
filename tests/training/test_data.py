"""Faces as training holds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tcdcn_init.crops import cut, frames_from_boxes
from tcdcn_init.datasets import BadRows, read_mtfl
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.geometry import interocular, transform_points
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.training.augmentation import AugmentationConfig
from tcdcn_init.training.data import load_crops, load_patches

CONFIG = TCDCNConfig()


@pytest.fixture(scope="module")
def faces(mtfl_root):
    return read_mtfl(mtfl_root, "training")[:12]


def test_validation_crops_are_those_of_use(faces):
    crops = load_crops(faces, CONFIG)
    assert crops.pixels.shape == (12, 1, 40, 40)
    assert crops.pixels.dtype == torch.float32
    for face, pixels in zip(faces, crops.pixels, strict=True):
        expected = cut(read_face_image(face), frames_from_boxes(face.box[None], CONFIG.view), CONFIG.side)
        np.testing.assert_array_equal(pixels.numpy(), expected)


def test_targets_lead_back_to_the_annotation(faces):
    crops = load_crops(faces, CONFIG)
    frames = frames_from_boxes(np.stack([face.box for face in faces]), CONFIG.view)
    five = np.stack([face.five for face in faces])
    np.testing.assert_allclose(transform_points(frames, crops.targets["points"].numpy()), five, atol=1e-3)
    sides = frames[:, 0, 0]
    np.testing.assert_allclose(crops.interocular.numpy() * sides, interocular(five), rtol=1e-4)
    for task in CONFIG.tasks:
        assert crops.targets[task].tolist() == [face.attributes[task] for face in faces]


def test_only_chosen_tasks_are_loaded(faces):
    crops = load_crops(faces, replace(CONFIG, tasks=("smile",)))
    assert set(crops.targets) == {"points", "unit", "smile"}


def test_a_profile_does_not_weigh_more_than_twice_as_much(faces):
    profile = faces[0].points.copy()
    profile[1] = profile[0] + [0.1, 0.0]
    crops = load_crops([replace(faces[0], points=profile), *faces[1:]], CONFIG)
    unit, distance = crops.targets["unit"], crops.interocular
    torch.testing.assert_close(unit[1:], distance[1:])
    assert distance[0] < 0.01
    assert unit[0].item() == pytest.approx(0.5 * float(np.median(distance.numpy())), rel=1e-5)


def test_patches_hold_the_face_at_twice_the_crops_resolution(faces):
    augmentation = AugmentationConfig()
    patches = load_patches(faces, CONFIG, augmentation)
    size = patches.pixels.shape[1]
    assert patches.pixels.dtype == torch.uint8
    assert size == round(2 * CONFIG.side * augmentation.margin())
    crops = load_crops(faces, CONFIG)
    torch.testing.assert_close(patches.points, crops.targets["points"])
    torch.testing.assert_close(patches.unit, crops.targets["unit"])


def test_every_unreadable_picture_is_named(faces, tmp_path):
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("not an image at all")
    broken = [faces[0], replace(faces[1], name="one", image=empty), replace(faces[2], name="two", image=text)]

    def patches(faces, config, **options):
        return load_patches(faces, config, AugmentationConfig(), **options)

    for load in (load_crops, patches):
        with pytest.raises(BadRows) as error:
            load(broken, CONFIG)
        assert len(error.value.rows) == 2
        for row, (name, path) in zip(error.value.rows, (("one", empty), ("two", text)), strict=True):
            assert row.startswith(f"{name}: {path} cannot be read as an image")
        assert len(load(broken, CONFIG, skip_bad=True).pixels) == 1
        with pytest.raises(BadRows, match="no usable face"):
            load(broken[1:], CONFIG, skip_bad=True)
