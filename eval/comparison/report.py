"""What report.json and gallery.json hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.plan import NO_REGRESSOR, Training
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.metrics import Summary

__all__ = [
    "FORMAT",
    "Ced",
    "Curve",
    "DatasetFacts",
    "Differences",
    "Gallery",
    "GalleryFace",
    "ModelFacts",
    "Panel",
    "PartFigures",
    "Points",
    "PointsAlone",
    "Published",
    "Report",
    "RunFigures",
    "RunName",
    "Sweep",
    "Timings",
    "bare_points",
    "grouped",
]

N = TypeVar("N", bound="RunName")

FORMAT = 2
"""Of report.json."""


@dataclass(frozen=True)
class RunName:
    """A row of the comparison, as `plan.Run` names it.

    Attributes
    ----------
    regressor : str
    training : {"original", "retrained"}
    start : str
    """

    regressor: str
    training: Training
    start: str

    @property
    def is_bare(self) -> bool:
        """Whether these are TCDCN's own points, which no regressor moved."""
        return self.regressor == NO_REGRESSOR


_EMPHASISED = "rcpr-mtfl"
"""The regressor whose start the paper replaced: shown first."""


def grouped(runs: Sequence[N]) -> dict[tuple[str, str], dict[str, N]]:
    """Runs by (regressor, training), then by start; the paper's regressor first, the bare points left out.

    Examples
    --------
    >>> list(grouped([RunName("sdm-mtfl", "original", "mean"), RunName("rcpr-mtfl", "original", "mean")]))
    [('rcpr-mtfl', 'original'), ('sdm-mtfl', 'original')]
    """
    found: dict[tuple[str, str], dict[str, N]] = {}
    for run in runs:
        if not run.is_bare:
            found.setdefault((run.regressor, run.training), {})[run.start] = run
    names = list(dict.fromkeys(regressor for regressor, _ in found))
    names.sort(key=lambda name: name != _EMPHASISED)
    return {key: found[key] for name in names for key in found if key[0] == name}


def bare_points(runs: Sequence[N]) -> N | None:
    """The run of TCDCN's own points, which no regressor moved; None where there is none."""
    return next((run for run in runs if run.is_bare), None)


@dataclass(frozen=True)
class Differences:
    """Of a run against the baseline of the same regressor and training, on the same faces.

    Attributes
    ----------
    nme, failure : bootstrap.Interval
        Of the mean error and of the failures, as differences.
    points : list of bootstrap.Interval or None
        Of each point's mean error, as a relative change; None where the baseline has no error.
    """

    nme: Interval
    failure: Interval
    points: list[Interval | None]


@dataclass(frozen=True)
class Ced:
    """Cumulative error distribution.

    Attributes
    ----------
    grid, share : list of float
        Errors, and the share of faces with at most that error.
    """

    grid: list[float]
    share: list[float]


@dataclass(frozen=True)
class PartFigures:
    """Of some of the faces, in both ways of dividing errors of 68 points.

    Attributes
    ----------
    centres, corners : metrics.Summary
        Over the distance of the eye centres, and of the outer eye corners.
    """

    centres: Summary
    corners: Summary


@dataclass(frozen=True)
class RunFigures(RunName):
    """Figures of a run.

    Attributes
    ----------
    start_error, error, error_box : metrics.Summary
        Of the start, of the result, and of the result over the side of the box.
    points : list of metrics.Summary
    poses : dict of str to metrics.Summary
        By class.
    against : Differences or None
        None for the baseline itself, and where there are too few images.
    ced : Ced
    parts : dict of str to PartFigures
        By part of the data set; empty but for 68 points.
    """

    start_error: Summary
    error: Summary
    error_box: Summary
    points: list[Summary]
    poses: dict[str, Summary]
    against: Differences | None
    ced: Ced
    parts: dict[str, PartFigures] = field(default_factory=dict)


@dataclass(frozen=True)
class PointsAlone:
    """Points as they are, no regressor after them, on the faces that all who are compared have points of.

    Attributes
    ----------
    start : str
        Whose: "tcdcn", or a start's name.
    points : int
        Of a face, that are scored.
    without : list of str
        Faces that have an image and no points.
    shared : metrics.Summary or None
        Errors on the faces of which all have points; None where there are none.
    against : Differences or None
        Against TCDCN's points on these faces; None of TCDCN's, of another number of points, and of too few images.
    """

    start: str
    points: int
    without: list[str]
    shared: Summary | None
    against: Differences | None


@dataclass(frozen=True)
class Curve(RunName):
    """A run over the values of a sweep.

    Attributes
    ----------
    failure, mean : list of float
    """

    failure: list[float]
    mean: list[float]


@dataclass(frozen=True)
class Sweep:
    """All runs over box noises or rolls.

    Attributes
    ----------
    values : list of float
    faces : int
    runs : list of Curve
    """

    values: list[float]
    faces: int
    runs: list[Curve]


@dataclass(frozen=True)
class DatasetFacts:
    """What was measured on.

    Attributes
    ----------
    name, title : str
    faces, images, points : int
    boxes : {"given", "points"}
    boxes_derived : int
        Faces whose box comes from their points.
    unreadable : dict of str to str
        Name of a face -> why there is no image.
    note : str
        What a reader of the figures must know.
    """

    name: str
    title: str
    faces: int
    images: int
    points: int
    boxes: str
    boxes_derived: int
    unreadable: dict[str, str]
    note: str


@dataclass(frozen=True)
class ModelFacts:
    """The initializer.

    Attributes
    ----------
    name, backend : str
    passes : int
    mirror : bool
    """

    name: str
    backend: str
    passes: int
    mirror: bool = False


@dataclass(frozen=True)
class Published:
    """Mean errors of others in percent, as published.

    Attributes
    ----------
    source : str
    figures : dict of str to dict of str to float
        Data set -> method -> error.
    """

    source: str
    figures: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Timings:
    """How long it took.

    Attributes
    ----------
    seconds : float
        By the clock.
    work_seconds : float
        Of the processors.
    jobs : int
    ms_per_face : list of float
        Of each run, in the order of `Report.runs`: for the start's shapes and the fits from them; those of TCDCN's
        points are its first run's.
    """

    seconds: float
    work_seconds: float
    jobs: int
    ms_per_face: list[float]


@dataclass(frozen=True)
class Report(Document):
    """report.json.

    Attributes
    ----------
    command : str
        As given.
    seed : int
    dataset : DatasetFacts
    model : ModelFacts
    point_names, starts, regressors : list of str
    baseline : str
        The start that differences are against.
    runs : list of RunFigures
    noise, roll : Sweep or None
    published : Published
    hardware : Hardware
    timings : Timings or None
    points_alone : list of PointsAlone
        TCDCN's and others; empty where there are no others.
    format : int
    """

    command: str
    seed: int
    dataset: DatasetFacts
    model: ModelFacts
    point_names: list[str]
    starts: list[str]
    regressors: list[str]
    baseline: str
    runs: list[RunFigures]
    noise: Sweep | None
    roll: Sweep | None
    published: Published
    hardware: Hardware
    timings: Timings | None = None
    points_alone: list[PointsAlone] = field(default_factory=list)
    format: int = FORMAT

    @property
    def seeded_start(self) -> str | None:
        """The start that the report is about: the paper's, else another from TCDCN's points, else None."""
        others = {each.start for each in self.points_alone}
        ours = [name for name in self.starts if name.startswith("tcdcn") and name not in others]
        nearest = [name for name in ours if name.startswith("tcdcn-nearest")]
        return next(iter(nearest + ours), None)

    def timed(self, timings: Timings) -> Report:
        """The report with its timings."""
        return replace(self, timings=timings)


Points: TypeAlias = list[list[float] | None]
"""Of one shape: x, y in pixels of the crop, or None for a point that is missing."""


@dataclass(frozen=True)
class Panel:
    """A face from one start.

    Attributes
    ----------
    start : str
    shape_start : list of list of points
        The K shapes that the regressor started from.
    shape : list of points
        The result; empty where there is none.
    error : float
    """

    start: str
    shape_start: list[Points]
    shape: Points
    error: float


@dataclass(frozen=True)
class GalleryFace:
    """A face, cut out, from two starts.

    Attributes
    ----------
    name : str
    image : str
        A JPEG as a data URI.
    scale : float
        Pixels of the crop per pixel of the image.
    origin : list of float
        The crop's corner pixel in the image.
    truth : list of points
    panels : list of Panel
    regressor : str
    training : {"original", "retrained"}
    """

    name: str
    image: str
    scale: float
    origin: list[float]
    truth: Points
    panels: list[Panel]
    regressor: str
    training: Training


@dataclass(frozen=True)
class Gallery(Document):
    """gallery.json.

    Attributes
    ----------
    improved, worst : list of GalleryFace
        The faces that the start helps most, and those that are worst all the same.
    """

    improved: list[GalleryFace] = field(default_factory=list)
    worst: list[GalleryFace] = field(default_factory=list)
