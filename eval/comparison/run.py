"""`tcdcn-init eval`: measures a case by the protocol and writes report.json, faces.csv, plots and report.html."""

from __future__ import annotations

import functools
import importlib.util
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init.adapters.base import available_regressors, load_regressor
from tcdcn_init.eval.comparison.data import report_data, write_faces
from tcdcn_init.eval.comparison.gallery import make_gallery
from tcdcn_init.eval.comparison.measure import measure_starts
from tcdcn_init.eval.comparison.plan import NO_REGRESSOR, Factory, Plan
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.measuring.copies import NOISES, ROLLS
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.runs import check_jobs
from tcdcn_init.eval.retraining.files import load_retrained, retrained_file
from tcdcn_init.eval.starts import STARTS, make_start
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.backends import BackendName
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.shapes import ShapeBank
from tcdcn_init.weights import DEFAULT_MODEL

BANKS = {5: "shapes-mtfl", 68: "shapes-ytf68"}
"""Number of points -> the bundled bank that starts are drawn from."""


def run_eval(
    case: Case,
    out: Path,
    *,
    regressors: Sequence[str] | None = None,
    starts: Sequence[str] = STARTS,
    noises: Sequence[float] = NOISES,
    rolls: Sequence[float] = ROLLS,
    model: str = DEFAULT_MODEL,
    backend: BackendName = "torch",
    passes: int = DEFAULT_PASSES,
    retrained: Path | None = None,
    seed: int = 0,
    jobs: int = 1,
    command: str = "",
) -> dict[str, Any]:
    """Compare starts on a case; an interrupted run goes on when repeated.

    Parameters
    ----------
    case : Case
    out : pathlib.Path
        Folder for report.json, gallery.json, faces.csv, report.html and plots/. What is there is replaced.
    regressors : sequence of str, optional
        Names for `adapters.base.load_regressor`; default: the bundled ones that fit the case. "none", TCDCN's own
        points, is measured in any case.
    starts : sequence of str
        Names for `starts.make_start`.
    noises, rolls : sequence of float
        Of the curves, see `copies`; empty for none.
    model, backend, passes
        See `Initializer`.
    retrained : pathlib.Path, optional
        Folder of regressors that were retrained for a start, instead of the bundled ones
        (`adapters.retrained.load_retrained`).
    seed, jobs
        See `protocol`.
    command : str
        What the user typed, to be stated in the report.

    Returns
    -------
    dict
        What report.json holds. For the same arguments it is the same but for "timings" and "hardware".

    Raises
    ------
    ValueError
        If a name or a value is unknown, named twice, or does not fit the case.
    ImportError
        If matplotlib is not installed; said before anything is measured.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('the plots of a report need matplotlib: pip install "tcdcn-init[eval]"')
    begin = time.perf_counter()
    check_jobs(jobs)
    look = functools.partial(Initializer, model, backend=backend, passes=passes)
    look()  # says what is wrong with its arguments
    curves = (tuple(map(float, noises)), tuple(map(float, rolls)))
    plan = _plan(case, regressors, starts, look, retrained, curves, seed)
    about = {"name": Path(model).name, "backend": backend, "passes": passes}
    out.mkdir(parents=True, exist_ok=True)
    journal = out / "eval.journal"
    settings = json.dumps({"case": case.name, "boxes": case.note, **about})
    measured = measure_starts(case.faces, plan, jobs=jobs, journal=journal, settings=settings, title=case.title)
    report = report_data(case, plan, measured, model=about, command=command, jobs=jobs)
    gallery = make_gallery(case.faces, plan, measured)
    report["hardware"] = hardware()
    report["timings"] = {
        "seconds": round(time.perf_counter() - begin, 1),
        "work_seconds": measured.seconds,
        "jobs": jobs,
        "ms_per_face": measured.ms_per_face,
    }
    write_faces(out / "faces.csv", case, measured)
    write_outputs(report, gallery, out)
    journal.unlink()
    return report


def write_outputs(report: Mapping[str, Any], gallery: Mapping[str, Any], out: Path) -> None:
    """Write report.json, gallery.json, plots/, report.md and report.html.

    Parameters
    ----------
    report : mapping
        Of `run_eval`.
    gallery : mapping
        Of `gallery.make_gallery`.
    out : pathlib.Path
        Folder.
    """
    from tcdcn_init.eval.comparison.page import write_report
    from tcdcn_init.eval.comparison.plots import draw_plots
    from tcdcn_init.eval.comparison.tables import report_tables

    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "gallery.json").write_text(json.dumps(gallery) + "\n")
    (out / "report.md").write_text(report_tables(report))
    plots = draw_plots(report, out / "plots")
    write_report(report, gallery, out / "report.html", plots)


def _plan(
    case: Case,
    regressors: Sequence[str] | None,
    starts: Sequence[str],
    initializer: Callable[[], Initializer],
    retrained: Path | None,
    curves: tuple[tuple[float, ...], tuple[float, ...]],
    seed: int,
) -> Plan:
    if regressors is None:
        known = available_regressors()
        regressors = [name for name in case.regressors if name in known]
    names = [name for name in regressors if name != NO_REGRESSOR]
    for kind, given in (("regressor", names), ("start", starts), ("noise", curves[0]), ("roll", curves[1])):
        twice = [value for k, value in enumerate(given) if value in given[:k]]
        if twice:
            raise ValueError(f"{kind} {twice[0]} is named twice; name each once")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    bank = ShapeBank.load(BANKS[len(case.faces[0].points)])
    return Plan(
        {name: functools.partial(load_regressor, name) for name in names},
        tuple(make_start(name, bank) for name in starts),
        initializer,
        retrained=_retrained(names, starts, retrained),
        noises=curves[0],
        rolls=curves[1],
        seed=seed,
    )


def _retrained(names: Sequence[str], starts: Sequence[str], folder: Path | None) -> dict[tuple[str, str], Factory]:
    """What makes each retrained regressor; two that share theirs are measured once."""
    found: dict[tuple[str, str], Factory] = {}
    owner: dict[Path, str] = {}
    for name in names:
        for start in starts:
            first = owner.setdefault(retrained_file(name, start, folder), name)
            if first == name and load_retrained(name, start, folder) is not None:
                found[name, start] = functools.partial(load_retrained, name, start, folder)  # type: ignore[assignment]
    return found
