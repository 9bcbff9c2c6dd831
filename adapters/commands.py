"""Commands that need the core and the adapters: points, make."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tcdcn_init._shared.commands import (
    BackendOption,
    DetectorOption,
    HoldOutOption,
    ImagesOption,
    JobsOption,
    LayoutOption,
    MirrorOption,
    ModelOption,
    PassesOption,
    SeedOption,
    TurnedOption,
    is_given,
)
from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.names import as_text
from tcdcn_init.adapters.recipes import Name
from tcdcn_init.network.config import DEFAULT_BACKEND, DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL

if TYPE_CHECKING:
    from tcdcn_init.initializer import Initializer

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def points(
    context: typer.Context,
    images: Annotated[
        list[str],
        typer.Argument(help="Images, folders, patterns; a .txt that names one a line, or - for such lines from stdin."),
    ],
    out: Annotated[
        Path, typer.Option(help="points.csv, .json or .parquet; faces.xml of imglab, coco.json; others by --format.")
    ],
    format: Annotated[
        str | None,
        typer.Option(help="csv, json, parquet, imglab, coco, cvat, label-studio or pts (a folder); default: by --out."),
    ] = None,
    boxes: Annotated[Path | None, typer.Option(help="CSV of boxes: image, left, top, right, bottom.")] = None,
    detector: DetectorOption = "auto",
    turned: TurnedOption = None,
    draw: Annotated[Path | None, typer.Option(help="Folder for copies with the points drawn in (JPEG).")] = None,
    review: Annotated[Path | None, typer.Option(help="Page (.html) to look through the faces.")] = None,
    sample: Annotated[
        int | None, typer.Option(help="So many faces on that page, at random; default: all, with --ray 200.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Text: counts, failures, time, a histogram of the confidences; --ray writes one anyway."),
    ] = None,
    jobs: JobsOption = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Over the machines of a Ray cluster, by its address, or local for this one; takes tars and parquet of "
            "images too, and --out is a folder."
        ),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    backend: BackendOption = DEFAULT_BACKEND,
    passes: PassesOption = DEFAULT_PASSES,
    mirror: MirrorOption = False,
    dense: Annotated[bool, typer.Option("--dense", help="68 points, by the bundled tcdcn-68 from the five.")] = False,
    attributes: Annotated[
        bool, typer.Option("--attributes", help="The model's guesses at pose, gender, glasses and smile too.")
    ] = False,
    as_stored: Annotated[
        bool, typer.Option("--as-stored", help="Leave out the turn that EXIF asks for, which boxes else refer to, too.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Write the points of every face in images, folders and patterns; faces are detected unless boxes are given.

    An interrupted run goes on when the command is repeated. An image without a face has a row without points. Images
    that cannot be read are listed at the end and in the output, and make the exit code 1.
    """
    from tcdcn_init.datasets.boxes import read_boxes
    from tcdcn_init.initializer import Initializer
    from tcdcn_init.pointfile import find_images, write_points
    from tcdcn_init.pointfile.formats import check_output
    from tcdcn_init.scale.report import RunReport, summary_of

    if boxes and (detector != "auto" or turned is not None):
        raise ValueError("--boxes says where faces are; leave out --detector and --turned, which look for them")
    if ray and (draw or format or report):
        given = "--draw" if draw else "--format" if format else "--report"
        raise ValueError(f"{given} is not for --ray, which writes a folder of parquet with its report")
    if not ray:
        check_output(out, format)
    for target in filter(None, (None if ray else out, review, report)):
        if target.exists() and not force:
            raise FileExistsError(f"{target} exists already; choose another name, or replace it with --force")
    initializer = Initializer(model, backend=backend, passes=passes, mirror=mirror, dense=dense)
    found = f"of {detector}, turned copies {turned}"
    options: dict[str, Any] = {
        "boxes": read_boxes(boxes, check=False) if boxes else None,
        "detector": detector,
        "turned": turned,
        "review": review,
        "attributes": attributes,
        "apply_orientation": not as_stored,
        "settings": f"model {model}, passes {passes}{', mirror' * mirror}, boxes {boxes or found}, "
        f"{'68' if dense else '5'} points",
    }
    if ray:
        _annotate(images, out, initializer, ray, jobs if is_given(context, "jobs") else None, sample, force, options)
        return
    start = time.monotonic()
    written = write_points(
        find_images(images), out, initializer, draw=draw, format=format, jobs=jobs, sample=sample, **options
    )
    typer.echo(as_text(f"{written.faces} faces in {written.images} images -> {written.out}"))
    if report:
        seconds = time.monotonic() - start
        run = RunReport.of([summary_of(out.name, written.rows, seconds)], out, seconds, review)
        with replacing(report) as part:
            part.write_text(run.text(), encoding="utf-8")
        typer.echo(as_text(f"how sure they are: {report}"))
    if review:
        typer.echo(as_text(f"to look through them, open {review}"))
    if written.without_face:
        few = ", ".join(written.without_face[:3]) + ", ..." * (len(written.without_face) > 3)
        advice = (
            "the box file has none for them"
            if boxes
            else "try larger or upright images, another --detector, or give boxes: --boxes"
        )
        typer.secho(f"no face in {len(written.without_face)} of them ({few}): {advice}", fg="yellow", err=True)
    for path, reason in written.unreadable.items():
        typer.secho(f"not used: {path}: {reason}", fg="yellow", err=True)
    if written.unreadable:
        raise typer.Exit(1)


def _annotate(
    images: list[str],
    out: Path,
    initializer: Initializer,
    address: str,
    jobs: int | None,
    sample: int | None,
    force: bool,
    options: dict[str, Any],
) -> None:
    """The points of images over a cluster, and the report."""
    from tcdcn_init.pointfile.sample import check_sample
    from tcdcn_init.scale import annotate

    check_sample(sample, options["review"])
    if sample is not None:
        options["sample"] = sample
    report = annotate(images, out, initializer, address=address, jobs=jobs, force=force, **options)
    typer.echo(as_text(report.text()), nl=False)
    if report.unreadable or report.unused:
        raise typer.Exit(1)


@commands.command()
def make(
    name: Annotated[Name, typer.Argument(metavar="NAME", help="File to make.")],
    data: Annotated[
        Path, typer.Option(help="Folder of MTFL; that with lfpw/ and helen/ for 300w; or data of your own.")
    ],
    out: Annotated[Path, typer.Option(help="File to write: .safetensors, or .npz for shapes.")],
    images: ImagesOption = None,
    layout: LayoutOption = None,
    hold_out_by: HoldOutOption = None,
    seed: SeedOption = 0,
) -> None:
    """Make a bundled regressor or shape bank again, or its like of your own data, and measure it on held-out faces.

    `tcdcn-init train --model NAME` does so for networks.
    """
    from tcdcn_init.adapters.recipes import make as make_file
    from tcdcn_init.datasets.own import OwnData, kind_of
    from tcdcn_init.geometry import parse_layout

    stated = None if layout is None else parse_layout(layout)
    own = OwnData(data, None, images, layout=stated, hold_out_by=hold_out_by)
    for line in make_file(name, data if kind_of(data) is None else own, out, seed):
        typer.echo(line)
    typer.echo(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB")
