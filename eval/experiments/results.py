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
from tcdcn_init.eval.bootstrap import Interval, paired_difference
from tcdcn_init.eval.experiments.runs import UNIT

__all__ = ["Difference", "OverSeeds", "Results", "Statistic", "as_error", "as_failure"]

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
class Difference:
    """How a variant differs from the baseline, over the seeds that both were trained with.

    Attributes
    ----------
    seeds : OverSeeds
        Of the differences, seed by seed: would another training say the same?
    faces : bootstrap.Interval
        Of each face's difference, averaged over the seeds: would other faces say the same of these trainings?
    """

    seeds: OverSeeds
    faces: Interval


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
                f"{folder} holds no results; make some with `tcdcn-init paper run tasks --data MTFL --out DIR`, "
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

    def difference(
        self, variant: str, baseline: str, dataset: str, statistic: Statistic = as_error
    ) -> Difference | None:
        """A variant's statistic minus the baseline's; None where no seed has both."""
        new, old = ({run["seed"]: run for run in self.runs(name)} for name in (variant, baseline))
        pairs = [
            (statistic(self._errors(new[seed], dataset)), statistic(self._errors(old[seed], dataset)))
            for seed in sorted(new.keys() & old.keys())
            if dataset in new[seed]["datasets"] and dataset in old[seed]["datasets"]
        ]
        if not pairs:
            return None
        ours, theirs = (np.mean(side, axis=0) for side in zip(*pairs, strict=True))
        images = [str(image) for image in self.faces[dataset]["images"]]
        return Difference(
            OverSeeds.of(float((a - b).mean()) for a, b in pairs), paired_difference(ours, theirs, images)
        )

    def points(self, variant: str, dataset: str) -> NDArray[np.float64] | None:
        """Mean error of each point in percent, averaged over seeds."""
        found = [run["datasets"][dataset]["points"] for run in self.runs(variant) if dataset in run["datasets"]]
        return 100.0 * np.mean(found, axis=0) if found else None

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

    def curve(self, variant: str) -> NDArray[np.float64]:
        """(seeds, epochs) mean errors of the held-out faces in percent."""
        return np.array([run["history"]["validation"]["nme"] for run in self.runs(variant)])

    @staticmethod
    def _errors(run: Mapping[str, Any], dataset: str) -> NDArray[np.float64]:
        return np.asarray(run["datasets"][dataset]["errors"], dtype=np.float64) * UNIT
