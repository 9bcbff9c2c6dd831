"""`tcdcn-init eval`: measures a case by the protocol and writes report.json, faces.csv, plots and report.html."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tcdcn_init._shared.extras import is_installed
from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init.adapters.base import available_regressors, load_regressor
from tcdcn_init.eval.comparison.data import report_data, write_faces
from tcdcn_init.eval.comparison.gallery import make_gallery
from tcdcn_init.eval.comparison.measure import measure_starts
from tcdcn_init.eval.comparison.plan import NO_REGRESSOR, Factory, Plan
from tcdcn_init.eval.comparison.report import Gallery, ModelFacts, Report, Timings
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.measuring.copies import NOISES, ROLLS
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.other_points import Find, any_start, start_name
from tcdcn_init.eval.retraining.files import FAMILIES, find_retrained, retrained_folder
from tcdcn_init.eval.starts import STARTS
from tcdcn_init.shapes import ShapeBank

__all__ = ["BANKS", "Comparison", "run_eval", "write_outputs"]

logger = logging.getLogger("tcdcn_init")

T = TypeVar("T")

BANKS = {5: "shapes-mtfl", 68: "shapes-300w"}
"""Number of points -> the bundled bank that starts are drawn from."""


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes
    ----------
    regressors : sequence of str or None
        Names for `adapters.base.load_regressor`; None: the bundled ones that fit the case. "none", TCDCN's own points,
        is measured in any case.
    starts : sequence of str or callable
        As `other_points.any_start` takes them.
    noises, rolls : sequence of float
        Of the curves, see `copies`; empty for none.
    retrained : pathlib.Path or None
        Folder of regressors that were retrained for a start, instead of the repository's (`retraining.files`).
    """

    regressors: Sequence[str] | None = None
    starts: Sequence[str | Find] = STARTS
    noises: Sequence[float] = NOISES
    rolls: Sequence[float] = ROLLS
    retrained: Path | None = None


def run_eval(case: Case, out: Path, comparison: Comparison | None = None, settings: Settings | None = None) -> Report:
    """Compare starts on a case; an interrupted run goes on when repeated.

    Parameters
    ----------
    case : Case
    out : pathlib.Path
        Folder for report.json, gallery.json, faces.csv, report.html and, where matplotlib is installed, plots/. What is
        there is replaced.
    comparison : Comparison, optional
    settings : Settings, optional
        The limit is the case's business.

    Returns
    -------
    Report
        For the same arguments it is the same but for "timings" and "hardware".

    Raises
    ------
    ValueError
        If a name or a value is unknown, named twice, or does not fit the case.
    BlockingIOError
        If another process is at work in `out`.
    """
    comparison, settings = comparison or Comparison(), settings or Settings()
    if not is_installed("matplotlib"):
        logger.warning('no plots are drawn: they need matplotlib: pip install "tcdcn-init[eval]"')
    begin = time.perf_counter()
    settings.make_initializer().need_five("comparing starts")  # says what is wrong with its arguments, too
    plan = _plan(case, comparison, settings)
    model = ModelFacts(Path(settings.model).name, settings.backend, settings.passes, settings.mirror)
    with alone_in(out):
        journal = out / "eval.journal"
        measured = measure_starts(
            case.faces,
            plan,
            jobs=settings.jobs,
            journal=journal,
            identity=json.dumps({"case": case.name, "boxes": case.note, "model": repr(model)}),
            label=case.title,
        )
        gallery = make_gallery(case.faces, plan, measured)
        report = report_data(case, plan, measured, model=model, command=settings.command, jobs=settings.jobs)
        report = report.timed(
            Timings(round(time.perf_counter() - begin, 1), measured.seconds, settings.jobs, measured.ms_per_face)
        )
        write_faces(out / "faces.csv", case, measured)
        write_outputs(report, gallery, out)
        journal.unlink()
        return report


def write_outputs(report: Report, gallery: Gallery, out: Path) -> None:
    """Write report.json, gallery.json, report.md, report.html and, where matplotlib is installed, plots/.

    Parameters
    ----------
    report : Report
    gallery : Gallery
    out : pathlib.Path
        Folder.
    """
    from tcdcn_init.eval.comparison.page.html import write_report
    from tcdcn_init.eval.comparison.plots import draw_plots
    from tcdcn_init.eval.comparison.tables.markdown import report_tables

    report.write(out / "report.json")
    gallery.write(out / "gallery.json")
    write_text(out / "report.md", report_tables(report))
    plots = draw_plots(report, out / "plots") if is_installed("matplotlib") else {}
    write_report(report, gallery, out / "report.html", plots)


def _plan(case: Case, comparison: Comparison, settings: Settings) -> Plan:
    names = comparison.regressors
    if names is None:
        known = available_regressors()
        names = [name for name in case.regressors if name in known]
    names = [name for name in names if name != NO_REGRESSOR]
    noises, rolls = (tuple(map(float, values)) for values in (comparison.noises, comparison.rolls))
    _check_once("regressor", names)
    started = [start_name(each) for each in comparison.starts]
    _check_once("start", started)
    _check_once("noise", noises)
    _check_once("roll", rolls)
    bank = ShapeBank.load(BANKS[len(case.faces[0].points)])
    return Plan(
        {name: functools.partial(load_regressor, name) for name in names},
        tuple(any_start(each, bank, case.faces) for each in comparison.starts),
        settings.make_initializer,
        retrained=_retrained(names, started, comparison.retrained),
        noises=noises,
        rolls=rolls,
        seed=settings.seed,
    )


def _check_once(kind: str, given: Sequence[T]) -> None:
    twice = [value for k, value in enumerate(given) if value in given[:k]]
    if twice:
        raise ValueError(f"{kind} {twice[0]} is named twice; name each once")


def _retrained(names: Sequence[str], starts: Sequence[str], folder: Path | None) -> dict[tuple[str, str], Factory]:
    """What makes each retrained regressor; two that share theirs are measured once."""
    if retrained_folder(folder) is None and not FAMILIES.keys().isdisjoint(names):
        logger.warning(
            "no retrained regressors are measured: they lie in the project's repository, in eval/retrained/, and not "
            "in the installed package; name that folder of a clone, or one that `tcdcn-init paper retrain` wrote: "
            "--retrained DIR"
        )
    found: dict[tuple[str, str], Factory] = {}
    owner: dict[Path, str] = {}
    for name in names:
        for start in starts:
            file = find_retrained(name, start, folder)
            if file is not None and owner.setdefault(file, name) == name:
                found[name, start] = functools.partial(load_regressor, file)
    return found
