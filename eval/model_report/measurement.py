"""What a model report measures: an initializer by itself, every face in every view, each once for all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.answers import Answers, View, ask_initializer, fixed
from tcdcn_init.eval.measuring.cases import spread_over
from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, OWN_BOX, ROLLS, SCALES, SHIFTS, Condition, Kind
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.perturbation import face_rng

__all__ = [
    "CONFIDENCE_VIEWS",
    "LARGEST_NOISE",
    "PARTS",
    "SWEEP_FACES",
    "ModelAnswers",
    "confidence_views",
    "measure_model",
]

SWEEP_FACES = 500
"""Rolls and bad boxes are measured on at most so many faces, spread evenly: rotating takes longest."""

LARGEST_NOISE = 0.3
"""A noisy box's standard deviation is drawn between 0 and this."""

PARTS = ("figures", "confidence", "limits", "boxes")
"""Of a report."""

_AS_IT_IS = (("noise", 0.0), ("scale", 1.0), ("shift", 0.0), ("occlusion", 0.0))

# Which parts need a sweep.
_SWEPT: tuple[tuple[tuple[str, ...], Kind, tuple[float, ...]], ...] = (
    (("figures", "limits"), "occlusion", OCCLUSIONS),
    (("figures",), "noise", NOISES),
    (("boxes",), "scale", SCALES),
    (("boxes",), "shift", SHIFTS),
    (("figures",), "roll", ROLLS),
)

CONFIDENCE_VIEWS = ("own box", "noisy box", "rotated", "background")
"""How a confidence is put to the test: three views of the face, and a box without one."""


@dataclass(frozen=True, eq=False)
class ModelAnswers:
    """What an initializer answered on a data set.

    Attributes
    ----------
    faces : list of N Face
    seed : int
    views : mapping of str to Answers
        Those that the wanted parts need: `CONFIDENCE_VIEWS`, and "occlusion 0.1" and so on, of all faces; "noise 0.05",
        "scale 0.6", "shift 0.1", "roll 15" and so on, of `sweep`.
    sweep : list of int
        The faces of noise, scale, shift and roll.
    """

    faces: list[Face]
    seed: int
    views: Mapping[str, Answers]
    sweep: list[int]

    def sweep_answers(self, kind: str, value: float) -> Answers:
        """The answers of the `sweep` faces at a roll, a noise, a scale, a shift or an occlusion."""
        if (kind, value) in _AS_IT_IS:
            return self.views["own box"].take(self.sweep)
        answers = self.views[f"{kind} {value:g}"]
        return answers.take(self.sweep) if kind == "occlusion" else answers

    def occluded_answers(self, share: float) -> Answers:
        """The answers of all faces with a part of the box occluded."""
        return self.views["own box" if share == 0 else f"occlusion {share:g}"]


def confidence_views(seed: int) -> dict[str, View]:
    """`CONFIDENCE_VIEWS`: a face in its own box, in a box with any noise, rotated by any angle, and none."""

    def noisy(face: Face) -> Condition:
        return Condition("noise", float(face_rng(seed, face.name, "noisy box").uniform(0.0, LARGEST_NOISE)))

    def rotated(face: Face) -> Condition:
        return Condition("roll", float(face_rng(seed, face.name, "rotated").uniform(-180.0, 180.0)))

    made = (fixed(OWN_BOX), noisy, rotated, fixed(Condition("background")))
    return dict(zip(CONFIDENCE_VIEWS, made, strict=True))


def measure_model(
    faces: Sequence[Face],
    settings: Settings,
    *,
    parts: Sequence[str] = PARTS,
    known: Mapping[Path, NDArray[np.float64]] | None = None,
    journal: Path | None = None,
    label: str = "Measuring the model",
) -> ModelAnswers:
    """Show an initializer a data set in every view that a report's parts need.

    Parameters
    ----------
    faces : sequence of Face
        Five points each. An image that cannot be read has no answers.
    settings : Settings
    parts : sequence of str
        Of `PARTS`.
    known : mapping of path to (M, 4) ndarray, optional
        Boxes of all faces of an image, where more are known than `faces` has.
    journal, label
        See `engine.measure`.

    Returns
    -------
    ModelAnswers
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise ValueError(f"part is {', '.join(map(repr, unknown)) or 'none'}; expected any of {', '.join(PARTS)}")
    sweep = spread_over(len(faces), SWEEP_FACES)
    views = {"own box": fixed(OWN_BOX)}
    if "confidence" in parts:
        views |= confidence_views(settings.seed)
    some = {}
    for needed_by, kind, values in _SWEPT:
        for condition in (Condition(kind, value) for value in values):
            if not set(needed_by) & set(parts) or condition in _AS_IT_IS:
                continue
            name = f"{kind} {condition.value:g}"
            views[name] = fixed(condition)
            if kind != "occlusion":
                some[name] = sweep
    answers, _ = ask_initializer(
        faces,
        settings.make_initializer,
        views,
        some=some,
        known=known,
        seed=settings.seed,
        jobs=settings.jobs,
        journal=journal,
        identity=f"{settings.stated}, {', '.join(parts)}",
        label=label,
    )
    return ModelAnswers(list(faces), settings.seed, answers, sweep)
