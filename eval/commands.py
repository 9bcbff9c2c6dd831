"""Commands of `tcdcn-init` that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init._shared.commands import split_names
from tcdcn_init.eval import paper

commands = typer.Typer()
commands.add_typer(paper.commands, name="paper")


@commands.command()
def figures(
    mtfl: Annotated[Path | None, typer.Option(help="Folder of MTFL: held-out training faces and AFLW.")] = None,
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="Also look at mirror images.")] = False,
    robustness: Annotated[bool, typer.Option("--robustness", help="Also turned, noisy and hidden copies.")] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
) -> None:
    """Measure a model by itself on held-out MTFL, AFLW and AFW: the figures of its card."""
    import json

    from tcdcn_init.datasets.named import read_dataset
    from tcdcn_init.eval.model_report.figures import figures_table, model_figures
    from tcdcn_init.initializer import Initializer
    from tcdcn_init.network.config import DEFAULT_PASSES
    from tcdcn_init.weights import DEFAULT_MODEL

    roots = _five_point_roots(mtfl, afw)
    looks = DEFAULT_PASSES if passes is None else passes
    initializer = Initializer(model or DEFAULT_MODEL, backend=backend, passes=looks, mirror=mirror)  # type: ignore[arg-type]
    measured = {
        name: model_figures(initializer, read_dataset(name, root), robustness=robustness)
        for name, root in roots.items()
    }
    if out is not None:
        settings = {"model": model or DEFAULT_MODEL, "backend": backend, "passes": looks, "mirror": mirror}
        out.write_text(json.dumps({"settings": settings, "figures": measured}, indent=1) + "\n")
    typer.echo(figures_table(measured))


@commands.command("hard-faces")
def hard_faces(
    data: Annotated[Path, typer.Option(help="Folder with lfpw/, helen/, cfp_profile/, infants/, lfpw29/, aflw68/ ...")],
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
) -> None:
    """Measure a model on 300-W's faces, profiles and infants, and whether it sees what is hidden."""
    import json

    from tcdcn_init.eval.model_report import hard_faces
    from tcdcn_init.initializer import Initializer
    from tcdcn_init.weights import DEFAULT_MODEL

    initializer = Initializer(model or DEFAULT_MODEL, backend=backend)  # type: ignore[arg-type]
    measured = hard_faces.hard_faces(initializer, data)
    if out is not None:
        settings = {"model": model or DEFAULT_MODEL, "backend": backend}
        out.write_text(json.dumps({"settings": settings, **measured}, indent=1) + "\n")
    typer.echo(hard_faces.hard_faces_table(measured))


@commands.command("eval")
def evaluate(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Option(help="aflw, afw, afw68 or mtfl-val; default: one portrait.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    regressor: Annotated[
        list[str] | None, typer.Option(help="Name or .dat file, again or comma-separated; default: bundled ones.")
    ] = None,
    starts: Annotated[str | None, typer.Option(help="Comma-separated; default: all of the protocol.")] = None,
    boxes: Annotated[str, typer.Option(help="given: the data's own; points: derived; or a CSV file.")] = "given",
    noise: Annotated[str | None, typer.Option(help="Of boxes, sd in box sides: 0,.05,... or none.")] = None,
    roll: Annotated[str | None, typer.Option(help="Of heads, in degrees: 0,15,... or none.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: eval-DATASET.")] = None,
    retrained: Annotated[Path | None, typer.Option(help="Folder of retrained regressors; default: bundled.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "torch",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    limit: Annotated[int | None, typer.Option(help="This many faces, evenly spread.")] = None,
    seed: Annotated[int, typer.Option(help="Of random starts and box noise.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; the numbers do not depend on it.")] = 1,
) -> None:
    """Compare starts: the same regressors on the same faces, only the start changed.

    Writes report.json, faces.csv, plots, report.md and report.html. Without a data set, on scikit-image's portrait: one
    face, which shows what a report looks like. An interrupted run goes on when the command is repeated.
    """
    import tempfile

    from tcdcn_init.eval.comparison.run import run_eval
    from tcdcn_init.eval.comparison.tables import report_headline
    from tcdcn_init.eval.measuring.builtin import builtin_case
    from tcdcn_init.eval.measuring.cases import read_case
    from tcdcn_init.eval.measuring.copies import NOISES, ROLLS
    from tcdcn_init.eval.starts import STARTS
    from tcdcn_init.network.config import DEFAULT_PASSES
    from tcdcn_init.weights import DEFAULT_MODEL

    named = [name for text in regressor or [] for name in text.split(",") if name]
    target = out or Path(f"eval-{dataset or 'portrait'}")
    with tempfile.TemporaryDirectory() as folder:
        if dataset is None:
            _refuse_without_dataset(context)
            case = builtin_case(Path(folder))
        else:
            case = read_case(dataset, root, boxes=boxes, limit=limit)
        report = run_eval(
            case,
            target,
            regressors=named or None,
            starts=STARTS if starts is None else split_names(starts) or (),
            noises=NOISES if noise is None else _numbers("noise", noise),
            rolls=ROLLS if roll is None else _numbers("roll", roll),
            model=model or DEFAULT_MODEL,
            backend=backend,  # type: ignore[arg-type]
            passes=DEFAULT_PASSES if passes is None else passes,
            retrained=retrained,
            seed=seed,
            jobs=jobs,
            command=_told(context),
        )
    about = report["dataset"]
    typer.echo(report_headline(report))
    typer.echo(f"{about['title']}: {about['note']}")
    for name, reason in about["unreadable"].items():
        typer.secho(f"counted as a failure: {name}: {reason}", fg="yellow", err=True)
    typer.echo(f"wrote {target / 'report.html'} and, beside it, report.json, faces.csv and plots/")


def _refuse_without_dataset(context: typer.Context) -> None:
    """Options that the built-in portrait has no use for."""
    for name in ("root", "boxes", "limit"):
        if _typed(context, name):
            raise ValueError(
                f"--{name} {context.params[name]} says nothing without a data set; name one, e.g. --dataset aflw"
            )


def _five_point_roots(mtfl: Path | None, afw: Path | None) -> dict[str, Path]:
    """Folders by data set of five points, of those that are given: at least one."""
    named = {"mtfl-val": mtfl, "aflw": mtfl, "afw": afw}
    roots = {name: root for name, root in named.items() if root is not None}
    if not roots:
        raise ValueError("no data set given; name at least one: --mtfl FOLDER, --afw FOLDER")
    return roots


def _as_typed() -> str:
    import shlex
    import sys

    return shlex.join(["tcdcn-init", *sys.argv[1:]])


def _typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in split_names(text) or ())
    except ValueError:
        raise ValueError(f"--{option} is {text!r}; expected numbers such as 0,0.1,0.2, or none") from None


def _told(context: typer.Context) -> str:
    """The command, without what changes no number: where its output goes, and over how many processes."""
    import shlex

    words = ["tcdcn-init", "eval"]
    for name, value in context.params.items():
        if name in ("out", "jobs") or not _typed(context, name):
            continue
        for each in value if isinstance(value, list) else [value]:
            words += [f"--{name}", str(each)]
    return shlex.join(words)


@commands.command()
def confidence(
    out: Annotated[Path, typer.Option(help="Folder for confidence.json, .md, .svg and .png.")],
    mtfl: Annotated[Path | None, typer.Option(help="Folder of MTFL: held-out training faces and AFLW.")] = None,
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    limit: Annotated[int | None, typer.Option(help="This many faces of each data set, evenly spread.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; the numbers do not depend on it.")] = 1,
) -> None:
    """Does the model know when it is unsure? Expected against actual errors, and faces against boxes without one."""
    from tcdcn_init.eval.model_report.confidence_report import run_trust, trust_tables
    from tcdcn_init.network.config import DEFAULT_PASSES
    from tcdcn_init.weights import DEFAULT_MODEL

    roots = _five_point_roots(mtfl, afw)
    document = run_trust(
        roots,
        out,
        model=model or DEFAULT_MODEL,
        backend=backend,  # type: ignore[arg-type]
        passes=DEFAULT_PASSES if passes is None else passes,
        limit=limit,
        seed=seed,
        jobs=jobs,
        command=_as_typed(),
    )
    typer.echo(trust_tables(document["datasets"]))
    typer.echo(f"wrote {out / 'confidence.png'} and, beside it, .svg, .md and .json")


@commands.command()
def limits(
    out: Annotated[Path, typer.Option(help="Folder for limits.json, .md, plots and pictures.")],
    mtfl: Annotated[Path | None, typer.Option(help="Folder of MTFL: held-out training faces and AFLW.")] = None,
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    limit: Annotated[int | None, typer.Option(help="This many faces of each data set, evenly spread.")] = None,
    seed: Annotated[int, typer.Option(help="Of the rectangles that hide.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; the numbers do not depend on it.")] = 1,
) -> None:
    """Where does the model fail? Profiles, hidden parts, and its worst faces in pictures."""
    from tcdcn_init.eval.measuring.cases import TITLES
    from tcdcn_init.eval.model_report.limits_report import run_limits, sentences
    from tcdcn_init.network.config import DEFAULT_PASSES
    from tcdcn_init.weights import DEFAULT_MODEL

    roots = _five_point_roots(mtfl, afw)
    document = run_limits(
        roots,
        out,
        model=model or DEFAULT_MODEL,
        backend=backend,  # type: ignore[arg-type]
        passes=DEFAULT_PASSES if passes is None else passes,
        limit=limit,
        seed=seed,
        jobs=jobs,
        command=_as_typed(),
    )
    for name, figures in document["datasets"].items():
        typer.echo(" ".join([f"{TITLES.get(name, name)}:", *sentences(figures)]))
    typer.echo(f"wrote {out / 'limits.md'} and, beside it, .json, plots, and photographs in pictures/")


@commands.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="A .safetensors file with expected errors, such as tcdcn-robust's.")],
    data: Annotated[Path, typer.Option(help="Folder of MTFL, or one with mtfl/, lfpw/, helen/, infants/ ...")],
    seed: Annotated[int, typer.Option()] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Calibrate a model's confidence on held-out training faces, and write that into its file; then export it anew."""
    from tcdcn_init.eval.model_report.calibration import calibrate_model

    typer.echo(f"{model}: {calibrate_model(model, data, seed=seed, jobs=jobs)}")
