"""What is said of kept results: means, changes with intervals over seeds and faces, what labels are worth."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats

from tcdcn_init.eval.experiments.cells import BEST, MIDDLE, SIZES, Cell, Form, pair
from tcdcn_init.eval.experiments.exchange import exchange, worth
from tcdcn_init.eval.experiments.finding import claim, claim_sentence, exchange_paragraph, verdict
from tcdcn_init.eval.experiments.measures import UNIT
from tcdcn_init.eval.experiments.results import Change, Results, as_failure

ALONE = pair(BEST.regime, BEST.faces)[0].name


@pytest.fixture
def drawn_results(tmp_path) -> Callable[[Callable[[Cell, int], float]], Results]:
    """``drawn_results(mean_error)`` -> results of "sizes" whose faces err, in percent, around
    ``mean_error(cell, faces)``."""

    def make(
        mean_error: Callable[[Cell, int], float],
        seeds: int = 5,
        faces: int = 400,
        forms: Mapping[str, Sequence[Form]] = MappingProxyType({}),
    ) -> Results:
        rng = np.random.default_rng(0)
        hardness = rng.gamma(2.0, 0.5, faces)
        (tmp_path / "faces.json").write_text(json.dumps({"aflw": {"images": list(range(faces)), "boxes_derived": 0}}))
        for regime in ("paper", "project"):
            for size, form in itertools.product(SIZES, ("", *forms.get(regime, ()))):
                for cell in pair(regime, size, form=form):
                    for seed in range(seeds):
                        luck = 1.0 + 0.01 * rng.standard_normal()
                        errors = mean_error(cell, size or 8985) / 100 * hardness * luck
                        run = {
                            "variant": cell.name,
                            "seed": seed,
                            "trained_on": size or 8985,
                            "datasets": {"aflw": {"errors": np.rint(errors / UNIT).astype(int).tolist()}},
                        }
                        (tmp_path / f"{cell.name}-seed{seed}.json").write_text(json.dumps(run))
        return Results(tmp_path)

    return make


def test_figures_are_those_of_the_faces(finished: Path):
    found = Results(finished / "results")
    errors = np.array(list(found.errors(BEST.name, "aflw").values()))
    over = found.over_seeds(BEST.name, "aflw")
    assert over is not None
    assert over.values == pytest.approx(100 * errors.mean(axis=1))
    # Of two values, half the interval is 12.706 times half their distance.
    assert over.half == pytest.approx(12.706 * abs(np.diff(over.values)[0]) / 2, rel=1e-3)
    failures = found.over_seeds(BEST.name, "aflw", as_failure)
    assert failures is not None
    assert failures.mean == pytest.approx(100 * (errors > 0.1).mean())


def test_changes_are_paired_by_seed_and_face(finished: Path):
    found = Results(finished / "results")
    change = found.change([(BEST.name, ALONE)], "mtfl-val")
    means = [found.over_seeds(name, "mtfl-val") for name in (BEST.name, ALONE)]
    assert change is not None
    assert change.seeds == 2
    assert change.estimate == pytest.approx(means[0].mean - means[1].mean)
    same = found.change([(ALONE, ALONE)], "aflw")
    assert same == Change(0.0, 0.0, 2)
    for by_pose in found.change_by_pose(ALONE, ALONE, "aflw").values():
        assert by_pose == pytest.approx(np.zeros(5))
    # The mean of two changes, over the seeds of both.
    other = Cell(BEST.regime, BEST.faces, ("pose",), BEST.weight).name
    single = found.change([(other, ALONE)], "mtfl-val")
    both = found.change([(BEST.name, ALONE), (other, ALONE)], "mtfl-val")
    assert both is not None
    assert both.estimate == pytest.approx((change.estimate + single.estimate) / 2)
    assert found.change([("nothing", ALONE)], "aflw") is None


def test_an_interval_covers_both_seeds_and_faces():
    rng = np.random.default_rng(0)
    inside = {"seeds": 0, "faces": 0, "both": 0}
    for _ in range(400):
        seeds, faces = rng.standard_normal((4, 1)), rng.standard_normal((1, 80))
        rest = 0.3 * rng.standard_normal((4, 80))
        for name, scale in (("seeds", (0.3, 0.0)), ("faces", (0.0, 1.0)), ("both", (0.1, 1.0))):
            change = Change.of(scale[0] * seeds + scale[1] * faces + rest, list(range(80)))
            inside[name] += change.low <= 0 <= change.high
    assert all(368 <= count <= 396 for count in inside.values()), inside


def test_of_one_seed_the_interval_is_over_images():
    differences = np.array([[1.0, 1.0, 3.0, 3.0, 2.0, 2.0]])
    together = Change.of(differences, [0, 0, 1, 1, 2, 2])
    assert not together.clear
    # As if each pair of faces of one image were one face.
    once = stats.t.interval(0.95, 2, 2.0, stats.sem([1.0, 3.0, 2.0]))
    assert (together.low, together.high) == pytest.approx(once)


def test_verdicts_follow_the_design():
    def said(estimate: float, half: float, failures: float = -1.0, seeds: int = 5) -> str:
        return verdict(Change(estimate, half, seeds), Change(failures, 1.0, seeds))

    assert said(-0.5, 0.1) == "helps"
    assert said(-0.15, 0.1) == "helps, by less than 0.3"
    assert said(-0.5, 0.1, failures=0.5) == "undecided"
    assert said(0.5, 0.1) == "harms"
    assert said(0.1, 0.15) == "no difference of note"
    assert said(0.1, 0.25) == "undecided"
    assert said(-0.5, 0.1, seeds=1) == "one seed"


def test_faces_along_a_power_are_worth_what_they_are_worth(drawn_results):
    def error(cell: Cell, faces: int) -> float:
        with_labels = 1.5 if cell.tasks and cell.regime == "paper" else 1.0  # as 1.5 times the faces
        return 40.0 * (with_labels * faces) ** -0.2

    found = drawn_results(error)
    for regime, factor in (("paper", 1.5), ("project", 1.0)):
        for rate in exchange(found, regime):
            assert rate.low < rate.worth < rate.high
            assert rate.worth == pytest.approx(factor * rate.faces, rel=0.1)
    changes = claim(found, "paper")
    assert changes is not None
    assert verdict(*changes) == "helps"
    sentence = claim_sentence(found)
    assert "trained as in the paper (60,000 views), mean error -0.7" in sentence
    assert "points, 5 seeds: they help" in sentence
    assert "over 250 to 8,985 training faces: trained as in the paper (60,000 views)" in sentence
    assert "no difference of note" in sentence
    paragraph = exchange_paragraph(found)
    assert "so that with labels 250 are worth 3" in paragraph
    assert "1,000 are worth 1," in paragraph


def test_longer_and_gentler_trainings_judge_where_a_regime_has_them(drawn_results):
    def error(cell: Cell, faces: int) -> float:
        return {"": 10.0, "long": 12.0, "gentle": 14.0}[cell.form] if cell.tasks else 12.0

    paper, project = claim_sentence(drawn_results(error, forms={"project": ["long"]})).split("; ")
    assert "in the paper (60,000 views), mean error -1.89 [" in paper
    assert "they help" in paper
    assert "in this project (180,000 views), mean error" in project
    assert "they help" not in project
    sentence = claim_sentence(drawn_results(error, forms={"paper": ["long", "gentle"]}))
    assert "in the paper (180,000 views at a learning rate of 0.001), mean error +1." in sentence


def test_what_labels_are_worth_is_not_told_where_faces_hardly_matter(drawn_results):
    found = drawn_results(lambda cell, faces: 10.0 * faces**-0.0001)
    assert not any(rate.known for rate in exchange(found, "paper"))
    assert "(so the labels' worth in faces cannot be told)" in exchange_paragraph(found)


def test_labels_are_worth_without_bound_where_more_faces_bring_nothing():
    faces = np.array([100.0, 400.0])
    assert list(worth(faces, np.array([5.0, 6.0]), np.array([4.0, 7.0]))) == [np.inf, 0.0]


def test_no_results_say_how_to_make_some(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no results; make some with `tcdcn-init paper run sizes"):
        Results(tmp_path)
    assert MIDDLE in SIZES
