"""Commands of `tcdcn-init` that measure."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init._shared.commands import (
    AfwOption,
    BackendOption,
    HoldOutOption,
    ImagesOption,
    JobsOption,
    LayoutOption,
    LimitOption,
    MirrorOption,
    ModelOption,
    MtflOption,
    PassesOption,
    SeedOption,
    given_command,
    is_given,
    one_of,
    split_names,
)
from tcdcn_init._shared.extras import require
from tcdcn_init.eval import paper
from tcdcn_init.eval.dlib_users import commands as dlib_users
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL

__all__ = ["commands"]

commands = typer.Typer()
commands.add_typer(paper.commands, name="paper")
commands.add_typer(dlib_users.commands, name="dlib")


def _datasets() -> Iterable[str]:
    from tcdcn_init.datasets.own import KINDS
    from tcdcn_init.eval.measuring.cases import DATASETS

    return (*DATASETS, *KINDS)


def _regressors() -> Iterable[str]:
    from tcdcn_init.adapters.base import available_regressors

    return available_regressors()


def _starts() -> Iterable[str]:
    from tcdcn_init.eval.other_points import available_starts

    return available_starts()


@commands.command("eval")
def evaluate(
    context: typer.Context,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="aflw, afw, 300w, ..., or csv, pts, coco, ... of your own; default: one portrait.",
            autocompletion=one_of(_datasets),
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder or file of the data set; of 300w, the folder with lfpw/, helen/ ...")
    ] = None,
    regressor: Annotated[
        list[str] | None,
        typer.Option(
            help="Name, module:attribute or .dat file, again or comma-separated; default: bundled ones.",
            autocompletion=one_of(_regressors),
        ),
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated; also module:function, or a CSV file of points; default: all of the protocol.",
            autocompletion=one_of(_starts),
        ),
    ] = None,
    boxes: Annotated[str, typer.Option(help="given: the data's own; points: derived; or a CSV file.")] = "given",
    noise: Annotated[str | None, typer.Option(help="Of boxes, sd in box sides: 0,.05,... or none.")] = None,
    roll: Annotated[str | None, typer.Option(help="Of heads, in degrees: 0,15,... or none.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: eval-DATASET.")] = None,
    images: ImagesOption = None,
    layout: LayoutOption = None,
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
    from tcdcn_init.datasets.own import KINDS, OwnData
    from tcdcn_init.eval.comparison.run import Comparison, run_eval
    from tcdcn_init.eval.comparison.tables.markdown import report_headline
    from tcdcn_init.eval.measuring.builtin import builtin_case
    from tcdcn_init.eval.measuring.cases import read_case
    from tcdcn_init.eval.measuring.copies import NOISES, ROLLS
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.own_points import own_points_text, run_own_points
    from tcdcn_init.eval.starts import STARTS
    from tcdcn_init.geometry import parse_layout

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
    stated = None if layout is None else parse_layout(layout)
    if dataset in KINDS and root is not None and settings.make_initializer().config.own is not None:
        _refuse(context, ("regressor", "starts", "boxes", "noise", "roll", "retrained"), "for points of your own")
        own = OwnData(root, dataset, images, layout=stated)  # type: ignore[arg-type]
        typer.echo(own_points_text(run_own_points(own, target, settings)))
        typer.echo(f"wrote {target / 'report.md'}, and beside it report.json and faces.csv")
        return
    with tempfile.TemporaryDirectory() as folder:
        if dataset is None:
            names = ("root", "boxes", "limit", "images", "layout")
            _refuse(context, names, "without a data set; name one, e.g. --dataset aflw")
            case = builtin_case(Path(folder))
        else:
            case = read_case(dataset, root, boxes=boxes, limit=limit, images=images, layout=stated)
        report = run_eval(case, target, comparison, settings)
    about = report.dataset
    typer.echo(report_headline(report))
    typer.echo(f"{about.title}: {about.note}")
    for name, reason in about.unreadable.items():
        typer.secho(f"counted as a failure: {name}: {reason}", fg="yellow", err=True)
    typer.echo(f"wrote {target / 'report.html'}, and beside it the same as report.md, report.json and faces.csv")


def _refuse(context: typer.Context, names: Iterable[str], where: str) -> None:
    """Options that there is no use for."""
    for name in names:
        if is_given(context, name):
            raise ValueError(f"--{name} {context.params[name]} has no meaning {where}")


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in split_names(text) or ())
    except ValueError:
        raise ValueError(f"--{option} is {text!r}; expected numbers such as 0,0.1,0.2, or none") from None


@commands.command()
def report(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder; gets figures/, confidence/, limits/, boxes/, hard_faces/.")],
    model: Annotated[str, typer.Argument(help="Bundled model, or path of a model file.")] = DEFAULT_MODEL,
    mtfl: MtflOption = None,
    afw: AfwOption = None,
    others: Annotated[
        Path | None, typer.Option(help="Folder with any of lfpw/, helen/, cfp_profile/, infants/, lfpw29/, aflw68/.")
    ] = None,
    parts: Annotated[
        str | None, typer.Option(help="Of MTFL and AFW: figures,confidence,limits,boxes; default: all.")
    ] = None,
    backend: BackendOption = "auto",
    passes: PassesOption = DEFAULT_PASSES,
    mirror: MirrorOption = False,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Measure a model by itself: the figures of its card, its confidence, its limits, bad boxes, and hard faces.

    Confidence: expected against actual errors, and faces against boxes without one. Limits: pose classes, occlusion,
    and the worst faces in images. Boxes: of another size, or elsewhere. Hard faces (--others): 300-W's, profiles,
    infants, and what is visible.

    An interrupted run goes on when the command is repeated.
    """
    from tcdcn_init.eval.measuring.cases import TITLES
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.model_report.bad_boxes import box_sentence, box_tables
    from tcdcn_init.eval.model_report.confidence.report import confidence_tables
    from tcdcn_init.eval.model_report.figures import figures_table
    from tcdcn_init.eval.model_report.hard_faces import hard_faces_table
    from tcdcn_init.eval.model_report.limits.text import sentences
    from tcdcn_init.eval.model_report.measurement import PARTS
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
    found = run_report(roots, out, settings, PARTS if parts is None else split_names(parts) or ())
    if found.figures is not None:
        typer.echo(figures_table(found.figures.datasets) + "\n")
    if found.confidence is not None:
        typer.echo(confidence_tables(found.confidence.datasets))
    elif parts is None or "confidence" in parts:
        typer.echo(f"{model} has no confidence outputs: there is no confidence to report on\n")
    if found.limits is not None:
        for name, figures in found.limits.datasets.items():
            typer.echo(" ".join([f"{TITLES.get(name, name)}:", *sentences(figures)]))
    if found.boxes is not None:
        typer.echo(f"{box_sentence(found.boxes.datasets)}\n\n{box_tables(found.boxes.datasets)}\n")
    written = [part for part in PARTS if getattr(found, part) is not None]
    typer.echo(f"wrote {', '.join(str(out / part / f'{part}.md') for part in written)}")


@commands.command()
def detection(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder; gets detection.json, its page and its plot.")],
    data: Annotated[Path | None, typer.Option(help="Folder with mtfl/, and any of lfpw/, cfp_profile/ ...")] = None,
    afw: AfwOption = None,
    detectors: Annotated[str, typer.Option(help="Comma-separated.")] = "tcdcn,dlib,skimage",
    model: ModelOption = DEFAULT_MODEL,
    backend: BackendOption = "auto",
    limit: Annotated[int | None, typer.Option(help="This many photographs, evenly spread.")] = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Measure how many faces are found, how many of what is found are none, and how long that takes.

    Data: sheets of held-out training photographs, for choosing the certainty that makes a face
    (`detection.search.LEAST_CERTAINTY`). AFW: what is reported. An interrupted run goes on when it is repeated.
    """
    from tcdcn_init._shared.names import unknown_name
    from tcdcn_init.detection.detectors import LAX, OWN
    from tcdcn_init.eval.detection.report import TITLES, detection_table, run_detection
    from tcdcn_init.eval.measuring.settings import Settings

    roots = {name: root for name, root in {"sheets": data, "afw": afw}.items() if root is not None}
    if not roots:
        raise ValueError("no photographs given; name at least one: --data FOLDER, --afw FOLDER")
    names = split_names(detectors) or ()
    for name in names:
        if name not in (OWN, *LAX):
            raise ValueError(unknown_name("detector", name, (OWN, *LAX)))
    settings = Settings(model, backend, limit=limit, seed=seed, jobs=jobs, command=given_command(context))
    report = run_detection(roots, names, out, settings)
    for name, figures in report.sets.items():
        typer.echo(f"{TITLES[name]}: {detection_table(figures, report.least)}\n")
    typer.echo(f"wrote {out / 'detection.md'}")


@commands.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="A .safetensors file, such as tcdcn-robust's; or of dense points.")],
    data: Annotated[
        Path, typer.Option(help="Folder of MTFL, one with mtfl/, lfpw/, ..., or data of your own, as for training.")
    ],
    images: ImagesOption = None,
    layout: LayoutOption = None,
    hold_out_by: HoldOutOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Calibrate what a model says of itself on held-out training faces, into its file; then export it again."""
    require("torch", "calibrating", "train")
    from tcdcn_init.datasets.own import OwnData, kind_of
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.model_report.confidence.calibration import calibrate_model
    from tcdcn_init.geometry import parse_layout

    stated = None if layout is None else parse_layout(layout)
    own = OwnData(data, None, images, layout=stated, hold_out_by=hold_out_by)
    if kind_of(data) is None and own != OwnData(data):
        raise ValueError(f"{data} is no data of your own; leave --images, --layout and --hold-out-by out")
    found = calibrate_model(model, data if kind_of(data) is None else own, Settings(seed=seed, jobs=jobs))
    typer.echo(f"{model}: {found}")


@commands.command()
def dense(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder with lfpw/, helen/; for what is hidden aflw68/ and mtfl/.")],
    out: Annotated[Path, typer.Option(help="Folder; gets dense.json.")],
    limit: LimitOption = None,
    seed: SeedOption = 0,
) -> None:
    """Measure what the 68 points say of themselves: expected against actual errors, and what is hidden."""
    from tcdcn_init.eval.dense_points import dense_table, run_dense
    from tcdcn_init.eval.measuring.settings import Settings

    settings = Settings(limit=limit, seed=seed, command=given_command(context))
    typer.echo(dense_table(run_dense(data, out, settings).figures))


@commands.command()
def ablation(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder with mtfl/, and any of lfpw/, helen/, cfp_profile/, infants/.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, inference.json and ablation.json.")],
    epochs: Annotated[int, typer.Option(help="Of each training; 0 trains nothing.", min=0)] = 25,
    seed: SeedOption = 0,
) -> None:
    """Ask the default model without each of its passes, looks and whole numbers; then train the fine stage without
    each part of its recipe: what data, occluders and the teacher bring.

    An interrupted run goes on when the command is repeated.
    """
    require("torch", "training", "train")
    from tcdcn_init.eval.ablation import measure_inferences, run_ablation
    from tcdcn_init.training.stages.recipes import STAGE_RECIPES

    recipe, command = STAGE_RECIPES["tcdcn-two-stage"], given_command(context)
    typer.echo(f"wrote {measure_inferences(data, out, DEFAULT_MODEL, seed=seed, command=command)}")
    if not epochs:
        return
    typer.echo(f"wrote {run_ablation(data, out, recipe, epochs=epochs, seed=seed, command=command)}")


@commands.command()
def motion(
    context: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Folder; gets motion.json, motion.md, motion.png and strip.jpg.")],
    dataset: Annotated[str, typer.Option(help="aflw, afw or mtfl-val.")] = "aflw",
    dlib: Annotated[
        list[Path] | None, typer.Option(help="A shape predictor's file, to compare how still points keep; again.")
    ] = None,
    followed_from: Annotated[float, typer.Option(help="Confidence from which a followed face counts as found.")] = 0.2,
    model: ModelOption = DEFAULT_MODEL,
    backend: BackendOption = "auto",
    limit: Annotated[int, typer.Option(help="Clips of each kind, and faces under noise.")] = 20,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Measure the tracker on synthetic clips of real faces, and how still points keep under noise.

    An interrupted run goes on when the command is repeated.
    """
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.motion.report import motion_text
    from tcdcn_init.eval.motion.run import run_motion

    settings = Settings(model, backend, limit=limit, seed=seed, jobs=jobs, command=given_command(context))
    typer.echo(motion_text(run_motion(dataset, root, out, settings, dlib or (), followed_from)))
    typer.echo(f"wrote {out / 'motion.md'} and, beside it, motion.json, motion.png and strip.jpg")
