"""How good a box must be: figures of a measurement on drawn faces, and the sentence made of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tcdcn_init.eval.measuring.copies import SCALES, SHIFTS
from tcdcn_init.eval.model_report.bad_boxes import box_figures, box_sentence, box_tables


def test_the_own_box_is_in_both_sweeps(answers):
    figures = box_figures(answers)
    assert [row.value for row in figures.scale] == list(SCALES)
    assert [row.value for row in figures.shift] == list(SHIFTS)
    own = answers.views["own box"].errors.mean()
    assert figures.shift[0].summary.mean == figures.scale[SCALES.index(1.0)].summary.mean == pytest.approx(own)
    assert figures.scale[0].summary.mean == answers.views["scale 0.4"].errors.mean(axis=1).mean()
    assert figures.scale[0].unsure == np.mean(answers.views["scale 0.4"].confidence < 0.5)


def test_the_sentence_goes_outwards_to_the_last_good_size(answers):
    figures = box_figures(answers)
    failing = {0.4: 0.3, 0.5: 0.05, 0.6: 0.059, 1.0: 0.05, 2.0: 0.2}

    def with_failures(row):
        share = failing.get(row.value, 0.05)
        return dataclasses.replace(row, summary=dataclasses.replace(row.summary, failure_10=share))

    drawn = dataclasses.replace(figures, scale=[with_failures(row) for row in figures.scale])
    # 2.5 times is good again, but lies beyond a size that is not.
    assert "its size times 0.5 to 1.75 on AFLW." in box_sentence({"aflw": drawn})


def test_a_model_without_confidence_is_not_called_unsure(answers):
    figures = box_figures(answers)
    assert "| 0.4 x |" in box_tables({"aflw": figures})
    silent = [dataclasses.replace(row, unsure=None) for row in figures.scale]
    assert all(row.count(" / ") == 1 for row in box_tables(
        {"aflw": dataclasses.replace(figures, scale=silent, shift=silent)}
    ).splitlines() if row.startswith("| 0"))  # fmt: skip
