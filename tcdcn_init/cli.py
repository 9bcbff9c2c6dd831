"""The `tcdcn-init` command: a thin layer over the functions that do the work."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init import cli_eval, cli_experiments, cli_train
from tcdcn_init.cli_common import plain_errors

app = typer.Typer(
    name="tcdcn-init",
    help="Five facial points from TCDCN that start a cascaded shape regressor right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_train.commands)
app.add_typer(cli_eval.commands)
app.add_typer(cli_experiments.commands)


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
    mirror: Annotated[bool, typer.Option("--mirror", help="Also at mirror images: more exact, half as fast.")] = False,
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
        initializer = Initializer(name, backend=backend, passes=looks, mirror=mirror)  # type: ignore[arg-type]
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
            settings=f"model {name}, passes {looks}{', mirror' * mirror}, boxes {boxes or 'detected'}, "
            f"{'68' if dense else '5'} points",
        )
        typer.echo(f"{report.faces} faces in {report.images} pictures -> {report.out}")
        for path, reason in report.unreadable.items():
            typer.secho(f"not used: {path}: {reason}", fg="yellow", err=True)
        if report.unreadable:
            raise typer.Exit(1)


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
