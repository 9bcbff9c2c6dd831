"""The robustness harness, on pictures where the right answer is known, and its report."""

from __future__ import annotations

import doctest
import functools
import json
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

import tcdcn_init.eval.robustness as module
from tcdcn_init.adapters.base import ENTRY_POINT_GROUP
from tcdcn_init.adapters.ert_arrays import CascadeArrays
from tcdcn_init.adapters.ert_cascade import ERT
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.robustness import failure_ratio, measure_robustness
from tcdcn_init.eval.robustness_report import plot_robustness, robustness_tables, run_robustness
from tcdcn_init.geometry import interocular
from tcdcn_init.initializer import Initializer

PLUGIN = Path(__file__).parent.parent / "adapters" / "example_plugin"
SHAPE = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
BOX = np.array([40.0, 30.0, 100.0, 90.0])


def in_box(box) -> np.ndarray:
    return SHAPE * (box[2:] - box[:2]) + box[:2]


class Still:
    """Leaves its start as it is."""

    mean_shape = SHAPE

    def fit_from_box(self, image, box):
        return in_box(np.asarray(box))

    def fit_from_points(self, image, points):
        return np.asarray(points)

    fit_from_shape = fit_from_points


class BoxReader:
    """An initializer that does not look: the same five points in every box, a little to the right."""

    def points(self, images, boxes, on_bad):
        assert on_bad == "nan"
        return np.array([in_box(np.asarray(box)) + [6.0, 0.0] for (box,) in boxes])


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> list[Face]:
    """40 faces, two to a picture, each with `SHAPE` in its box."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    made = []
    for k in range(40):
        image = folder / f"{k // 2}.png"
        if k % 2 == 0:
            imsave(image, rng.integers(0, 256, (130, 140), dtype=np.uint8), check_contrast=False)
        box = BOX + rng.integers(-9, 9, 2).tolist() * 2
        made.append(Face(f"{k // 2}.png#{k % 2}", image, in_box(box).astype(np.float32), box))
    return made


def still(faces, **options):
    return measure_robustness(faces, {"still": Still}, BoxReader, **options)


def make_ert() -> ERT:
    rng = np.random.default_rng(3)
    return ERT(
        CascadeArrays(
            SHAPE,
            split_pixels=rng.integers(0, 9, (2, 5, 3, 2)),
            thresholds=rng.normal(0, 40, (2, 5, 3)),
            leaves=rng.normal(0, 0.02, (2, 5, 4, 10)),
            anchors=rng.integers(0, 5, (2, 9)),
            deltas=rng.normal(0, 0.2, (2, 9, 2)),
        )
    )


def without_time(result):
    return {key: value for key, value in result.items() if key != "seconds"}


def test_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(module)
    assert result.attempted > 1
    assert result.failed == 0


def test_errors_are_the_ones_that_geometry_says(faces) -> None:
    rolls, noises = (0, 30, 90, 180), (0, 0.1, 0.3)
    found = still(faces, rolls=rolls, noises=noises)["regressors"]
    # The face turns about the centre of its box, the start stays: each point is off by a chord.
    radius = np.linalg.norm(SHAPE - 0.5, axis=1) * 60
    for roll in rolls:
        chord = (2 * np.sin(np.radians(roll) / 2) * radius).mean() / interocular(SHAPE * 60)
        summary = found["still"]["mean"]["roll"][f"{roll:g}"]
        assert summary["mean"] == pytest.approx(chord, abs=1e-6)
        assert summary["failure_10"] == (chord > 0.1)
        assert summary["count"] == 40
    for sd in noises:
        boxes = [noisy_box(face.box, sd, face_rng(0, face.name, "box")) for face in faces]
        off = [np.linalg.norm(in_box(b) - f.points, axis=1).mean() / 24 for b, f in zip(boxes, faces, strict=True)]
        assert found["still"]["mean"]["noise"][f"{sd:g}"]["mean"] == pytest.approx(np.mean(off), abs=1e-6)
    # Seeded, it stays at the initializer's points, a quarter of the inter-ocular distance of 24 pixels off.
    assert found["still"]["tcdcn"] == found["none"]["tcdcn"]
    assert found["none"]["tcdcn"]["roll"]["0"]["mean"] == pytest.approx(0.25, abs=1e-6)
    for kind in ("roll", "noise"):
        assert all(summary["mean"] < 1e-6 for summary in found["still"]["oracle"][kind].values())


def test_the_order_of_the_faces_does_not_matter(faces) -> None:
    few = {"rolls": (0, 45), "noises": (0.15,)}
    forth, back = still(faces, **few), still(faces[::-1], **few)
    for start in ("mean", "tcdcn"):
        for kind in ("roll", "noise"):
            for value, summary in forth["regressors"]["still"][start][kind].items():
                other = back["regressors"]["still"][start][kind][value]
                assert summary == pytest.approx(other)


def test_unreadable_faces_fail_everywhere_and_are_listed(faces, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    bad = [Face(name, broken, faces[0].points, BOX) for name in ("broken#0", "broken#1")]
    result = still([*faces[:2], *bad], rolls=(0,), noises=(0,))
    assert list(result["unreadable"]) == ["broken#0", "broken#1"]
    assert "broken.png" in result["unreadable"]["broken#0"]
    for kind in ("roll", "noise"):
        summary = result["regressors"]["still"]["mean"][kind]["0"]
        assert (summary["count"], summary["missing"], summary["failure_10"]) == (4, 2, 0.5)
    nobody = still(bad, rolls=(0,), noises=())
    assert nobody["regressors"]["none"]["tcdcn"]["roll"]["0"]["missing"] == 2


def test_a_box_far_outside_of_its_picture_fails(faces) -> None:
    away = Face("away", faces[0].image, faces[0].points, BOX + 5000)
    result = still([faces[0], away], rolls=(0, 30), noises=())
    assert result["regressors"]["still"]["mean"]["roll"]["30"]["missing"] == 1


def test_processes_change_no_number(faces, small_model, tmp_path) -> None:
    path = tmp_path / "ert.safetensors"
    make_ert().save(path)
    run = functools.partial(
        measure_robustness,
        faces,
        {"ert": functools.partial(ERT.load, path)},
        functools.partial(Initializer, small_model),
        rolls=(0, 20),
        noises=(0.1,),
    )
    assert without_time(run(jobs=1)) == without_time(run(jobs=2))


class Stopping(BoxReader):
    """Is interrupted when the second group of faces begins."""

    calls = 0

    def points(self, images, boxes, on_bad):
        Stopping.calls += 1
        if Stopping.calls == 4:  # one call to know it again, two conditions for the first group
            raise KeyboardInterrupt
        return super().points(images, boxes, on_bad)


def test_an_interrupted_run_goes_on(faces, tmp_path) -> None:
    journal, few = tmp_path / "run.journal", {"rolls": (0,), "noises": (0.1,)}
    whole = still(faces, **few)
    Stopping.calls = 0
    with pytest.raises(KeyboardInterrupt):
        measure_robustness(faces, {"still": Still}, Stopping, **few, journal=journal)
    assert len(journal.read_text().splitlines()) == 2  # settings, and the group that was finished
    resumed = measure_robustness(faces, {"still": Still}, Stopping, **few, journal=journal)
    assert Stopping.calls == 4 + 1 + 2
    assert without_time(resumed) == without_time(whole)
    with pytest.raises(ValueError, match="other settings"):
        still(faces, **few, journal=journal, seed=1)
    with pytest.raises(ValueError, match="other settings"):
        still(faces, **few, journal=journal, settings="another model")
    with pytest.raises(ValueError, match="other settings"):  # another regressor under the same name
        measure_robustness(faces, {"still": make_ert}, BoxReader, **few, journal=journal)


def test_ratios_by_hand() -> None:
    ours = np.array([0.05, 0.2, np.nan, 0.1, 0.02, 0.03])
    theirs = np.array([0.3, 0.2, 0.4, 0.5, 0.02, 0.03])
    found = failure_ratio(ours, theirs, list("aabcde"))
    assert (found["failures"], found["baseline"], found["ratio"]) == (2, 4, 0.5)
    nothing = failure_ratio(ours, np.zeros(6), list("aabcde"))
    assert (nothing["ratio"], nothing["low"]) == (None, None)
    assert failure_ratio(ours, theirs, ["a"] * 6)["low"] is None  # one image has no interval
    # Of 100 baseline failures half remain, each in an image of its own: a share of 0.5 with a spread of 0.05.
    numbers = np.arange(400)
    half = failure_ratio(0.2 * (numbers < 50), 0.2 * (numbers < 100), [str(k) for k in numbers])
    assert half["ratio"] == 0.5
    assert half["low"] == pytest.approx(0.4, abs=0.02)
    assert half["high"] == pytest.approx(0.6, abs=0.02)


def test_ratios_compare_what_they_say(faces) -> None:
    result = still(faces, rolls=(0, 45), noises=(0.15,))
    runs = result["regressors"]["still"]
    assert result["ratios"]["still"]["roll"]["failures"] == 40 * runs["tcdcn"]["roll"]["45"]["failure_10"]
    assert result["ratios"]["still"]["roll"]["baseline"] == 40 * runs["tcdcn"]["roll"]["0"]["failure_10"]
    assert result["ratios"]["still"]["noise"]["failures"] == 40 * runs["tcdcn"]["noise"]["0.15"]["failure_10"]
    assert result["ratios"]["still"]["noise"]["baseline"] == 40 * runs["mean"]["noise"]["0.15"]["failure_10"]
    assert list(result["ratios"]["none"]) == ["roll"]  # no regressor has no start of its own
    assert still(faces, rolls=(0,), noises=(0.1,))["ratios"]["still"] == {}


class Three(Still):
    mean_shape = SHAPE[:3]


def test_what_cannot_be_measured_is_refused(faces) -> None:
    dense = Face("dense", faces[0].image, np.zeros((68, 2), dtype=np.float32), BOX)
    with pytest.raises(ValueError, match="no face"):
        still([])
    with pytest.raises(ValueError, match="jobs is 0"):
        still(faces, jobs=0)
    with pytest.raises(ValueError, match=r"\[5, 68\] points"):
        still([faces[0], dense])
    with pytest.raises(ValueError, match="'three' has 3 points, the faces 5"):
        measure_robustness(faces, {"three": Three}, BoxReader)
    with pytest.raises(ValueError, match="named 'none'"):
        measure_robustness(faces, {"none": Still}, BoxReader)


def test_a_five_point_regressor_is_scored_on_dense_faces(faces) -> None:
    shape = np.full((68, 2), 50.0, dtype=np.float32)
    shape[36:42], shape[42:48], shape[30], shape[48], shape[54] = SHAPE * 60 + BOX[:2]
    result = still([Face("dense", faces[0].image, shape, BOX)], rolls=(0, 90), noises=())
    found = result["regressors"]["still"]["mean"]["roll"]
    assert found["0"]["mean"] == pytest.approx(0, abs=1e-6)
    assert found["90"]["mean"] > 0.5


@pytest.fixture(scope="module")
def measured(faces):
    return {"aflw": still(faces, noises=(0, 0.15, 0.3))}


def test_tables_hold_every_figure_in_percent(measured) -> None:
    text = robustness_tables(measured)
    assert text.startswith("### AFLW: 40 faces\n\n| Failures (mean error), %, by roll | start | 0° | 15° |")
    assert "| still | its own start | 0.0 (0.0) | 100.0 (" in text
    assert "| no regressor | TCDCN's points | 100.0 (25.0) |" in text
    assert "| still | 40 / 40 = **1.00** (1.00 to 1.00) |" in text
    tables = [block.splitlines() for block in text.strip().split("\n\n")[1:]]
    assert [len(table) for table in tables] == [6, 6, 4]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1


def test_curves_are_drawn_and_the_same_figures_make_the_same_file(measured, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    plot_robustness(measured, tmp_path / "a.svg", tmp_path / "a.png")
    plot_robustness(measured, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The example package, as pip leaves it."""
    info = tmp_path / "site" / "mean_regressor-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mean-regressor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\nmean = mean_regressor:MeanRegressor\n")
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")


def test_one_command_measures_and_writes(plugin, mtfl_root, small_model, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    run = functools.partial(
        run_robustness, {"aflw": mtfl_root}, regressors={"aflw": ("mean",)}, model=str(small_model), command="x"
    )
    document = run(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["robustness.json", "robustness.md", "robustness.png", "robustness.svg"]
    assert json.loads((tmp_path / "out" / "robustness.json").read_text()) == document
    assert document["command"] == "x"
    assert "numpy" in document["hardware"]["versions"]
    result = document["datasets"]["aflw"]
    assert result["faces"] == 8
    assert list(result["regressors"]) == ["none", "mean"]
    again = run(tmp_path / "again")["datasets"]["aflw"]
    assert without_time(again) == without_time(result)
    few = run(tmp_path / "few", limit=3, boxes="points")["datasets"]["aflw"]
    assert (few["faces"], few["boxes derived"]) == (3, 3)


def test_mistakes_are_named_before_anything_is_measured(mtfl_root, tmp_path) -> None:
    out = tmp_path / "out"
    for message, roots, options in (
        ("no data set given", {}, {}),
        ("no regressor is named for data set 'mtfl-train'", {"mtfl-train": mtfl_root}, {}),
        ("boxes is 'own'", {"aflw": mtfl_root}, {"boxes": "own"}),
        ("limit is 0", {"aflw": mtfl_root}, {"limit": 0}),
        ("no regressor is named 'nonesuch'", {"aflw": mtfl_root}, {"regressors": {"aflw": ("nonesuch",)}}),
    ):
        with pytest.raises(ValueError, match=message):
            run_robustness(roots, out, **options)
