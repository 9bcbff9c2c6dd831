"""What kept runs of the experiments say: means over seeds, differences between variants over the same faces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.eval.experiments.measures import UNIT

__all__ = ["Change", "OverSeeds", "Results", "Statistic", "as_error", "as_failure"]

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Errors of faces -> what is averaged over them."""


def as_error(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The error itself, in percent."""
    return 100.0 * errors


def as_failure(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """100 where the error is above 10 %, else 0: the mean is the share of failures in percent."""
    return np.where(errors > FAILURE, 100.0, 0.0)


@dataclass(frozen=True)
class OverSeeds:
    """The mean of trainings that differ by their seed alone.

    Attributes
    ----------
    values : tuple of float
        One per seed.
    mean : float
    half : float or None
        Half the width of the mean's 95 % confidence interval (Student's t); None for a single seed.

    Examples
    --------
    >>> over = OverSeeds.of([7.0, 8.0, 9.0])
    >>> over.mean, round(over.half, 2)
    (8.0, 2.48)
    """

    values: tuple[float, ...]
    mean: float
    half: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> OverSeeds:
        """Summarise one value per seed, at least one."""
        from scipy.stats import t

        array = np.array(list(values), dtype=np.float64)
        half = None
        if len(array) > 1:
            half = float(t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
        return cls(tuple(array.tolist()), float(array.mean()), half)


@dataclass(frozen=True)
class Change:
    """How much better or worse variants are than their baselines, and how sure that is for other seeds and other faces.

    Attributes
    ----------
    estimate : float
    half : float
        Half the width of the 95 % interval.
    seeds : int
        Trainings on either side. Of one there is no telling what another would give: the interval is over faces alone.
    """

    estimate: float
    half: float
    seeds: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.estimate - self.half

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.estimate + self.half

    @property
    def clear(self) -> bool:
        """Whether the interval, over several seeds, leaves out 0."""
        return self.seeds > 1 and self.low * self.high > 0

    @classmethod
    def of(cls, differences: NDArray[np.float64], images: Sequence[int]) -> Change:
        """Mean of differences that vary with the seed and with the face, both drawn from more of their kind.

        The variance of the mean is that over seeds plus that over images, as for crossed random effects; what is left
        when both are taken out counts twice, so that the interval is rather too wide than too narrow (Owen: The
        pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007). The t distribution's degrees of freedom are
        Satterthwaite's: few seeds make a wide interval where they are what varies.

        Parameters
        ----------
        differences : (seeds, faces) array
        images : sequence of int
            Which image each face is of; faces of one image are drawn together.

        Examples
        --------
        >>> Change.of(np.array([[-1.0, -3.0], [-2.0, -4.0]]), [0, 1]).estimate
        -2.5
        """
        from scipy.stats import t

        seeds, faces = differences.shape
        mean = float(differences.mean())
        apart = np.bincount(np.unique(images, return_inverse=True)[1], differences.mean(axis=0) - mean)
        parts = [(float((apart**2).sum()) / faces**2 * len(apart) / (len(apart) - 1), len(apart) - 1)]
        if seeds > 1:
            parts.append((float(differences.mean(axis=1).var(ddof=1)) / seeds, seeds - 1))
        variance = sum(part for part, _ in parts)
        if not variance:
            return cls(mean, 0.0, seeds)
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
        return cls(mean, float(t.ppf(0.975, freedom)) * variance**0.5, seeds)


class Results:
    """Kept results of a folder.

    Parameters
    ----------
    folder : path
        With faces.json and a VARIANT-seedN.json for each finished run, as `runs.run_variants` leaves them.

    Raises
    ------
    FileNotFoundError
        If there is no finished run in it.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        files = sorted(folder.glob("*-seed*.json"))
        if not files or not (folder / "faces.json").exists():
            raise FileNotFoundError(
                f"{folder} holds no results; make some with `tcdcn-init paper run sizes --data MTFL --out DIR`, "
                "whose DIR/results it is"
            )
        self.faces: dict[str, Any] = json.loads((folder / "faces.json").read_text())
        self._runs: dict[str, dict[int, dict[str, Any]]] = {}
        for file in files:
            run = json.loads(file.read_text())
            self._runs.setdefault(run["variant"], {})[run["seed"]] = run

    def __contains__(self, variant: str) -> bool:
        return variant in self._runs

    def datasets(self, variants: Iterable[str]) -> list[str]:
        """Names of what any of these variants was measured on."""
        measured = {name for variant in variants for run in self.runs(variant) for name in run["datasets"]}
        return [name for name in self.faces if name in measured]

    def every(self) -> list[dict[str, Any]]:
        """All runs."""
        return [run for runs in self._runs.values() for run in runs.values()]

    def runs(self, variant: str) -> list[dict[str, Any]]:
        """Finished runs of a variant by rising seed; empty where it was not run."""
        return [run for _, run in sorted(self._runs.get(variant, {}).items())]

    def over_seeds(self, variant: str, dataset: str, statistic: Statistic = as_error) -> OverSeeds | None:
        """A statistic of a variant; None where it was not measured."""
        found = [self._errors(run, dataset) for run in self.runs(variant) if dataset in run["datasets"]]
        return OverSeeds.of(float(statistic(errors).mean()) for errors in found) if found else None

    def errors(self, variant: str, dataset: str) -> dict[int, NDArray[np.float64]]:
        """Seed -> error of each face, of the seeds that were measured there."""
        runs = self._runs.get(variant, {})
        return {seed: self._errors(run, dataset) for seed, run in sorted(runs.items()) if dataset in run["datasets"]}

    def change(self, pairs: Sequence[tuple[str, str]], dataset: str, statistic: Statistic = as_error) -> Change | None:
        """A statistic of variants minus that of their baselines, averaged over such pairs, over the seeds that all of
        them have; None where there is no such seed."""
        sides = [[self.errors(name, dataset) for name in pair] for pair in pairs]
        seeds = sorted(set.intersection(*(set(errors) for pair in sides for errors in pair)))
        if not seeds:
            return None
        differences = np.mean(
            [[statistic(new[seed]) - statistic(old[seed]) for seed in seeds] for new, old in sides], axis=0
        )
        return Change.of(differences, self.faces[dataset]["images"])

    def trained_on(self, variant: str) -> int:
        """Faces that a variant was trained on."""
        run = self.runs(variant)[0]
        return int(run.get("trained_on") or run["faces"])

    def change_by_pose(self, variant: str, baseline: str, dataset: str) -> dict[str, NDArray[np.float64]]:
        """Relative change of each point's mean error against the baseline, in percent, by pose class; over the same
        seeds of both."""
        seeds = {run["seed"] for run in self.runs(variant)} & {run["seed"] for run in self.runs(baseline)}

        def means(name: str) -> dict[str, NDArray[np.float64]]:
            poses = [run["datasets"][dataset]["poses"] for run in self.runs(name) if run["seed"] in seeds]
            return {pose: np.mean([each[pose]["points"] for each in poses], axis=0) for pose in poses[0]}

        if not seeds:
            return {}
        new, old = means(variant), means(baseline)
        return {pose: 100.0 * (new[pose] / old[pose] - 1.0) for pose in new}

    def correlation(self, variant: str) -> dict[str, NDArray[np.float64]]:
        """`runs.head_correlation`, averaged over seeds."""
        found: Sequence[Mapping[str, Any]] = [run["correlation"] for run in self.runs(variant)]
        return {task: np.mean([run[task] for run in found], axis=0) for task in (found[0] if found else {})}

    def curve(self, variant: str, what: str = "nme", side: str = "validation") -> NDArray[np.float64]:
        """(seeds, epochs) errors of the held-out or, "train", of trained faces: "nme" in percent, or a task's
        cross-entropy."""
        return np.array([run["history"][side][what] for run in self.runs(variant)])

    @staticmethod
    def _errors(run: Mapping[str, Any], dataset: str) -> NDArray[np.float64]:
        return np.asarray(run["datasets"][dataset]["errors"], dtype=np.float64) * UNIT
