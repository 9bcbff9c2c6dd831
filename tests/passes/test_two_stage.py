"""Both stages over every face, with stages that are functions of the crop so that every answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import frames_apart
from tcdcn_init import Initializer
from tcdcn_init.crops import frames_from_boxes, frames_from_points, snapped
from tcdcn_init.geometry import MIRROR, interocular, invert, roll_degrees, rotation, transform_points
from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.passes.frames import Frame, upright_frame
from tcdcn_init.passes.looks import LOOKS
from tcdcn_init.passes.regions import HostCrops
from tcdcn_init.passes.stages import agreed, ask_stages
from tcdcn_init.passes.two_stage import run_stages

CONFIG = TwoStageConfig()
BARE = TwoStageConfig(replace(CONFIG.coarse, tasks=()), replace(CONFIG.fine, tasks=()))
FIVE = np.array([[-0.12, -0.1], [0.12, -0.1], [0.0, 0.02], [-0.09, 0.13], [0.09, 0.13]])


def answers(points: np.ndarray, error: float = 0.05, face: float = 4.0) -> dict[str, np.ndarray]:
    count = len(points)
    return {
        "points": points.astype(np.float32),
        "expected_error": np.full((count, 5), error, np.float32),
        "face": np.tile(np.array([-face / 2, face / 2], np.float32), (count, 1)),
        "visible": np.full((count, 5), 2.0, np.float32),
    }


class Finder:
    """A coarse stage that says `first` of any crop, and a fine one that finds the brightest pixel."""

    def __init__(self, first: np.ndarray) -> None:
        self.first, self.seen = first, []

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        self.seen.append(crops)
        if crops.shape[1] == CONFIG.coarse.side:
            return answers(np.repeat(self.first[None], len(crops), axis=0))
        brightest = crops.reshape(len(crops), -1).argmax(axis=1)
        at = np.stack([brightest % crops.shape[2], brightest // crops.shape[2]], axis=1)
        spot = (at + 0.5) / crops.shape[2] - 0.5
        return answers(spot[:, None] + 0.3 * FIVE)


def in_boxes(boxes: object) -> list[Frame]:
    return [
        Frame(float(side), 0.0, *centre)
        for (side, centre) in (
            (frame[0, 0], frame[:, 2].tolist()) for frame in frames_from_boxes(np.asarray(boxes), CONFIG.coarse.view)
        )
    ]


def spot(x: float, y: float, size: tuple[int, int] = (300, 400)) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.rint(220 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)).astype(np.uint8)


@pytest.mark.parametrize("roll", [0, 40, 90, 180, -120])
@pytest.mark.parametrize("size", [1.0, 2.5])
def test_the_second_crop_is_upright_and_its_points_lie_in_the_image(roll, size):
    first = transform_points(rotation(roll), size * FIVE) + [0.05, -0.04]
    box = np.array([[150.0, 100.0, 230.0, 190.0]])
    picture = spot(198, 140)
    look = Finder(first)
    found = ask_stages(look, CONFIG, HostCrops([picture]), in_boxes(box), 2)
    assert [crops.shape for crops in look.seen] == [(1, 64, 64), (1, 80, 80)]
    assert np.abs(found.points[0].mean(axis=0) - [198, 140]).max() < 0.03 * 90 * size + 1
    assert abs((roll_degrees(found.points)[0] - roll + 180) % 360 - 180) < 1.0
    assert found.finite.all()


def test_a_face_beyond_its_region_is_still_cut_from_the_picture():
    first = 0.3 * FIVE + [0.48, 0.45]  # at the corner of the coarse crop
    box = np.array([[100.0, 80.0, 160.0, 140.0]])
    at = np.array([130.0, 110.0]) + 60 * 2.2 * (first.mean(axis=0) + [0.03, 0.03])
    found = ask_stages(Finder(first), CONFIG, HostCrops([spot(*at)]), in_boxes(box), 2)
    assert np.abs(found.points[0].mean(axis=0) - at).max() < 1.0


def test_every_fine_pass_is_centred_by_the_one_before():
    """A face that the first fine crop shows at its border lies in the middle of the second."""
    first = 0.3 * FIVE
    box = np.array([[150.0, 100.0, 230.0, 190.0]])
    middle = np.array([190.0, 145.0]) + 85 * 2.2 * first.mean(axis=0)
    ask = Finder(first)
    found = ask_stages(ask, CONFIG, HostCrops([spot(*(middle + [9, 6]))]), in_boxes(box), 3)
    assert [crops.shape[1] for crops in ask.seen] == [64, 80, 80]
    off = [np.abs(np.array(np.unravel_index(crops[0].argmax(), (80, 80))) - 39.5).max() for crops in ask.seen[1:]]
    assert off[1] < 0.5 * off[0]
    assert np.abs(found.points[0].mean(axis=0) - middle - [9, 6]).max() < 1.0


def test_where_the_coarse_stage_is_sure_enough_the_fine_one_is_not_asked():
    boxes = np.array([[150.0, 100.0, 230.0, 190.0], [140.0, 90.0, 240.0, 200.0]])
    pictures = [spot(198, 140), spot(205, 150)]

    class Unsure(Finder):
        """Of the second face."""

        def __call__(self, crops):
            said = super().__call__(crops)
            if len(said["points"]) == 2:
                said["expected_error"][1] = 0.3
            return said

    ask = Unsure(FIVE)
    found = ask_stages(ask, CONFIG, HostCrops(pictures), in_boxes(boxes), 3, enough=0.1)
    assert [crops.shape[:2] for crops in ask.seen][:2] == [(2, 64), (1, 80)]
    assert found.settled.tolist() == [True, False]
    coarse = ask_stages(Finder(FIVE), CONFIG, HostCrops(pictures), in_boxes(boxes), 1)
    np.testing.assert_array_equal(found.points[0], coarse.points[0])
    assert np.abs(found.points[1].mean(axis=0) - [205, 150]).max() < 1.0
    all_settled = ask_stages(Finder(FIVE), CONFIG, HostCrops(pictures), in_boxes(boxes), 3, enough=0.1)
    np.testing.assert_array_equal(all_settled.points, coarse.points)
    np.testing.assert_allclose(all_settled.answers["expected_error"], coarse.answers["expected_error"])


class Settling(Finder):
    """A fine stage whose points, where the brightest pixel lies in the middle, ask for the very same crop again."""

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        found = super().__call__(crops)
        if crops.shape[1] == CONFIG.fine.side:
            own = transform_points(invert(frames_from_points(FIVE, CONFIG.fine.view)), FIVE)
            found["points"] += (own - 0.3 * FIVE).astype(np.float32)
        return found


def test_only_faces_that_a_pass_has_moved_are_asked_about_again():
    box = np.array([[150.0, 100.0, 230.0, 190.0]])
    first = 0.5 * FIVE
    frame = frames_from_points(first, 1.0)
    middle = np.array([190.0, 145.0]) + np.sqrt(80 * 90) * CONFIG.coarse.view * frame[:, 2]
    places = [middle + off for off in ([9, 6], [0, 0], [-8, 0])]
    ask = Settling(first)
    found = ask_stages(ask, CONFIG, HostCrops([spot(*place) for place in places]), in_boxes(box.repeat(3, axis=0)), 6)
    assert [len(crops) for crops in ask.seen] == [3, 3, 2]
    centres = np.array([frames_from_points(shape, 1.0)[:, 2] for shape in found.points])
    np.testing.assert_allclose(centres, places, atol=1.0)


def test_one_pass_is_the_coarse_stage_alone():
    ask = Finder(0.3 * FIVE)
    found = ask_stages(ask, CONFIG, HostCrops([spot(198, 140)]), in_boxes([[150.0, 100.0, 230.0, 190.0]]), 1)
    assert len(ask.seen) == 1
    np.testing.assert_allclose(found.points[0].mean(axis=0), [190, 145] + 90 * 2.2 * 0.3 * FIVE.mean(axis=0), atol=0.5)


@pytest.mark.parametrize("first", [0 * FIVE, 1e-9 * FIVE, 50 * FIVE])
def test_points_that_collapse_or_explode_are_survived(first):
    found = ask_stages(Finder(first), CONFIG, HostCrops([spot(180, 140)]), in_boxes([[150.0, 100.0, 230.0, 190.0]]), 2)
    assert np.isfinite(found.points).all()


def test_faces_do_not_depend_on_their_company():
    boxes = np.array([[150.0, 100.0, 230.0, 190.0], [10, 10, 90, 120], [140, 90, 240, 200]])
    pictures = [spot(198, 140), spot(50, 60), spot(180, 120)]
    together = ask_stages(Finder(FIVE), CONFIG, HostCrops(pictures), in_boxes(boxes), 2)
    for k in range(3):
        alone = ask_stages(Finder(FIVE), CONFIG, HostCrops(pictures[k : k + 1]), in_boxes(boxes[k : k + 1]), 2)
        np.testing.assert_array_equal(alone.points[0], together.points[k])


def sureness(found: dict[str, np.ndarray]) -> np.ndarray:
    return 1.0 - found["expected_error"].mean(axis=1)


class Lost(Finder):
    """Unsure of what it sees, unless the coarse crop is turned by half a circle: then it expects this error."""

    turned_error = 0.02

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        found = super().__call__(crops)
        coarse = [seen for seen in self.seen if seen.shape[1] == CONFIG.coarse.side]
        # The coarse stage vouches for nothing: whatever the fine one says does not contradict it.
        is_fine = crops.shape[1] == CONFIG.fine.side
        is_turned = len(coarse) == 2 + [look.turn for look in LOOKS].index(-1)
        found["expected_error"][:] = 3.0 if not is_fine else self.turned_error if is_turned else 0.97
        return found


def test_a_face_that_is_unsure_is_looked_at_again_and_the_surest_look_counts():
    ask, box = Lost(0.8 * FIVE), np.array([[150.0, 100.0, 230.0, 190.0]])
    given = (BARE, [spot(198, 140)], [box])
    points, outputs = run_stages(ask, *given, passes=2, on_bad="raise", sureness=sureness)
    coarse = [len(seen) for seen in ask.seen if seen.shape[1] == CONFIG.coarse.side]
    assert coarse == [1, 2, 2, 2, 2, 2, 1, 1]  # five with mirror images; and after the surest look none
    np.testing.assert_allclose(outputs["expected_error"], 0.02, atol=1e-6)
    assert abs(abs(roll_degrees(points)[0]) - 180) < 1.0
    # A turned crop that is little surer does not count.
    ask = Lost(0.8 * FIVE)
    ask.turned_error = 0.95
    points, outputs = run_stages(ask, *given, passes=2, on_bad="raise", sureness=sureness)
    assert abs(roll_degrees(points)[0]) < 1.0
    np.testing.assert_allclose(outputs["expected_error"], 0.97, atol=1e-6)
    # Without doubt, or without a measure of it, one look is all.
    for options in ({}, {"sureness": lambda found: np.ones(1)}):
        ask = Lost(0.8 * FIVE)
        run_stages(ask, *given, passes=2, on_bad="raise", **options)
        assert len(ask.seen) == 2


@pytest.mark.parametrize(("moved", "share"), [(0.003, 0.8), (0.02, 1.0)])
def test_looks_that_find_about_the_same_count_together(moved, share):
    """The second expects half the error, so it counts four times as much; one that contradicts it counts nothing."""

    class Sure(Finder):
        def __init__(self, moved: float, error: float) -> None:
            super().__init__(0.8 * FIVE)
            self.moved, self.error = moved, error

        def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
            found, is_fine = super().__call__(crops), crops.shape[1] == CONFIG.fine.side
            found["points"] += np.float32(self.moved * is_fine)
            found["expected_error"][:] = self.error if is_fine else 3.0
            return found

    given = (BARE, [spot(198, 140)], [np.array([[150.0, 100.0, 230.0, 190.0]])])

    def points(*asks: Sure) -> np.ndarray:
        return run_stages(asks[0], *given, passes=2, on_bad="raise", sureness=sureness, ask_both=asks[-1])[0][0]

    first, second = points(Sure(0.0, 0.01)), points(Sure(moved, 0.01))
    both = points(Sure(0.0, 0.2), Sure(moved, 0.1))
    np.testing.assert_allclose(both, first + share * (second - first), atol=1e-3)
    assert np.linalg.norm(second - first, axis=1).min() > 0.2


def test_a_contradiction_between_the_stages_is_doubted():
    points = 100 * FIVE[None].repeat(3, axis=0)
    first = points.copy()
    first[1] += 0.1 * interocular(points[1])  # within three times the coarse stage's own doubt
    first[2, :, 0] += interocular(points[2])
    fine, coarse = answers(points, 0.04, 6.0), answers(first, 0.05, -2.0)
    joined = agreed(points, fine, first, coarse)
    np.testing.assert_allclose(joined["expected_error"][:2], 0.04, atol=1e-6)
    np.testing.assert_allclose(joined["expected_error"][2], np.hypot(0.04, 1.0 - 0.15), atol=1e-3)
    np.testing.assert_allclose(joined["face"][:, 1] - joined["face"][:, 0], 2.0, atol=1e-6)
    assert joined["visible"] is fine["visible"]


@pytest.fixture(scope="module")
def initializer(tmp_path_factory: pytest.TempPathFactory) -> Initializer:
    import torch

    torch.manual_seed(0)
    small = TwoStageConfig(
        StageConfig(side=16, view=2.2, fold=2, widths=(4, 6), layers=(1, 1), feature=8),
        StageConfig(side=24, view=1.1, fold=2, widths=(4, 6, 8), layers=(1, 2, 1), feature=8),
    )
    path = tmp_path_factory.mktemp("model") / "two.safetensors"
    save_network(path, TwoStage(small).eval(), {})
    return Initializer(path, backend="torch")


def test_the_api_is_the_same(initializer, portrait, portrait_box):
    [face, other] = initializer(portrait, [portrait_box, (170, 50, 280, 180)])
    assert face.points.shape == (5, 2)
    assert face.visible.shape == (5,)
    assert ((face.visible > 0) & (face.visible < 1)).all()
    assert 0 <= face.confidence <= 1
    assert set(face.attributes) == {"pose", "gender", "glasses", "smile"}
    together = initializer.points([portrait, portrait], [[portrait_box], [(170, 50, 280, 180)]])
    np.testing.assert_allclose(together, [face.points, other.points], atol=1e-4)
    assert Initializer().config != initializer.config


def test_numbers_that_are_not_finite(initializer, portrait, portrait_box):
    picture = portrait / 255.0
    picture[98:104, 218:224] = np.nan
    far = (380, 380, 460, 480)
    with pytest.raises(ValueError, match="holds NaN or infinity under box"):
        initializer(picture, [portrait_box, far])
    bad, good = initializer(picture, [portrait_box, far], on_bad="nan")
    assert np.isnan(bad.points).all()
    assert np.isnan(bad.visible).all()
    assert np.isnan(bad.confidence)
    assert np.isfinite(good.points).all()


def test_the_bundled_model_finds_the_portrait(portrait, portrait_box, portrait_points):
    [face] = Initializer("tcdcn-two-stage")(portrait, [portrait_box])
    assert np.linalg.norm(face.points - portrait_points, axis=1).mean() < 0.08 * interocular(portrait_points)
    assert face.confidence > 0.5
    assert (face.visible > 0.5).all()
    hidden = portrait.copy()
    hidden[130:176, 150:290] = 128  # the mouth
    [face] = Initializer("tcdcn-two-stage")(hidden, [portrait_box])
    assert face.visible[3:].max() < face.visible[:2].min()


@pytest.mark.parametrize("way", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_neighbour_is_not_taken_for_the_face_of_a_box(portrait, portrait_box, portrait_points, way):
    """A box beside the face, where there is none, and where the further looks would see the face."""
    room, box = 300, np.asarray(portrait_box)
    wide = np.pad(portrait, ((room, room), (room, room), (0, 0)), mode="edge")
    side = box[2] - box[0]
    for sides in (1.4, 1.8):
        [found] = Initializer()(wide, [box + room + sides * side * np.tile(way, 2)])
        assert found.confidence < 0.05
        assert np.linalg.norm(found.points.mean(axis=0) - portrait_points.mean(axis=0) - room) > 0.4 * side


def test_mirror_images_are_looked_at_too(initializer, portrait, portrait_box):
    both = Initializer(initializer.model, backend="torch", mirror=True, passes=2)  # its weights are of no meaning
    [face] = both(portrait, [portrait_box])
    width = portrait.shape[1]
    left, top, right, bottom = portrait_box
    [turned] = both(portrait[:, ::-1].copy(), [(width - 1 - right, top, width - 1 - left, bottom)])
    mirrored = face.points[list(MIRROR)] * [-1, 1] + [width - 1, 0]
    np.testing.assert_allclose(turned.points, mirrored, atol=2.0)
    np.testing.assert_allclose(turned.visible, face.visible[[1, 0, 2, 4, 3]], atol=0.05)


def test_the_fast_frames_are_the_exact_ones():
    points = np.random.default_rng(4).normal(0, 40, (50, 5, 2)) + 100
    points[:, 3:] += [0, 60]
    found = [upright_frame([complex(*each) for each in shape], Frame(250.0, 0.0, 0.0, 0.0), 1.1) for shape in points]
    ours = np.array([[[a, -b, x], [b, a, y]] for a, b, x, y in found])
    exact = frames_from_points(points, 1.1)
    turn, scale, shift = frames_apart(exact, ours)
    assert turn.max() <= 0.501
    assert scale.max() <= 0.0101
    assert shift.max() <= 0.012
    np.testing.assert_allclose(ours[:, :, :2], snapped(exact)[:, :, :2], atol=1e-9)
