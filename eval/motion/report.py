"""The motion report: its file, and its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.motion.following import RETURN_FRAMES, Summary
from tcdcn_init.eval.motion.jitter import FRAMES, Jitter
from tcdcn_init.eval.motion.scenarios import SCENARIOS

__all__ = ["SMOOTHED", "MotionReport", "motion_text"]

SMOOTHED = " smoothed"
"""Ends the name of a scenario that was followed with `OneEuro()`."""


@dataclass(frozen=True)
class MotionReport(Document):
    """motion.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
        Its limit: clips of each scenario, and faces under noise.
    hardware : Hardware
    dataset : str
        As readers know it.
    still : dict of str to float
        Of each scenario: mean error of the initializer on its faces' own photographs, in their boxes.
    scenarios : dict of str to Summary
    returns : dict of str to list of int or None
        Of the scenarios with absences: frames until found again, of each.
    jitter : dict of str to dict of str to Jitter
        By the noise's standard deviation, by method.
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    dataset: str
    still: dict[str, float]
    scenarios: dict[str, Summary]
    returns: dict[str, list[int | None]]
    jitter: dict[str, dict[str, Jitter]]


def motion_text(report: MotionReport) -> str:
    """The page."""
    plain = [figures for name, figures in report.scenarios.items() if not name.endswith(SMOOTHED)]
    keeping = [figures for name, figures in report.scenarios.items() if name in SCENARIOS and SCENARIOS[name].keeps_ids]
    returns, in_time = (sum(getattr(each, name) for each in plain) for name in ("returns", "in_time"))
    faces, never = (sum(getattr(each, name) for each in plain) for name in ("faces", "never_found"))
    changes = sum(each.changes for each in keeping)
    found = sum(each.frames * each.found for each in plain) / max(1, sum(each.frames for each in plain))
    return "\n".join(
        [
            "# Faces in motion",
            "",
            f"What `FaceTracker` makes, with `{Path(report.settings.model).name}`, of faces of {report.dataset}: "
            f"{faces} in all clips together, cut out and moved over moving backgrounds, with known truth, and how "
            "still its points keep. Cut-outs are flat: nobody turns the head in depth here, and there is no motion "
            "blur. Clips have 25 frames a second, unless said otherwise.",
            "",
            f"    {report.command}",
            "",
            f"- Of {returns} absences, {in_time} ended within {RETURN_FRAMES} frames of the face being wholly visible.",
            f"- Ids changed {changes} time{'s' * (changes != 1)} where they could be kept.",
            f"- Once seen, a face was found in {100 * found:.1f} % of the frames that show all of its points.",
            f"- {never} of {faces} were never found by the detector ({_DETECTOR}).",
            "",
            "![Frames until a face is found again, and how still points keep under noise](motion.png)",
            "",
            table(
                [
                    "clips",
                    "what happens",
                    "faces",
                    "never found",
                    "found, % of frames",
                    "mean error, %",
                    "still, %",
                    "changed ids",
                    f"back within {RETURN_FRAMES} frames",
                    "slowest, frames",
                    "false faces",
                ],
                [_row(name, figures, report.still[name]) for name, figures in report.scenarios.items()],
            ),
            "",
            "Errors are means over the five points, in inter-ocular distances, of frames that show all five. A false "
            "face is one in one frame where there is none. Still: the error of `initialize` on the photographs of the "
            "same faces, in their boxes; what is beyond that, motion costs.",
            "",
            "![The portrait rolled, behind a wall, and passing itself, as the video command draws it](strip.jpg)",
            "",
            "## How still points keep",
            "",
            f"Faces that do not move, under noise that is new in each of {FRAMES} frames; the root mean square of a "
            "point's distance to its own mean, in % of the inter-ocular distance. Every method starts from the same "
            "box. dlib's predictors get that box in every frame, which a detector would not give them, and answer in "
            "whole pixels.",
            "",
            table(
                ["noise, sd of 255", *(f"{float(noise):g}" for noise in report.jitter)],
                [
                    [name, *(f"{100 * by_method[name].sd:.2f}" for by_method in report.jitter.values())]
                    for name in next(iter(report.jitter.values()))
                ],
            ),
            "",
        ]
    )


_DETECTOR = "`detect_boxes`, on a frame of 480 x 360"


def _row(name: str, figures: Summary, still: float) -> list[str]:
    smoothed = name.endswith(SMOOTHED)
    about = SCENARIOS[name.removesuffix(SMOOTHED)].about
    back = f"{figures.in_time} of {figures.returns}" if figures.returns else ""
    slowest = "" if not figures.returns else "never" if figures.slowest is None else str(figures.slowest)
    return [
        name,
        "the same, `OneEuro()`: the error is its lag" if smoothed else about,
        str(figures.faces),
        str(figures.never_found),
        f"{100 * figures.found:.1f}",
        "" if figures.error is None else f"{100 * figures.error:.2f}",
        f"{100 * still:.2f}",
        str(figures.changes),
        back,
        slowest,
        str(figures.false),
    ]
