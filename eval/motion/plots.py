"""The motion report's plot, and a film strip of the portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.motion.clips import Actor
from tcdcn_init.eval.motion.following import RETURN_FRAMES
from tcdcn_init.eval.motion.report import MotionReport
from tcdcn_init.eval.motion.scenarios import SCENARIOS, make_clip
from tcdcn_init.initializer import Initializer
from tcdcn_init.tracking import FaceTracker
from tcdcn_init.video.drawing import draw_tracked

__all__ = ["draw_strip", "plot_motion"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777", "#E69F00")
_FARTHEST = 15


def plot_motion(report: MotionReport, *files: Path) -> None:
    """Draw how soon faces are found again, and how still points keep.

    Parameters
    ----------
    report : MotionReport
    *files : pathlib.Path
        Image files to write.
    """
    with drawn(*files, size=(12, 4.6)) as figure:
        again, still = figure.subplots(1, 2)
        frames = np.arange(_FARTHEST + 1)
        for colour, (name, returns) in zip(_COLOURS, report.returns.items(), strict=False):
            known = np.array([_FARTHEST + 1 if each is None else each for each in returns])
            share = [100 * (known <= frame).mean() for frame in frames]
            again.step(frames, share, where="post", color=colour, label=f"{name}, {len(returns)} absences")
        again.axvline(RETURN_FRAMES, color="#999999", linestyle=":")
        again.set(xlabel="frames since all points are visible again", ylabel="found again, %", ylim=(0, 103))
        again.set_title("How soon a face is found again")
        if report.returns:
            again.legend(loc="lower right")
        noises = [float(noise) for noise in report.jitter]
        for colour, name in zip(_COLOURS, next(iter(report.jitter.values())), strict=False):
            values = [100 * each[name].sd for each in report.jitter.values()]
            still.plot(noises, values, marker="o", color=colour, label=name.replace("`", ""))
        still.set(
            xlabel="noise of pixels, sd of 255", ylabel="rms of points, % of inter-ocular distance", ylim=(0, None)
        )
        still.set_title("How still points keep")
        still.legend(fontsize=9)
        for axis in (again, still):
            axis.grid(axis="y", color="#e5e5e5", linewidth=0.8)


def draw_strip(actor: Actor, initializer: Initializer, out: Path, seed: int = 0) -> None:
    """Draw frames of clips of one face, as `tcdcn-init video --draw` does.

    Parameters
    ----------
    actor : Actor
        All faces are this one.
    initializer : Initializer
    out : pathlib.Path
        A JPEG to write: a row for each clip.
    seed : int
    """
    from PIL import Image

    rows = []
    for name in ("turning", "occluded", "crossing"):
        clip = make_clip(name, [actor] * SCENARIOS[name].actors, seed, "strip")
        tracker = FaceTracker(initializer)
        wanted = np.linspace(8, len(clip) - 12, 5).round().astype(int)
        images = [draw_tracked(shown.image, tracker.update(shown.image, shown.time)) for shown in clip]
        rows.append(np.concatenate([images[k] for k in wanted], axis=1))
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.BOX).save(out, quality=88)
