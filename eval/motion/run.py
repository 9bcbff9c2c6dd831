"""`tcdcn-init motion`: a tracker on synthetic clips of real faces, and the jitter of points under noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.plotting import require_matplotlib
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import track
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.named import DATASETS, read_dataset
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX, PORTRAIT_POINTS
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.documents import from_json, to_json, write_text
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.motion.clips import Actor, cut_out
from tcdcn_init.eval.motion.following import Followed, follow, summary
from tcdcn_init.eval.motion.jitter import NOISES, Jitter, jitter
from tcdcn_init.eval.motion.plots import draw_strip, plot_motion
from tcdcn_init.eval.motion.report import SMOOTHED, MotionReport, motion_text
from tcdcn_init.eval.motion.scenarios import SCENARIOS, make_clip
from tcdcn_init.geometry import interocular
from tcdcn_init.images import as_bytes
from tcdcn_init.tracking import FaceTracker, OneEuro
from tcdcn_init.tracking.tracker import FOLLOWED_FROM

__all__ = ["run_motion"]

_SMOOTHED = ("moving", "turning")
_POSES = (1, 2, 3)  # left, frontal, right: the built-in detectors do not see profiles


class _Item(NamedTuple):
    """A clip to follow, or a noise to bear: its name, and the faces that are shown."""

    kind: str
    number: int
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class _Worker:
    """Measures one item, in whatever process."""

    make: Callable[[], Any]
    seed: int
    dlib: tuple[Path, ...]
    followed_from: float

    def __call__(self) -> Callable[[_Item], dict[str, Any]]:
        initializer = self.make()

        def measure(item: _Item) -> dict[str, Any]:
            if item.kind.startswith("noise "):
                return dict(to_json(self._jitter(item, initializer)))
            actors = [actor_of(face) for face in item.faces]
            scenario = item.kind.removesuffix(SMOOTHED)
            clip = make_clip(scenario, actors, self.seed, item.faces[0].name)
            smoothing = OneEuro() if item.kind.endswith(SMOOTHED) else None
            tracker = FaceTracker(initializer, smoothing=smoothing, followed_from=self.followed_from)
            followed, false = follow(tracker, clip, [face.name for face in item.faces])
            return {"followed": to_json(followed), "false": false}

        return measure

    def _jitter(self, item: _Item, initializer: Any) -> dict[str, Jitter]:
        images = [as_bytes(read_face_image(face)) for face in item.faces]
        points, boxes = [face.five for face in item.faces], [face.box for face in item.faces]
        noise = float(item.kind.removeprefix("noise "))
        return jitter(images, points, boxes, initializer, _predictors(self.dlib), noise, self.seed)


def actor_of(face: Face) -> Actor:
    """A face of a data set, cut out."""
    return cut_out(read_face_image(face), face.five, face.box)


def run_motion(
    dataset: str,
    root: Path,
    out: Path,
    settings: Settings,
    dlib: Sequence[Path] = (),
    followed_from: float = FOLLOWED_FROM,
) -> MotionReport:
    """Measure a tracker, and write motion.json, motion.md, motion.png and strip.jpg; an interrupted run goes on.

    Parameters
    ----------
    dataset : str
        With five points and pose classes: "mtfl-val", "aflw" or "afw".
    root : pathlib.Path
    out : pathlib.Path
        Folder.
    settings : Settings
        Its limit is the number of clips of each scenario, and of faces under noise; 20 if none.
    dlib : sequence of pathlib.Path
        Files of dlib's shape predictors to compare the jitter with, beside the bundled ones.
    followed_from : float
        See `FaceTracker`.

    Returns
    -------
    MotionReport

    Raises
    ------
    ImportError
        If matplotlib is not installed; said before anything is measured.
    ValueError
        If the data set is unknown, holds too few faces, or a journal in `out` is of other settings.
    """
    require_matplotlib()
    clips = settings.limit or 20
    faces = [face for face in read_dataset(dataset, root) if face.attributes.get("pose", 2) in _POSES]
    items = _items(faces, clips)
    identity = f"{settings.stated} on {dataset}; dlib {[path.name for path in dlib]}; followed from {followed_from}"
    done: dict[int, dict[str, Any]] = {}
    with alone_in(out), Journal(out / "motion.journal", identity) as journal:
        done.update({piece["item"]: piece["found"] for piece in journal.pieces})
        todo = [k for k in range(len(items)) if k not in done]
        settings.make_initializer().need_five("following faces")
        worker = _Worker(settings.make_initializer, settings.seed, tuple(dlib), followed_from)
        results = as_finished(worker, [items[k] for k in todo], settings.jobs)
        for number, found in track(results, "Following", len(todo)):
            done[todo[number]] = found
            journal.append({"item": todo[number], "found": found})
        still = _errors_of_photographs(items, settings)
        report = _report(items, done, DATASETS[dataset].title, still, settings)
        report.write(out / "motion.json")
        write_text(out / "motion.md", motion_text(report))
        plot_motion(report, out / "motion.png")
        from skimage.data import astronaut

        portrait = cut_out(astronaut(), PORTRAIT_POINTS, PORTRAIT_BOX)
        draw_strip(portrait, settings.make_initializer(), out / "strip.jpg", settings.seed)
        journal.remove()
    return report


def _items(faces: list[Face], clips: int) -> list[_Item]:
    kinds = [*SCENARIOS, *(f"{name}{SMOOTHED}" for name in _SMOOTHED)]
    counts = {kind: SCENARIOS[kind.removesuffix(SMOOTHED)].actors for kind in kinds}
    chosen = spread(faces, clips * max(counts.values()))
    if len(chosen) < max(counts.values()):
        raise ValueError(f"the data set has {len(chosen)} faces with a pose that detectors see; expected some more")
    items = []
    for kind in kinds:
        for number in range(clips):
            # Neighbours of an evenly spread list are not of one image.
            own = [chosen[(number + k * clips) % len(chosen)] for k in range(counts[kind])]
            items.append(_Item(kind, number, tuple(own)))
    return [*items, *(_Item(f"noise {noise:g}", 0, tuple(chosen[:clips])) for noise in NOISES)]


def _report(
    items: Sequence[_Item],
    done: Mapping[int, Mapping[str, Any]],
    title: str,
    still: dict[str, float],
    settings: Settings,
) -> MotionReport:
    followed: dict[str, list[Followed]] = {}
    false: dict[str, int] = {}
    noise: dict[str, dict[str, Jitter]] = {}
    for k, item in enumerate(items):
        if item.kind.startswith("noise "):
            noise[item.kind.removeprefix("noise ")] = from_json(dict[str, Jitter], done[k])
            continue
        followed.setdefault(item.kind, []).extend(from_json(list[Followed], done[k]["followed"]))
        false[item.kind] = false.get(item.kind, 0) + done[k]["false"]
    returns = {kind: [each for face in faces for each in face.returns] for kind, faces in followed.items()}
    return MotionReport(
        settings.command,
        settings.stated,
        hardware(),
        title,
        still,
        {kind: summary(faces, false[kind]) for kind, faces in followed.items()},
        {kind: each for kind, each in returns.items() if each},
        noise,
    )


def _errors_of_photographs(items: Sequence[_Item], settings: Settings) -> dict[str, float]:
    initializer = settings.make_initializer()
    errors: dict[str, float] = {}
    of_kind: dict[str, list[float]] = {}
    for item in items:
        for face in item.faces:
            if face.name not in errors:
                off = initializer.points(read_face_image(face), [face.box])[0] - face.five
                errors[face.name] = float(np.linalg.norm(off, axis=1).mean() / interocular(face.five))
            of_kind.setdefault(item.kind, []).append(errors[face.name])
    return {kind: float(np.mean(each)) for kind, each in of_kind.items() if not kind.startswith("noise ")}


def _predictors(files: Sequence[Path]) -> dict[str, Any]:
    """dlib's predictors by name; none where dlib is not installed."""
    try:
        import dlib
    except ImportError:
        return {}
    from tcdcn_init.adapters.bundled import ert5_mtfl, ert68_300w

    bundled = {"dlib with `ert5-mtfl`": ert5_mtfl().to_dlib(), "dlib with `ert68-300w`": ert68_300w().to_dlib()}
    return bundled | {f"dlib with {path.name}": dlib.shape_predictor(str(path)) for path in files}
