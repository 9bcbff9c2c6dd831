"""The comparison of starts, where the right answer of every start is known."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from builders import FIVE, random_ert
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.data import report_data, write_faces
from tcdcn_init.eval.comparison.finding import finding
from tcdcn_init.eval.comparison.measure import Measured, measure_starts
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Plan, Run
from tcdcn_init.eval.comparison.report import DatasetFacts, ModelFacts, Report
from tcdcn_init.eval.comparison.tables.points_alone import points_tables
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.other_points import any_start
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.starts import make_start
from tcdcn_init.initializer import Initializer
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


class Picky(Halfway):
    """Refuses starts that lie right of the middle of the face that it knows."""

    def fit_from_shape(self, image, shape):
        if np.asarray(shape)[:, 0].mean() > TARGET[:, 0].mean() + 1e-3:
            raise ValueError("too far to the right")
        return np.asarray(shape)


class BoxReader:
    """An initializer that does not look: the same five points in every box, a little to the right."""

    def points(self, images, boxes, on_bad):
        assert on_bad == "nan"
        return np.array([in_box(np.asarray(box)) + OFF for (box,) in boxes], dtype=np.float32).reshape(-1, 5, 2)

    def points_and_confidence(self, images, boxes, on_bad):
        points = self.points(images, boxes, on_bad)
        return points, np.full(len(points), np.nan)


class Doubting(BoxReader):
    """Is sure of nothing."""

    def points_and_confidence(self, images, boxes, on_bad):
        points, _ = super().points_and_confidence(images, boxes, on_bad)
        return points, np.zeros(len(points))


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> list[Face]:
    """40 faces, two to an image, each with `SHAPE` in its box; the first in `BOX`."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    made = []
    for k in range(40):
        image = folder / f"{k // 2}.png"
        if k % 2 == 0:
            imsave(image, rng.integers(0, 256, (130, 140), dtype=np.uint8), check_contrast=False)
        box = BOX + (rng.integers(-9, 9, 2).tolist() * 2 if k else 0)
        pose = {"pose": 4} if k < 10 else {}
        made.append(Face(f"{k // 2}.png#{k % 2}", image, in_box(box).astype(np.float32), box, attributes=pose))
    return made


def make_plan(*starts, regressors=None, noises=(), rolls=(), **more) -> Plan:
    named = {"halfway": Halfway} if regressors is None else regressors
    options = {"initializer": BoxReader, **more}
    return Plan(named, tuple(make_start(name, BANK) for name in starts), noises=noises, rolls=rolls, **options)


def drawn_offsets(face, count, seed=0) -> np.ndarray:
    """Where a random start's shapes lie, right of the face, in pixels."""
    chosen = face_rng(seed, face.name, "start").choice(len(BANK), size=count, replace=False)
    return 60 * OFFSETS[chosen]


def comparable(measured: Measured) -> dict:
    """All but times, NaN being equal to NaN."""
    fields = vars(measured).copy()
    del fields["ms_per_face"], fields["seconds"]
    return {name: repr(np.asarray(value, dtype=object).tolist()) for name, value in fields.items()}


def test_start_and_final_errors_are_the_ones_that_geometry_says(faces) -> None:
    names = ("random-1", "random-5", "mean", "tcdcn-nearest-1", "tcdcn-aligned", "oracle-1")
    measured = measure_starts(faces, make_plan(*names))
    assert measured.runs == [POINTS_RUN, *(Run("halfway", "original", name) for name in names)]
    away = np.stack([face.box[:2] - BOX[:2] for face in faces])  # of each face from the regressor's target

    def expected(off) -> np.ndarray:
        """Final error of starts that lie `off` the face: a half of it stays, and half of the face's way."""
        return np.linalg.norm((np.stack(off) - away) / 2, axis=1) / EYES

    right = np.array([1.0, 0.0])
    found = dict(zip(measured.runs, zip(measured.start_errors, measured.errors, strict=True), strict=True))
    for name, off in {
        "random-1": [drawn_offsets(face, 1)[0] * right for face in faces],
        "random-5": [np.median(drawn_offsets(face, 5)) * right for face in faces],
        "mean": [0 * right] * 40,
        "tcdcn-nearest-1": [OFF] * 40,
        "tcdcn-aligned": [OFF] * 40,
        "oracle-1": [0 * right] * 40,
    }.items():
        start_errors, errors = found[Run("halfway", "original", name)]
        np.testing.assert_allclose(start_errors, np.linalg.norm(off, axis=1) / EYES, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(errors, expected(off), atol=1e-5, err_msg=name)
    np.testing.assert_allclose(found[POINTS_RUN], 0.25, atol=1e-6)
    np.testing.assert_allclose(measured.box_errors, measured.errors * EYES / 60, atol=1e-9)
    assert all(points.shape == (40, 5) for points in measured.point_errors)


def test_answers_that_fail_are_left_out_of_the_median(faces) -> None:
    measured = measure_starts(faces[:1], make_plan("random-5", "tcdcn-nearest", regressors={"picky": Picky}))
    left = [value for value in drawn_offsets(faces[0], 5) if value <= 0]
    assert measured.errors[1, 0] == pytest.approx(abs(np.median(left)) / EYES, abs=1e-6)
    assert np.isnan(measured.errors[2, 0])  # it refuses all of them
    assert measured.start_errors[2, 0] == pytest.approx(0.25, abs=1e-6)


def test_curves_show_copies_of_the_same_faces(faces) -> None:
    plan = make_plan("tcdcn-nearest-1", "mean", noises=(0, 0.2), rolls=(0, 180))
    measured = measure_starts(faces, plan)
    assert measured.curves["noise"].shape == measured.curves["roll"].shape == (3, 2, 40)
    np.testing.assert_array_equal(measured.curves["noise"][:, 0], measured.errors)
    boxes = [noisy_box(face.box, 0.2, face_rng(0, face.name, "box")) for face in faces]
    answers = np.stack([(in_box(box) + TARGET) / 2 for box in boxes])
    truth = np.stack([in_box(face.box) for face in faces])
    off = np.linalg.norm(answers - truth, axis=2).mean(axis=1) / EYES
    np.testing.assert_allclose(measured.curves["noise"][2, 1], off, atol=1e-5)
    # Upside down, the points in the box are as far off as the face is wide.
    chord = (2 * 60 * np.linalg.norm(SHAPE - 0.5, axis=1)).mean() / EYES
    upright, turned = measured.curves["roll"][0]
    np.testing.assert_allclose(upright, 0.25, atol=1e-6)
    assert (np.abs(turned - chord) < 0.25).all()


def test_at_most_500_faces_make_curves(faces, monkeypatch) -> None:
    monkeypatch.setattr("tcdcn_init.eval.comparison.measure.CURVE_FACES", 3)
    measured = measure_starts(faces, make_plan("mean", noises=(0, 0.1)))
    assert measured.curve_faces == [0, 20, 39]
    np.testing.assert_array_equal(measured.curves["noise"][:, 0], measured.errors[:, [0, 20, 39]])


def test_the_order_of_the_faces_does_not_matter(faces) -> None:
    plan = make_plan("random-5", noises=(0.1,), seed=3)
    forth, back = measure_starts(faces, plan), measure_starts(faces[::-1], plan)
    np.testing.assert_allclose(forth.errors, back.errors[:, ::-1], atol=1e-12)
    other = measure_starts(faces, make_plan("random-5", noises=(0.1,), seed=4))
    assert not np.allclose(forth.errors, other.errors)


def test_unreadable_faces_fail_everywhere_and_are_listed(faces, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    bad = [Face(name, broken, faces[0].points, BOX) for name in ("broken#0", "broken#1")]
    plan = make_plan("mean", noises=(0, 0.1), rolls=(0,))
    some = [*faces[:2], *bad]
    measured = measure_starts(some, plan)
    assert list(measured.unreadable) == ["broken#0", "broken#1"]
    report = report_data(Case("x", "X", some, "given", (), ""), plan, measured, model=MODEL)
    for run in report.runs:
        assert (run.error.count, run.error.missing) == (4, 2)
    assert str(tmp_path) not in report.dataset.unreadable["broken#0"]
    curve = report.noise.runs[0]
    assert curve.failure[0] == 1.0  # all are 0.25 off
    assert curve.mean[0] == pytest.approx((0.25 + 1.0) / 2)
    nobody = measure_starts(bad, plan)
    assert np.isnan(nobody.errors).all()
    assert nobody.errors.shape == (2, 2)


def test_a_box_far_outside_of_its_picture_fails(faces) -> None:
    away = Face("away", faces[0].image, faces[0].points, BOX + 5000)
    measured = measure_starts([faces[0], away], make_plan("mean", rolls=(30,)))
    assert np.isnan(measured.curves["roll"][:, 0, 1]).all()


def make_ert() -> ERT:
    return ERT(dataclasses.replace(random_ert().arrays, mean_shape=SHAPE))


def test_processes_change_no_number(faces, small_model, tmp_path) -> None:
    path = tmp_path / "ert.safetensors"
    make_ert().save(path)
    plan = make_plan(
        "random-5",
        "mean",
        "tcdcn-nearest",
        regressors={"ert": functools.partial(ERT.load, path)},
        initializer=functools.partial(Initializer, small_model),
        noises=(0.1,),
        rolls=(20,),
    )
    assert comparable(measure_starts(faces, plan, jobs=1)) == comparable(measure_starts(faces, plan, jobs=2))


def test_trees_have_their_own_mean_start_and_frames_from_the_others(faces, portrait) -> None:
    ert = make_ert()
    measured = measure_starts(faces[:1], make_plan("mean", "oracle-1", regressors={"ert": lambda: ert}))
    from tcdcn_init.images import read_image

    image = read_image(faces[0].image)
    own = ert.fit_from_box(image, BOX)
    seeded = ert.fit_from_shape(image, TARGET)
    for run, shape in ((1, own), (2, seeded)):
        error = np.linalg.norm(shape - TARGET, axis=1).mean() / EYES
        assert measured.errors[run, 0] == pytest.approx(error, abs=1e-4)


def test_restarts_of_rcpr_are_of_its_random_starts_alone(faces) -> None:
    from tcdcn_init.adapters.rcpr.cascade import RCPR

    class Asking(RCPR):
        """Answers with its starts, and asks for others once."""

        def __init__(self):
            super(RCPR, self).__init__(SHAPE)

        def fit_from_shapes(self, images, shapes, *, on_bad="raise", redraw=None):
            again = redraw(np.arange(len(shapes)), 1) if redraw else shapes
            assert again.shape == shapes.shape
            return np.median(again, axis=1)

    measured = measure_starts(faces[:4], make_plan("random-5", "tcdcn-nearest", regressors={"rcpr": Asking}))
    for face, error, start_error in zip(faces, measured.errors[1], measured.start_errors[1], strict=False):
        again = face_rng(0, face.name, "restart 1").choice(7, size=5, replace=False)
        assert error == pytest.approx(abs(np.median(60 * OFFSETS[again])) / EYES, abs=1e-5)
        assert start_error == pytest.approx(abs(np.median(drawn_offsets(face, 5))) / EYES, abs=1e-5)
    np.testing.assert_allclose(measured.errors[2], 0.25, atol=1e-5)


class Stopping(BoxReader):
    """Is interrupted when the second group of faces begins."""

    calls = 0

    def points_and_confidence(self, images, boxes, on_bad):
        Stopping.calls += 1
        if Stopping.calls == 3:  # one call to know it again, one for the first group
            raise KeyboardInterrupt
        return super().points_and_confidence(images, boxes, on_bad)


def test_where_the_initializer_is_unsure_the_start_is_the_mean_in_the_box(faces) -> None:
    def errors(initializer: type) -> dict[str, np.ndarray]:
        measured = measure_starts(faces, make_plan("mean", "tcdcn-nearest", "tcdcn-sure", initializer=initializer))
        return {run.start: row for run, row in zip(measured.runs, measured.start_errors, strict=True)}

    sure, unsure = errors(BoxReader), errors(Doubting)
    np.testing.assert_allclose(sure["tcdcn-sure"], sure["tcdcn-nearest"])
    np.testing.assert_allclose(unsure["tcdcn-sure"], unsure["mean"])
    np.testing.assert_allclose(unsure["tcdcn-nearest"], sure["tcdcn-nearest"])


class Echoing(Halfway):
    """Takes five points for the answer, whatever it would make of a start shape."""

    def fit_from_points(self, image, points):
        return np.asarray(points)


def test_the_regressors_own_start_from_points_is_its_own_affair(faces) -> None:
    measured = measure_starts(faces, make_plan("tcdcn-aligned", "tcdcn-own", regressors={"echoing": Echoing}))
    errors = {run.start: row for run, row in zip(measured.runs, measured.errors, strict=True)}
    np.testing.assert_allclose(errors["tcdcn-own"], errors[POINTS_RUN.start], atol=1e-9)
    assert np.abs(errors["tcdcn-aligned"] - errors["tcdcn-own"]).max() > 0.05


def slightly_off(image, boxes) -> np.ndarray:
    """Another initializer: two pixels to the right."""
    return np.stack([in_box(box) + [2, 0] for box in boxes])


def test_other_points_are_compared_beside_tcdcns_and_started_from(faces, tmp_path) -> None:
    file = tmp_path / "theirs.csv"
    rows = [",".join([face.name, *map(str, (face.points + [3, 0]).ravel())]) for face in faces[4:]]
    head = ",".join(f"{axis}{k}" for k in range(5) for axis in "xy")
    file.write_text("\n".join([f"image,{head}", *rows]))
    own = [any_start(each, BANK, faces) for each in (slightly_off, str(file))]
    plan = make_plan("random-5", "tcdcn-nearest", noises=(0, 0.1), rolls=(0, 30))
    plan = dataclasses.replace(plan, starts=(*plan.starts, *own))
    measured = measure_starts(faces, plan, journal=tmp_path / "journal")
    theirs, fitted = Run("none", "original", "theirs.csv"), Run("halfway", "original", "theirs.csv")
    errors = dict(zip(measured.runs, measured.errors, strict=True))
    assert measured.runs[:3] == [POINTS_RUN, Run("none", "original", "slightly_off"), theirs]
    np.testing.assert_allclose(errors[measured.runs[1]], 2 / EYES, atol=1e-5)
    np.testing.assert_allclose(errors[theirs][4:], 3 / EYES, atol=1e-5)
    assert np.isnan(errors[theirs][:4]).all()
    assert np.isnan(errors[fitted][:4]).all()
    np.testing.assert_allclose(errors[Run("halfway", "original", "slightly_off")][0], 1 / EYES, atol=1e-5)

    report = report_data(Case("x", "X", faces, "given", (), "a note"), plan, measured, model=MODEL)
    alone = {each.start: each for each in report.points_alone}
    assert {name: (each.shared.count, len(each.without)) for name, each in alone.items()} == {
        "tcdcn": (36, 0),
        "slightly_off": (36, 0),
        "theirs.csv": (36, 4),
    }
    assert alone["theirs.csv"].without == [face.name for face in faces[:4]]
    assert alone["tcdcn"].against is None
    assert alone["theirs.csv"].against.nme.estimate == pytest.approx((3 - OFF[0]) / EYES, abs=1e-5)
    assert report.seeded_start == "tcdcn-nearest"
    # A file's points stay where they are in other boxes, and there are none of rotated images.
    noise, roll = ({(run.regressor, run.start): run for run in sweep.runs} for sweep in (report.noise, report.roll))
    assert noise["none", "theirs.csv"].mean[0] == noise["none", "theirs.csv"].mean[1]
    assert set(noise) - set(roll) == {("none", "theirs.csv"), ("halfway", "theirs.csv")}

    [table] = points_tables(report)
    assert [row[0].text for row in table.rows] == ["TCDCN's points", "points of slightly_off", "points of theirs.csv"]
    assert "No points of theirs.csv for 4 faces: 0.png#0, 0.png#1, 1.png#0, 1.png#1." in table.note
    assert "Rolled heads are not measured from theirs.csv" in table.note
    assert finding(report)[-1].startswith(
        "Of the 36 faces that all have points of, those of theirs.csv fail on 100.0 %"
    )

    file.write_text(file.read_text().replace(rows[-1], rows[-1] + "1"))
    changed = dataclasses.replace(plan, starts=(*plan.starts[:-1], any_start(str(file), BANK, faces)))
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces, changed, journal=tmp_path / "journal")


def test_an_interrupted_run_goes_on_to_the_same_result(faces, tmp_path) -> None:
    journal, whole = tmp_path / "run.journal", measure_starts(faces, make_plan("random-5", "mean"))
    Stopping.calls = 0
    with pytest.raises(KeyboardInterrupt):
        measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping), journal=journal)
    assert journal.read_text().count('"piece"') == 1
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping, seed=1), journal=journal)
    Stopping.calls = 10
    resumed = measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping), journal=journal)
    assert Stopping.calls == 12  # the finished group is not fitted again
    assert comparable(resumed) == comparable(whole)


def test_another_regressor_or_box_under_the_same_name_is_noticed(faces, tmp_path) -> None:
    journal = tmp_path / "run.journal"
    measure_starts(faces[:2], make_plan("mean"), journal=journal)
    moved = [faces[0], dataclasses.replace(faces[1], box=faces[1].box + 1)]
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(moved, make_plan("mean"), journal=journal)

    class Other(Halfway):
        def fit_from_box(self, image, box):
            return super().fit_from_box(image, box) + 1

    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces[:2], make_plan("mean", regressors={"halfway": Other}), journal=journal)


@pytest.fixture(scope="module")
def compared(faces) -> tuple[Case, Plan, Measured, Report]:
    """A whole report: a regressor as trained, and retrained for one start and for the baseline."""
    retrained = {("halfway", "tcdcn-nearest"): Staying, ("halfway", "random-5"): Staying}
    plan = make_plan("random-5", "tcdcn-nearest", "mean", retrained=retrained, noises=(0, 0.1), rolls=(0, 30))
    measured = measure_starts(faces, plan)
    case = Case("x", "X", faces, "given", (), "a note")
    return case, plan, measured, report_data(case, plan, measured, model=MODEL, command="c")


def test_a_retrained_regressor_is_a_run_of_its_own(compared) -> None:
    _, _, measured, _ = compared
    row = measured.runs.index(Run("halfway", "retrained", "tcdcn-nearest"))
    np.testing.assert_allclose(measured.errors[row], 0.25, atol=1e-5)
    assert [run.start for run in measured.runs if run.training == "retrained"] == ["random-5", "tcdcn-nearest"]


def test_differences_are_against_the_baseline_of_the_same_training(compared) -> None:
    _, _, measured, report = compared
    errors = dict(zip(measured.runs, measured.errors, strict=True))
    for run, row in zip(measured.runs, report.runs, strict=True):
        if run == POINTS_RUN or run.start == "random-5":
            assert row.against is None
            continue
        base = errors[Run(run.regressor, run.training, "random-5")]
        nme, failure = row.against.nme, row.against.failure
        assert nme.estimate == pytest.approx((errors[run] - base).mean())
        assert nme.low <= nme.estimate <= nme.high
        assert nme.images == 20
        assert failure.estimate == pytest.approx((errors[run] > 0.1).mean() - (base > 0.1).mean())
        assert len(row.against.points) == 5


def test_a_report_states_what_was_measured(compared) -> None:
    case, _, measured, report = compared
    assert report.dataset == DatasetFacts("x", "X", 40, 20, 5, "given", 0, {}, "a note")
    assert report.regressors == ["none", "halfway"]
    assert report.starts == ["random-5", "tcdcn-nearest", "mean"]
    assert list(report.runs[0].poses) == ["right profile", "not annotated"]
    assert report.runs[0].poses["right profile"].count == 10
    assert report.runs[0].ced.share[-1] == 1.0  # 0.25 is below 0.3
    assert report.runs[0].ced.share[0] == 0.0
    assert report.noise.values == [0, 0.1]
    assert report.roll.runs[0].failure == [1.0, 1.0]
    assert report.published.figures["aflw"]["TCDCN"] == 8.0
    assert report.runs[1].error.mean == pytest.approx(measured.errors[1].mean())
    assert len(case.faces) == 40


def test_a_report_is_read_back_as_it_was_written(compared, tmp_path) -> None:
    *_, report = compared
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
    (tmp_path / "report.json").write_text((tmp_path / "report.json").read_text().replace('"seed": 0', '"seed": "0"'))
    with pytest.raises(ValueError, match=r"report.json is no Report .*seed is '0'; expected int"):
        Report.read(tmp_path / "report.json")


def test_faces_are_listed_with_blanks_for_what_is_missing(compared, tmp_path) -> None:
    case, _, measured, _ = compared
    measured = dataclasses.replace(measured, errors=measured.errors.copy())
    measured.errors[1, 0] = np.nan
    write_faces(tmp_path / "faces.csv", case, measured)
    lines = (tmp_path / "faces.csv").read_text().splitlines()
    assert lines[0] == "name,image,pose,regressor,training,start,start_error,error,error_box,e0,e1,e2,e3,e4"
    assert len(lines) == 1 + 40 * 6
    assert lines[1].startswith("0.png#0,0.png,right profile,none,original,tcdcn,0.250000,0.250000,0.100000,")
    assert lines[2].split(",")[7] == ""


def test_no_name_in_the_list_is_a_formula(compared, tmp_path) -> None:
    case, _, measured, _ = compared
    evil = dataclasses.replace(case.faces[0], name="=cmd|x!A1.jpg")
    write_faces(tmp_path / "faces.csv", dataclasses.replace(case, faces=[evil, *case.faces[1:]]), measured)
    assert (tmp_path / "faces.csv").read_text().splitlines()[1].startswith("./=cmd|x!A1.jpg,")


def test_mistakes_are_named_before_anything_is_measured(faces) -> None:
    dense = Face("dense", Path("nowhere.png"), np.zeros((68, 2), dtype=np.float32), BOX)

    class Three(Halfway):
        mean_shape = SHAPE[:3]

    class Dlibs(Halfway):
        mean_shape = np.array([[0.8, 0.3], [0.7, 0.3], [0.2, 0.3], [0.3, 0.3], [0.5, 0.7]])

    for message, some, plan in (
        ("no face", [], make_plan("mean")),
        ("no start is named", faces, make_plan()),
        (r"\[5, 68\] points", [faces[0], dense], make_plan("mean")),
        ("start 'mean' is of 5-point shapes, the faces have 68", [dense], make_plan("mean")),
        ("'three' has 3 points, the faces have 5", faces, make_plan("mean", regressors={"three": Three})),
        ("'d' has dlib's 5 points", faces, make_plan("mean", regressors={"d": Dlibs})),
        ("named 'none'", faces, make_plan("mean", regressors={"none": Halfway})),
        ("noise -0.1 ", faces, make_plan("mean", noises=(-0.1,))),
        ("roll inf ", faces, make_plan("mean", rolls=(np.inf,))),
    ):
        with pytest.raises(ValueError, match=message):
            measure_starts(some, plan)
    with pytest.raises(ValueError, match="jobs is 0"):
        measure_starts(faces, make_plan("mean"), jobs=0)


def test_points_that_nobody_annotated_count_in_no_figure(faces, tmp_path) -> None:
    def without(face: Face, *points: int) -> Face:
        shape = face.points.copy()
        shape[list(points)] = np.nan
        return dataclasses.replace(face, points=shape)

    holed = [without(faces[0], 2), without(faces[1], 0), without(faces[2], 3, 4), *faces[3:]]
    plan = make_plan("mean", "tcdcn-aligned", "oracle")
    whole, found = (measure_starts(some, plan) for some in (faces, holed))
    # Every point is off alike, so that those which are left have the errors of all; nothing counts as missing.
    eyes = [k for k in range(40) if k != 1]
    np.testing.assert_allclose(found.errors[:3, eyes], whole.errors[:3, eyes], atol=1e-6)
    # What lacks an eye has its length estimated; what the oracle knows of a missing point is an estimate too.
    np.testing.assert_allclose(found.errors, whole.errors, rtol=0.1, atol=0.01)
    case = Case("csv", "mine.csv", holed, "given", (), "")
    report = report_data(case, plan, found, model=MODEL)
    for run in report.runs:
        assert [each.count for each in run.points] == [39, 40, 39, 39, 39]
        assert run.error.missing == sum(each.missing for each in run.points) == 0
    write_faces(tmp_path / "faces.csv", case, found)
    first = (tmp_path / "faces.csv").read_text().splitlines()[1].split(",")[-5:]
    assert [bool(cell) for cell in first] == [True, True, False, True, True]
