"""The `tcdcn-init` command: a thin layer over the functions that do the work."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="tcdcn-init",
    help="Five facial points from TCDCN that start a cascaded shape regressor right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Say what a user can mend in one line, without a traceback."""
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError, FileExistsError, ImportError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.secho("interrupted; what is finished is kept, run the same command again to go on", fg="yellow", err=True)
        raise typer.Exit(130) from None


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated names; "none" is no name at all."""
    if text is None:
        return None
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def _print_version(wanted: bool) -> None:
    if wanted:
        from tcdcn_init import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    quiet: Annotated[bool, typer.Option("--quiet", help="Only warnings and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Five facial points from TCDCN that start a cascaded shape regressor right."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("tcdcn_init")
    logger.handlers = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("demo.png"),
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
) -> None:
    """Draw the initializer's five points on scikit-image's portrait: good box, bad box, rolled head."""
    with plain_errors():
        from tcdcn_init.demo import draw_demo
        from tcdcn_init.initializer import Initializer

        draw_demo(out, Initializer(model) if model else None)
        typer.echo(f"wrote {out.resolve()}")


@app.command()
def points(
    images: Annotated[list[str], typer.Argument(help="Pictures, folders, or glob patterns.")],
    out: Annotated[Path, typer.Option(help="points.csv, .json or .parquet.")],
    boxes: Annotated[Path | None, typer.Option(help="CSV of boxes: image, left, top, right, bottom.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures with the points drawn in.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="How often to look, at most; 1 never looks again.")] = None,
    dense: Annotated[bool, typer.Option("--dense", help="68 points, by the bundled ert68-ytf from the five.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Write the points of every face in pictures, folders and patterns; faces are detected unless boxes are given.

    An interrupted run goes on when the command is repeated. Pictures that cannot be read are listed at the end and
    in the output, and make the exit code 1.
    """
    with plain_errors():
        from tcdcn_init.datasets.boxes import read_boxes
        from tcdcn_init.initializer import DEFAULT_PASSES, Initializer
        from tcdcn_init.pointfile import find_images, write_points
        from tcdcn_init.weights import DEFAULT_MODEL

        if out.exists() and not force:
            raise FileExistsError(f"{out} exists already; choose another name, or replace it with --force")
        name, looks = model or DEFAULT_MODEL, DEFAULT_PASSES if passes is None else passes
        initializer = Initializer(name, backend=backend, passes=looks)  # type: ignore[arg-type]
        regressor = None
        if dense:
            from tcdcn_init.adapters.base import load_regressor

            regressor = load_regressor("ert68-ytf")
        report = write_points(
            find_images(images),
            out,
            initializer,
            boxes=read_boxes(boxes) if boxes else None,
            dense=regressor.fit_from_points if regressor else None,
            draw=draw,
            settings=f"model {name}, passes {looks}, boxes {boxes or 'detected'}, {'68' if dense else '5'} points",
        )
        typer.echo(f"{report.faces} faces in {report.images} pictures -> {report.out}")
        for path, reason in report.unreadable.items():
            typer.secho(f"not used: {path}: {reason}", fg="yellow", err=True)
        if report.unreadable:
            raise typer.Exit(1)


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder of MTFL: training.txt, images, boxes.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the model, checkpoint, log and curves.")],
    model: Annotated[str, typer.Option(help="Recipe: tcdcn-mtfl, tcdcn-quick or tcdcn-unshared.")] = "tcdcn-mtfl",
    tasks: Annotated[str | None, typer.Option(help="pose,gender,glasses,smile: any subset, or none.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces a step, over all processes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, machine and one thread: same weights.")] = None,
    points_loss: Annotated[str | None, typer.Option(help="euclidean or least-squares.")] = None,
    learn_lambdas: Annotated[bool, typer.Option("--learn-lambdas", help="Learn the tasks' coefficients.")] = False,
    stop_window: Annotated[int | None, typer.Option(help="k of task-wise early stopping; 0: off.")] = None,
    stop_epsilon: Annotated[float | None, typer.Option(help="Its threshold.")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: PyTorch's choice.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT's checkpoint.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave broken rows and images out.")] = False,
) -> None:
    """Train TCDCN on MTFL; under torchrun, in several processes.

    Ctrl-C loses at most the epoch under way: repeat the command with --resume.
    """
    with plain_errors():
        import torch

        from tcdcn_init.objective import ObjectiveConfig
        from tcdcn_init.recipes import recipe, train_on_mtfl, with_options

        if threads is not None:
            torch.set_num_threads(threads)
        config = recipe(model)
        objective = None
        if points_loss or learn_lambdas:
            loss: Any = points_loss or config.objective.points
            objective = ObjectiveConfig(loss, config.objective.lambdas, learn_lambdas)
        config = with_options(
            config,
            tasks=split_names(tasks),
            epochs=epochs,
            batch=batch,
            seed=seed,
            objective=objective,
            stop_window=stop_window,
            stop_epsilon=stop_epsilon,
        )
        target = train_on_mtfl(data, out, config, model, resume=resume, skip_bad=skip_bad)
        typer.echo(f"wrote {target}")


@app.command()
def export(
    model: Annotated[
        list[str] | None, typer.Argument(help="Paths of .safetensors files; default: all bundled.")
    ] = None,
) -> None:
    """Export models to ONNX beside their .safetensors files, and check that both backends agree."""
    with plain_errors():
        from tcdcn_init.exporting import export_onnx, largest_difference
        from tcdcn_init.weights import bundled_models, find_model

        for name in model or bundled_models():
            source = find_model(name, ".safetensors")
            target = export_onnx(source)
            typer.echo(f"wrote {target}; largest difference {largest_difference(source):.2g}")


@app.command("train-ert")
def train_ert(
    recipe_name: Annotated[str, typer.Argument(metavar="RECIPE", help="ert5-mtfl or ert68-ytf.")],
    data: Annotated[Path, typer.Option(help="Folder of MTFL, or of ytf68.")],
    out: Annotated[Path, typer.Option(help="File to write (.safetensors).")],
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train a bundled cascade of regression trees anew, through dlib."""
    with plain_errors():
        from tcdcn_init.adapters.ert_recipes import train_recipe

        train_recipe(recipe_name, data, out, seed)
        typer.echo(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB")


@app.command("train-sdm")
def train_sdm_command(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="File to write (.safetensors).")],
    starts: Annotated[str, typer.Option(help="What it will start from: tcdcn, box or random.")] = "tcdcn",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train the bundled SDM anew, and measure it on held-out faces from both kinds of start."""
    with plain_errors():
        from tcdcn_init.adapters.sdm_training import train_sdm

        for start, figures in train_sdm(data, out, starts=starts, seed=seed).items():  # type: ignore[arg-type]
            typer.echo(f"{start}: " + ", ".join(f"{name} {value:.2f} %" for name, value in figures.items()))
        typer.echo(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB")


@app.command("shape-bank")
def shape_bank(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="File to write (.npz).")],
) -> None:
    """Collect MTFL's training shapes, normalised in the detector's box, as starts."""
    with plain_errors():
        from tcdcn_init.datasets.mtfl import read_mtfl
        from tcdcn_init.shapes import ShapeBank

        bank = ShapeBank.from_faces(read_mtfl(data, "training"))
        bank.save(out)
        typer.echo(f"wrote {out}: {len(bank)} shapes")


@app.command()
def figures(
    mtfl: Annotated[Path | None, typer.Option(help="Folder of MTFL: held-out training faces and AFLW.")] = None,
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW.")] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    robustness: Annotated[bool, typer.Option("--robustness", help="Also turned copies and noisy boxes.")] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
) -> None:
    """Measure a model by itself on held-out MTFL, AFLW and AFW: the figures of its card."""
    with plain_errors():
        import json

        from tcdcn_init.datasets.named import read_dataset
        from tcdcn_init.eval.model_figures import figures_table, model_figures
        from tcdcn_init.initializer import DEFAULT_PASSES, Initializer
        from tcdcn_init.weights import DEFAULT_MODEL

        roots = {"mtfl-val": mtfl, "aflw": mtfl, "afw": afw}
        if mtfl is None and afw is None:
            raise ValueError("no data set given; name at least one: --mtfl FOLDER, --afw FOLDER")
        looks = DEFAULT_PASSES if passes is None else passes
        initializer = Initializer(model or DEFAULT_MODEL, backend=backend, passes=looks)  # type: ignore[arg-type]
        measured = {
            name: model_figures(initializer, read_dataset(name, root), robustness=robustness)
            for name, root in roots.items()
            if root is not None
        }
        if out is not None:
            settings = {"model": model or DEFAULT_MODEL, "backend": backend, "passes": looks}
            out.write_text(json.dumps({"settings": settings, "figures": measured}, indent=1) + "\n")
        typer.echo(figures_table(measured))


@app.command()
def robustness(
    out: Annotated[Path, typer.Option(help="Folder for robustness.json, .md, .svg and .png.")],
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW with pts68/: dense regressors.")] = None,
    mtfl: Annotated[Path | None, typer.Option(help="Folder of MTFL: AFLW, five points.")] = None,
    ytf68: Annotated[Path | None, typer.Option(help="Folder of ytf68: its held-out persons, dense.")] = None,
    held_out: Annotated[bool, typer.Option("--held-out", help="MTFL's held-out tenth instead of AFLW.")] = False,
    model: Annotated[str | None, typer.Option(help="Bundled model, or path of a model file.")] = None,
    backend: Annotated[str, typer.Option(help="torch, onnx or auto.")] = "auto",
    passes: Annotated[int | None, typer.Option(help="Default: the initializer's.")] = None,
    boxes: Annotated[str, typer.Option(help="given: the data's own; points: derived from the points.")] = "given",
    dat: Annotated[Path | None, typer.Option(help="dlib's 68-point file, measured beside ours.")] = None,
    limit: Annotated[int | None, typer.Option(help="This many faces of each data set, evenly spread.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; the numbers do not depend on it.")] = 1,
) -> None:
    """Turn heads and spoil boxes: each regressor from its own start, and from TCDCN's points.

    An interrupted run goes on when the command is repeated.
    """
    with plain_errors():
        import shlex
        import sys

        from tcdcn_init.eval.robustness_report import REGRESSORS, robustness_tables, run_robustness
        from tcdcn_init.initializer import DEFAULT_PASSES
        from tcdcn_init.weights import DEFAULT_MODEL

        named = (("afw68", afw), ("mtfl-val" if held_out else "aflw", mtfl), ("ytf68-val", ytf68))
        roots = {name: root for name, root in named if root is not None}
        regressors = dict(REGRESSORS)
        if dat is not None:
            regressors |= {name: (*regressors[name], str(dat)) for name in ("afw68", "ytf68-val")}
        document = run_robustness(
            roots,
            out,
            regressors=regressors,
            model=model or DEFAULT_MODEL,
            backend=backend,  # type: ignore[arg-type]
            passes=DEFAULT_PASSES if passes is None else passes,
            boxes=boxes,  # type: ignore[arg-type]
            limit=limit,
            seed=seed,
            jobs=jobs,
            command=shlex.join(["tcdcn-init", *sys.argv[1:]]),
        )
        typer.echo(robustness_tables(document["datasets"]))
        typer.echo(f"wrote {out / 'robustness.png'} and, beside it, .svg, .md and .json")
