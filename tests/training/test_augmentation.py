"""Random views: points must go wherever their pixels go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.io import imsave

from tcdcn_init.datasets import Face
from tcdcn_init.geometry import MIRROR
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.tasks import MIRRORED_POSE
from tcdcn_init.training.augmentation import BOX_STYLES, AugmentationConfig, Patches, random_views
from tcdcn_init.training.data import load_crops, load_patches

VIEW, SIDE = 1.4, 40
NETWORK = TCDCNConfig()
# Nothing happens to a view; each test turns on what it is about.
STILL = AugmentationConfig(
    roll=0.0, scale=0.0, shift=0.0, mirror=False, styles=0.0, gamma=0.0, blur=0.0, noise=0.0, occlusion=0.0
)
# An asymmetric shape, so that a point is never mistaken for its partner.
POINTS = np.array([[52.3, 61.8], [88.1, 56.2], [66.4, 80.7], [58.9, 96.3], [84.6, 99.5]])
BOX = np.array([40.0, 30.0, 105.0, 118.0])


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> list[Face]:
    """Five images of one face; in image k a bright blob marks point k and all else is black."""
    folder = tmp_path_factory.mktemp("blobs")
    rows, columns = np.mgrid[:150, :140]
    faces = []
    for k, (x, y) in enumerate(POINTS):
        blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2))
        path = folder / f"{k}.png"
        imsave(path, np.rint(blob * 255).astype(np.uint8), check_contrast=False)
        labels = {"pose": 0, "gender": 1, "glasses": 0}
        faces.append(Face(str(k), path, POINTS.astype(np.float32), BOX, "given", labels))
    return faces


@pytest.fixture(scope="module")
def drawn(draw_face, tmp_path_factory: pytest.TempPathFactory) -> list[Face]:
    """Sixteen drawn faces, slightly rolled: none is its own mirror image."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    faces = []
    for k in range(16):
        labels = [k % 2, (k // 2) % 2, (k // 4) % 2, k % 5]
        image, points = draw_face(rng, labels=labels, roll=8.0)
        imsave(folder / f"{k}.png", image, check_contrast=False)
        box = np.concatenate([points.mean(axis=0) - [27, 36], points.mean(axis=0) + [27, 29]])
        attributes = dict(zip(("gender", "smile", "glasses", "pose"), labels, strict=True))
        faces.append(Face(str(k), folder / f"{k}.png", points.astype(np.float32), box, "given", attributes))
    return faces


def views(patches: Patches, index: list[int], config: AugmentationConfig, seed: int = 0, **options):
    generator = torch.Generator().manual_seed(seed)
    return random_views(patches, torch.tensor(index), VIEW, SIDE, config, generator, **options)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"shift": 0.08},
        {"scale": 0.2},
        {"roll": 30.0},
        {"mirror": True},
        {"styles": 1.0},
        {"gamma": 0.25, "blur": 0.5},
        {"shift": 0.06, "scale": 0.1, "roll": 20.0, "mirror": True, "styles": 0.5, "gamma": 0.25},
    ],
    ids=lambda changes: "+".join(changes) or "nothing",
)
def test_points_follow_their_pixels(blobs, changes):
    config = replace(STILL, **changes)
    patches = load_patches(blobs, NETWORK, config)
    marked = [k for k in range(5) for _ in range(24)]
    crops, targets = views(patches, marked, config)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    checked = 0
    for crop, points, pose, point in zip(crops[:, 0], targets["points"], targets["pose"], marked, strict=True):
        mirrored = int(pose) == MIRRORED_POSE[0]
        expected = points[MIRROR[point] if mirrored else point]
        if expected.abs().max() > 0.36:
            continue  # the blob is cut off by the crop's border
        bright = crop.clamp(min=0.0)
        found = torch.stack([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
        place = (found + 0.5) / SIDE - 0.5
        assert (place - expected).abs().max() < 0.2 / SIDE, (point, mirrored)
        checked += 1
    assert checked > 60


def test_half_of_the_views_are_mirrored_with_partners_and_pose_exchanged(drawn):
    patches = load_patches(drawn, NETWORK, STILL)
    index = [*range(16)] * 16
    _, targets = views(patches, index, replace(STILL, mirror=True))
    points, poses = patches.points[index], patches.labels["pose"][index]
    as_it_was = (targets["points"] - points).abs().amax(dim=(1, 2)) < 1e-5
    mirrored = points[:, list(MIRROR)] * torch.tensor([-1.0, 1.0])
    turned_over = (targets["points"] - mirrored).abs().amax(dim=(1, 2)) < 1e-5
    assert bool((as_it_was ^ turned_over).all())
    assert 90 < int(turned_over.sum()) < 166
    assert torch.equal(targets["pose"][as_it_was], poses[as_it_was])
    assert torch.equal(targets["pose"][turned_over], 4 - poses[turned_over])
    for task in ("gender", "smile", "glasses"):
        assert torch.equal(targets[task], patches.labels[task][index])


def test_labels_that_are_missing_stay_missing(drawn):
    without = [replace(face, attributes={"gender": 1}) for face in drawn]
    patches = load_patches(without, NETWORK, STILL)
    _, targets = views(patches, [*range(16)], replace(STILL, mirror=True))
    assert (targets["pose"] == -1).all()
    assert (targets["smile"] == -1).all()
    assert (targets["gender"] == 1).all()


def test_the_unit_of_the_loss_scales_with_the_view(drawn):
    config = replace(STILL, scale=0.2, roll=15.0, styles=0.5)
    patches = load_patches(drawn, NETWORK, config)
    _, targets = views(patches, [*range(16)], config)

    def eyes(points: torch.Tensor) -> torch.Tensor:
        return (points[:, 1] - points[:, 0]).norm(dim=1)

    torch.testing.assert_close(eyes(targets["points"]) / targets["unit"], eyes(patches.points) / patches.unit)
    assert targets["unit"].std() > patches.unit.std()


def test_other_box_styles_are_drawn(drawn):
    patches = load_patches(drawn, NETWORK, STILL)
    index = [0] * 60
    _, targets = views(patches, index, replace(STILL, styles=1.0))
    seen = set()
    for points in targets["points"]:
        for number, (down, log_scale) in enumerate(BOX_STYLES):
            expected = (patches.points[0] - torch.tensor([0.0, down / VIEW])) / np.exp(log_scale)
            if torch.allclose(points, expected, atol=1e-5):
                seen.add(number)
                break
        else:
            pytest.fail("a view whose box is in no known style")
    assert seen == {1, 2, 3}


def test_a_view_without_any_change_is_the_crop_that_use_would_see(drawn):
    patches = load_patches(drawn, NETWORK, AugmentationConfig())
    crops, targets = views(patches, [*range(16)], STILL)
    fixed = load_crops(drawn, NETWORK)
    torch.testing.assert_close(targets["points"], fixed.targets["points"])
    torch.testing.assert_close(targets["unit"], fixed.targets["unit"])
    assert (crops - fixed.pixels).abs().mean() < 0.01
    assert (crops - fixed.pixels).abs().max() < 0.15


@pytest.mark.parametrize("parts", [[8, 8], [4, 4, 4, 4], [1, 15]])
def test_processes_that_share_a_batch_make_the_views_of_one(drawn, parts):
    config = AugmentationConfig(occlusion=0.5, blur=0.5)
    patches = load_patches(drawn, NETWORK, config)
    index = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]
    whole, targets = views(patches, index, config)
    start = 0
    for size in parts:
        part = slice(start, start + size)
        generator = torch.Generator().manual_seed(0)
        crops, share = random_views(patches, torch.tensor(index), VIEW, SIDE, config, generator, part)
        torch.testing.assert_close(crops, whole[part], atol=1e-5, rtol=0.0)
        assert share.keys() == targets.keys()
        for name, value in share.items():
            torch.testing.assert_close(value, targets[name][part], atol=1e-6, rtol=0.0)
        # The generator ends at the same place, whatever the share.
        other = torch.Generator().manual_seed(0)
        random_views(patches, torch.tensor(index), VIEW, SIDE, config, other)
        assert torch.equal(generator.get_state(), other.get_state())
        start += size


def test_equal_seeds_give_equal_views_and_others_do_not(drawn):
    config = AugmentationConfig()
    patches = load_patches(drawn, NETWORK, config)
    first, again, other = (views(patches, [*range(16)], config, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_an_occluder_hides_one_rectangle_and_moves_no_point(drawn):
    patches = load_patches(drawn, NETWORK, STILL)
    index = [*range(16)] * 4
    crops, targets = views(patches, index, replace(STILL, occlusion=1.0))
    plain, untouched = views(patches, index, STILL)
    assert torch.equal(targets["points"], untouched["points"])
    differs = (crops != plain)[:, 0]
    hidden = 0
    for mask in differs:
        rows, columns = mask.any(dim=1).nonzero()[:, 0], mask.any(dim=0).nonzero()[:, 0]
        if len(rows):
            hidden += 1
            assert int(rows[-1] - rows[0]) < 0.45 * SIDE
            assert int(columns[-1] - columns[0]) < 0.45 * SIDE
    assert hidden > 55


def test_blur_noise_and_gamma_do_what_they_say(drawn):
    patches = load_patches(drawn, NETWORK, STILL)
    index = [*range(16)]
    plain, _ = views(patches, index, STILL)

    def roughness(crops: torch.Tensor) -> torch.Tensor:
        return crops.diff(dim=3).abs().mean(dim=(1, 2, 3))

    blurred, _ = views(patches, index, replace(STILL, blur=1.0))
    assert (roughness(blurred) < roughness(plain)).all()
    torch.testing.assert_close(blurred.mean(dim=(1, 2, 3)), plain.mean(dim=(1, 2, 3)), atol=0.01, rtol=0.0)

    noisy, _ = views(patches, index, replace(STILL, noise=0.1))
    spread = (noisy - plain).std(dim=(1, 2, 3))
    assert (spread <= 0.11).all()
    assert spread.std() > 0.01  # its strength differs from view to view

    brightened, _ = views(patches, index, replace(STILL, gamma=0.5))
    assert brightened.min() >= 0.0
    assert brightened.max() <= 1.0
    assert not torch.allclose(brightened, plain, atol=0.05)


def test_a_wider_spread_needs_a_wider_patch(drawn):
    assert STILL.margin() == pytest.approx(1.0)
    assert AugmentationConfig().margin() > 1.3
    patches = load_patches(drawn[:1], NETWORK, AugmentationConfig())
    assert patches.pixels.shape[1] == round(2 * SIDE * AugmentationConfig().margin())
    assert patches.span == pytest.approx(patches.pixels.shape[1] / (2 * SIDE))
    assert len(patches) == 1
