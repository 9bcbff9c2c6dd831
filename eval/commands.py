"""Commands of `tcdcn-init` that measure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init._shared.commands import (
    AfwOption,
    BackendOption,
    JobsOption,
    LimitOption,
    MirrorOption,
    ModelOption,
    MtflOption,
    PassesOption,
    SeedOption,
    given_command,
    is_given,
    split_names,
)
from tcdcn_init.eval import paper
from tcdcn_init.eval.dlib_users import commands as dlib_users
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL

__all__ = ["commands"]

commands = typer.Typer()
commands.add_typer(paper.commands, name="paper")
commands.add_typer(dlib_users.commands, name="dlib")


@commands.command("eval")
def evaluate(
    context: typer.Context,
    dataset: Annotated[
        str | None,
        typer.Option(help="aflw, afw, afw68, lfpw, helen, 300w-common, 300w or mtfl-val; default: one portrait."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data set; of 300w, the one with lfpw/, helen/, ibug/ ...")
    ] = None,
    regressor: Annotated[
        list[str] | None, typer.Option(help="Name or .dat file, again or comma-separated; default: bundled ones.")
    ] = None,
    starts: Annotated[str | None, typer.Option(help="Comma-separated; default: all of the protocol.")] = None,
    boxes: Annotated[str, typer.Option(help="given: the data's own; points: derived; or a CSV file.")] = "given",
    noise: Annotated[str | None, typer.Option(help="Of boxes, sd in box sides: 0,.05,... or none.")] = None,
    roll: Annotated[str | None, typer.Option(help="Of heads, in degrees: 0,15,... or none.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: eval-DATASET.")] = None,
    retrained: Annotated[
        Path | None, typer.Option(help="Folder of retrained regressors; default: the repository's.")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    backend: BackendOption = "auto",
    passes: PassesOption = DEFAULT_PASSES,
    mirror: MirrorOption = False,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Compare starts: the same regressors on the same faces, only the start changed.

    Writes report.json, faces.csv, plots, report.md and report.html. Without a data set, on scikit-image's portrait: one
    face, which shows what a report looks like. An interrupted run goes on when the command is repeated.
    """
    from tcdcn_init.eval.comparison.run import Comparison, run_eval
    from tcdcn_init.eval.comparison.tables import report_headline
    from tcdcn_init.eval.measuring.builtin import builtin_case
    from tcdcn_init.eval.measuring.cases import read_case
    from tcdcn_init.eval.measuring.copies import NOISES, ROLLS
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.starts import STARTS

    settings = Settings(model, backend, passes, mirror, limit, seed, jobs, given_command(context))
    named = [name for text in regressor or [] for name in text.split(",") if name]
    comparison = Comparison(
        regressors=named or None,
        starts=STARTS if starts is None else split_names(starts) or (),
        noises=NOISES if noise is None else _numbers("noise", noise),
        rolls=ROLLS if roll is None else _numbers("roll", roll),
        retrained=retrained,
    )
    target = out or Path(f"eval-{dataset or 'portrait'}")
    with tempfile.TemporaryDirectory() as folder:
        if dataset is None:
            _refuse_without_dataset(context)
            case = builtin_case(Path(folder))
        else:
            case = read_case(dataset, root, boxes=boxes, limit=limit)
        report = run_eval(case, target, comparison, settings)
    about = report.dataset
    typer.echo(report_headline(report))
    typer.echo(f"{about.title}: {about.note}")
    for name, reason in about.unreadable.items():
        typer.secho(f"counted as a failure: {name}: {reason}", fg="yellow", err=True)
    typer.echo(f"wrote {target / 'report.html'} and, beside it, report.json, faces.csv and plots/")


def _refuse_without_dataset(context: typer.Context) -> None:
    """Options that the built-in portrait has no use for."""
    for name in ("root", "boxes", "limit"):
        if is_given(context, name):
            raise ValueError(
                f"--{name} {context.params[name]} has no meaning without a data set; name one, e.g. --dataset aflw"
            )


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in split_names(text) or ())
    except ValueError:
        raise ValueError(f"--{option} is {text!r}; expected numbers such as 0,0.1,0.2, or none") from None


@commands.command()
def report(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder; gets figures/, confidence/, limits/, hard_faces/.")],
    model: Annotated[str, typer.Argument(help="Bundled model, or path of a model file.")] = DEFAULT_MODEL,
    mtfl: MtflOption = None,
    afw: AfwOption = None,
    others: Annotated[
        Path | None, typer.Option(help="Folder with any of lfpw/, helen/, cfp_profile/, infants/, lfpw29/, aflw68/.")
    ] = None,
    backend: BackendOption = "auto",
    passes: PassesOption = DEFAULT_PASSES,
    mirror: MirrorOption = False,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Measure a model by itself: the figures of its card, its confidence, its limits, and hard faces.

    Confidence: expected against actual errors, and faces against boxes without one. Limits: pose classes, occlusion,
    and the worst faces in images. Hard faces (--others): 300-W's, profiles, infants, and what is visible.

    An interrupted run goes on when the command is repeated.
    """
    from tcdcn_init.eval.measuring.cases import TITLES
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.model_report.confidence_report import confidence_tables
    from tcdcn_init.eval.model_report.figures import figures_table
    from tcdcn_init.eval.model_report.hard_faces import hard_faces_table
    from tcdcn_init.eval.model_report.limits_text import sentences
    from tcdcn_init.eval.model_report.run import run_hard_faces, run_report

    named = {"mtfl-val": mtfl, "aflw": mtfl, "afw": afw}
    roots = {name: root for name, root in named.items() if root is not None}
    if not roots and others is None:
        raise ValueError("no data set given; name at least one: --mtfl FOLDER, --afw FOLDER, --others FOLDER")
    settings = Settings(model, backend, passes, mirror, limit, seed, jobs, given_command(context))
    if others is not None:
        typer.echo(hard_faces_table(run_hard_faces(others, out, settings).measured) + "\n")
    if not roots:
        return
    found = run_report(roots, out, settings)
    typer.echo(figures_table(found.figures.datasets) + "\n")
    if found.confidence is None:
        typer.echo(f"{model} has no confidence outputs: there is no confidence to report on\n")
    else:
        typer.echo(confidence_tables(found.confidence.datasets))
    for name, figures in found.limits.datasets.items():
        typer.echo(" ".join([f"{TITLES.get(name, name)}:", *sentences(figures)]))
    parts = ["figures", *["confidence"] * (found.confidence is not None), "limits"]
    typer.echo(f"wrote {', '.join(str(out / part / f'{part}.md') for part in parts)}")


@commands.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="A .safetensors file with confidence outputs, such as tcdcn-robust's.")],
    data: Annotated[Path, typer.Option(help="Folder of MTFL, or one with mtfl/, lfpw/, helen/, infants/ ...")],
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Calibrate a model's confidence on held-out training faces, and write that into its file; then export it again."""
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.model_report.calibration import calibrate_model

    typer.echo(f"{model}: {calibrate_model(model, data, Settings(seed=seed, jobs=jobs))}")
