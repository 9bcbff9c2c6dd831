"""Commands that need the core alone: demo, export, train, video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from tcdcn_init._shared.commands import (
    BackendOption,
    DetectorOption,
    HoldOutOption,
    ImagesOption,
    LayoutOption,
    ModelOption,
    split_names,
)
from tcdcn_init._shared.extras import require
from tcdcn_init._shared.names import as_text
from tcdcn_init.network.config import DEFAULT_BACKEND
from tcdcn_init.weights import DEFAULT_MODEL

__all__ = ["PointsLoss", "RecipeName", "commands", "demo", "export", "train", "video"]

# Here, so that commands start, and shells complete, without PyTorch.
RecipeName: TypeAlias = Literal[
    "tcdcn-mtfl", "tcdcn-robust-first", "tcdcn-robust", "tcdcn-quick", "tcdcn-unshared", "tcdcn-two-stage", "tcdcn-68"
]
"""What `train` can train (`training.recipes.RECIPES`, and `STAGE_RECIPES` and `DENSE_RECIPES` of `training.stages`)."""

PointsLoss: TypeAlias = Literal["euclidean", "least-squares"]
"""How errors of points count in training (`training.objective.ObjectiveConfig`)."""

commands = typer.Typer()


@commands.command()
def train(
    data: Annotated[
        Path,
        typer.Option(help="Folder of MTFL, of models of stages the one above; or data of your own: see the guide."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, checkpoint, log and curves.")],
    model: Annotated[
        RecipeName,
        typer.Option(help="Recipe."),
    ] = "tcdcn-mtfl",
    tasks: Annotated[str | None, typer.Option(help="pose,gender,glasses,smile: any subset, or none.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces a step, over all processes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, machine and one thread: same weights.")] = None,
    points_loss: Annotated[PointsLoss | None, typer.Option(help="How errors of points count.")] = None,
    learn_lambdas: Annotated[bool, typer.Option("--learn-lambdas", help="Learn the tasks' coefficients.")] = False,
    stop_window: Annotated[int | None, typer.Option(help="k of task-wise early stopping; 0: off.")] = None,
    stop_epsilon: Annotated[float | None, typer.Option(help="Its threshold.")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: PyTorch's choice.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Bundled model or model file to begin at, instead of random weights.")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Bundled model or model file of the teacher, of recipes with one.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT's checkpoint.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave broken rows and images out.")] = False,
    images: ImagesOption = None,
    layout: LayoutOption = None,
    points: Annotated[
        int | None, typer.Option(help="Learn this many points, of any meaning, instead of a face's five.")
    ] = None,
    swap: Annotated[
        str | None, typer.Option(help="Which of them swap in a mirror image: 0-1,3-4 or none; without, none is shown.")
    ] = None,
    hold_out_by: HoldOutOption = None,
) -> None:
    """Train TCDCN on MTFL or data of your own: CSV, .pts, imglab, COCO, CVAT, Label Studio; torchrun: in processes.

    Ctrl-C loses at most the epoch under way: repeat the command with --resume.
    """
    from tcdcn_init.datasets.own import OwnData, kind_of
    from tcdcn_init.geometry import parse_layout
    from tcdcn_init.training.faces import fitted, read_training_faces
    from tcdcn_init.training.objective import ObjectiveConfig
    from tcdcn_init.training.recipes import recipe, train_network, with_options
    from tcdcn_init.training.runs.workers import use_threads
    from tcdcn_init.training.stages.dense import DENSE_RECIPES, train_dense
    from tcdcn_init.training.stages.recipes import (
        STAGE_RECIPES,
        StageFaces,
        fitted_stages,
        train_two_stages,
        with_epochs,
    )

    if threads is not None:
        use_threads(threads)
    own = OwnData(data, None, images, points, None if layout is None else parse_layout(layout), hold_out_by)
    if model in STAGE_RECIPES or model in DENSE_RECIPES:
        given: dict[str, object] = {
            "--batch": batch, "--points-loss": points_loss, "--learn-lambdas": learn_lambdas or None,
            "--stop-window": stop_window, "--stop-epsilon": stop_epsilon, "--weights": weights, "--teacher": teacher,
        }  # fmt: skip
        of_own = model in STAGE_RECIPES and kind_of(data) is not None
        if not of_own:  # but many sets in a folder, each as its authors lay it out
            given |= {
                "--tasks": tasks, "--skip-bad": skip_bad or None, "--images": images, "--layout": layout,
                "--points": points, "--swap": swap, "--hold-out-by": hold_out_by,
            }  # fmt: skip
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise ValueError(f"{model} is trained by a recipe of its own, without {', '.join(unused)}: leave them out")
        if model in DENSE_RECIPES:
            made = train_dense(data, out, DENSE_RECIPES[model], epochs=epochs, seed=seed, resume=resume)
            typer.echo(f"wrote {made}")
            return
        stages = with_epochs(STAGE_RECIPES[model], epochs, seed)
        if of_own:
            faces = read_training_faces(own, swap, skip_bad=skip_bad)
            stages, sets = fitted_stages(stages, faces, split_names(tasks)), StageFaces.of(faces)
        else:
            sets = StageFaces.read(data)
        made = train_two_stages(sets, out, stages, model, resume=resume)
        typer.echo(f"{sets.about}\nwrote {made}")
        return
    config = recipe(model)
    objective = None
    if points_loss or learn_lambdas:
        objective = ObjectiveConfig(points_loss or config.objective.points, config.objective.lambdas, learn_lambdas)
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
    faces = read_training_faces(own, swap, skip_bad=skip_bad)
    config = fitted(config, faces, split_names(tasks))
    target = train_network(
        faces, out, config, model, resume=resume, skip_bad=skip_bad, weights=weights, teacher=teacher
    )
    typer.echo(faces.about)
    typer.echo(f"wrote {target}")


@commands.command()
def demo(
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("demo.png"),
    model: ModelOption = DEFAULT_MODEL,
) -> None:
    """Draw the initializer's five points on scikit-image's portrait: good box, bad box, rolled head."""
    from tcdcn_init.cli.demo import draw_demo
    from tcdcn_init.initializer import Initializer

    draw_demo(out, Initializer(model))
    typer.echo(f"wrote {out.resolve()}")


@commands.command()
def export(
    model: Annotated[
        list[str] | None, typer.Argument(help="Paths of .safetensors files; default: all bundled.")
    ] = None,
    int8: Annotated[
        Path | None,
        typer.Option(metavar="MTFL", help="Convolutions in whole numbers, fitted to faces of this folder of MTFL."),
    ] = None,
    end_to_end: Annotated[
        bool,
        typer.Option("--end-to-end", help="One file from image and boxes to points, of models of two stages."),
    ] = False,
) -> None:
    """Export models to ONNX beside their .safetensors files, and check that both backends agree."""
    require("torch", "export", "export")
    from tcdcn_init.datasets import hold_out, read_mtfl
    from tcdcn_init.network.exporting import export_end_to_end, export_onnx, largest_difference
    from tcdcn_init.weights import bundled_models, find_model

    # Four hundred training faces, evenly spread: as many as the ranges of maps need.
    faces = None if int8 is None else hold_out(read_mtfl(int8, "training"))[0]
    for name in model or bundled_models():
        source = find_model(name, ".safetensors")
        some = None if faces is None else faces[:: max(1, len(faces) // 400)]
        if end_to_end:
            typer.echo(f"wrote {export_end_to_end(source, some)}")
            continue
        target = export_onnx(source, some)
        typer.echo(f"wrote {target}; largest difference {largest_difference(source):.2g}")


@commands.command()
def video(
    file: Annotated[Path, typer.Argument(metavar="VIDEO", help="Whatever FFmpeg reads.")],
    out: Annotated[Path, typer.Option(help="points.csv, .json or .parquet.")],
    draw: Annotated[
        Path | None, typer.Option(help="Video with boxes, points and ids drawn in: .mp4, .mkv or .mov.")
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="One-euro filter: steadier, and on a still face 0.1 s late.")
    ] = False,
    detector: DetectorOption = "auto",
    redetect_every: Annotated[float, typer.Option(help="Seconds between two searches for new faces.")] = 1.0,
    max_lost: Annotated[float, typer.Option(help="Seconds for which a face that is lost keeps its id.")] = 3.0,
    model: ModelOption = DEFAULT_MODEL,
    backend: BackendOption = DEFAULT_BACKEND,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Write the points of every face in every frame of a video, with ids that stay.

    An interrupted run goes on when the command is repeated. A video that breaks off gives the points until there, and
    the exit code 1.
    """
    from tcdcn_init.initializer import Initializer
    from tcdcn_init.pointfile.formats import TABLES, check_output
    from tcdcn_init.tracking import FaceTracker, OneEuro
    from tcdcn_init.video import is_unfinished, write_video_points

    check_output(out, among=TABLES)
    for each in filter(None, (out, draw)):
        if each.exists() and not (force or is_unfinished(out)):
            raise FileExistsError(f"{each} exists already; choose another name, or replace it with --force")
    tracker = FaceTracker(
        Initializer(model, backend=backend),
        detector=detector,
        smoothing=OneEuro() if smooth else None,
        redetect_every=redetect_every,
        max_lost=max_lost,
    )
    settings = (
        f"model {model}, detector {detector}, smooth {smooth}, redetect every {redetect_every}, max lost {max_lost}"
    )
    report = write_video_points(file, out, tracker, draw=draw, settings=settings)
    typer.echo(as_text(f"{report.faces} faces in {report.frames} frames -> {report.out}"))
    if report.without_face:
        typer.echo(f"no face in {report.without_face} frames")
    for remark in filter(None, (report.silent, report.broken)):
        typer.secho(as_text(f"{file}: {remark}"), fg="yellow", err=True)
    if report.broken:
        raise typer.Exit(1)
