"""What a model report measures: every view once, whatever the parts that use it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import Face
from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, ROLLS, SCALES, SHIFTS
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.measurement import CONFIDENCE_VIEWS, SWEEP_FACES, measure_model


def test_every_face_is_shown_in_every_view(answers):
    assert set(CONFIDENCE_VIEWS) < set(answers.views)
    for name, view in answers.views.items():
        shown = np.isfinite(view.points).all(axis=(1, 2))
        assert len(shown) == len(answers.faces)
        if name != "background":
            assert shown.all()
            assert np.isfinite(view.errors).all()
    assert np.isnan(answers.views["background"].errors).all()  # no face, no error
    assert np.isfinite(answers.views["background"].confidence).any()


def test_what_is_the_face_as_it_is_is_asked_once(answers):
    own = answers.views["own box"]
    assert answers.occluded_answers(0.0) is own
    for kind in ("noise", "occlusion", "shift"):
        np.testing.assert_array_equal(answers.sweep_answers(kind, 0.0).errors, own.errors)
    assert answers.sweep_answers("roll", 0.0) is not own  # cut out, and resampled where it is rotated
    for kind, values in (("roll", ROLLS), ("noise", NOISES), ("occlusion", OCCLUSIONS)):
        assert all(len(answers.sweep_answers(kind, value).errors) == 8 for value in values)
    assert SWEEP_FACES > 8


def test_a_part_is_measured_alone(answers):
    found = measure_model(answers.faces[:2], Settings(), parts=("boxes",))
    assert set(found.views) == {
        "own box",
        *(f"scale {value:g}" for value in SCALES if value != 1),
        *(f"shift {value:g}" for value in SHIFTS if value),
    }
    for name, view in found.views.items():  # in other batches, hence not to the last bit
        np.testing.assert_allclose(view.points, answers.views[name].points[:2], atol=1e-2)
    with pytest.raises(ValueError, match="part is 'box'; expected any of figures, confidence, limits, boxes"):
        measure_model(answers.faces[:2], Settings(), parts=("box",))


def test_processes_change_no_number(answers):
    once, again = (measure_model(answers.faces[:3], Settings(jobs=jobs), parts=("confidence",)) for jobs in (1, 2))
    for name, view in again.views.items():
        np.testing.assert_array_equal(view.points, once.views[name].points)
        np.testing.assert_array_equal(view.confidence, once.views[name].confidence)


def test_a_face_without_an_image_has_no_answers(answers, tmp_path):
    gone = Face("gone.png", tmp_path / "gone.png", answers.faces[0].points, answers.faces[0].box)
    found = measure_model([answers.faces[0], gone], Settings())
    for view in found.views.values():
        assert np.isnan(view.points[1]).all()
        assert np.isnan(view.errors[1]).all()


def test_an_interrupted_measurement_goes_on(answers, tmp_path: Path, monkeypatch):
    journal = tmp_path / "aflw.journal"
    first = measure_model(answers.faces[:2], Settings(), journal=journal)

    def refuse(*arguments, **options):
        raise AssertionError("measured again")

    monkeypatch.setattr("tcdcn_init.eval.measuring.answers.point_errors", refuse)
    again = measure_model(answers.faces[:2], Settings(), journal=journal)
    np.testing.assert_array_equal(again.views["rotated"].errors, first.views["rotated"].errors)
    with pytest.raises(ValueError, match="other settings"):
        measure_model(answers.faces[:2], Settings(passes=1), journal=journal)
