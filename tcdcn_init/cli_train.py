"""Commands of `tcdcn-init` that make models, regressors and shape banks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tcdcn_init.cli_common import plain_errors, split_names

commands = typer.Typer()


@commands.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder of MTFL: training.txt, images, boxes.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the model, checkpoint, log and curves.")],
    model: Annotated[
        str, typer.Option(help="Recipe: tcdcn-mtfl, tcdcn-robust-first, tcdcn-robust, tcdcn-quick or tcdcn-unshared.")
    ] = "tcdcn-mtfl",
    tasks: Annotated[str | None, typer.Option(help="pose,gender,glasses,smile: any subset, or none.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces a step, over all processes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, machine and one thread: same weights.")] = None,
    points_loss: Annotated[str | None, typer.Option(help="euclidean or least-squares.")] = None,
    learn_lambdas: Annotated[bool, typer.Option("--learn-lambdas", help="Learn the tasks' coefficients.")] = False,
    stop_window: Annotated[int | None, typer.Option(help="k of task-wise early stopping; 0: off.")] = None,
    stop_epsilon: Annotated[float | None, typer.Option(help="Its threshold.")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: PyTorch's choice.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Model file to begin at, instead of random weights.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Model file of the teacher, of recipes with one.")] = None,
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
        target = train_on_mtfl(
            data, out, config, model, resume=resume, skip_bad=skip_bad, weights=weights, teacher=teacher
        )
        typer.echo(f"wrote {target}")


@commands.command("train-ert")
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


@commands.command("train-sdm")
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


@commands.command("train-rcpr")
def train_rcpr_command(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="File to write (.safetensors).")],
    starts: Annotated[str, typer.Option(help="What it will start from: random, box or tcdcn.")] = "random",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train the bundled RCPR anew, and measure it on held-out faces from several kinds of start."""
    with plain_errors():
        from tcdcn_init.adapters.rcpr_training import train_rcpr

        for start, figures in train_rcpr(data, out, starts=starts, seed=seed).items():  # type: ignore[arg-type]
            typer.echo(f"{start}: " + ", ".join(f"{name} {value:.2f} %" for name, value in figures.items()))
        typer.echo(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB")


@commands.command()
def retrain(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME@START.safetensors.")],
    regressor: Annotated[str | None, typer.Option(help="ert5-mtfl,sdm-mtfl,rcpr-mtfl: any; default: all.")] = None,
    starts: Annotated[
        str | None, typer.Option(help="random,mean,tcdcn-aligned,tcdcn-nearest,oracle: any; default: all.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Bundled TCDCN model, or path of a model file.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train regressors anew for each start, on starts that err as that start errs, and measure both on held-out faces.

    An interrupted run goes on when the command is repeated: finished files of the same settings are kept.
    """
    with plain_errors():
        from tcdcn_init.eval.retraining import retrain, retrained_table, trainers
        from tcdcn_init.eval.training_starts import TRAINED_STARTS
        from tcdcn_init.weights import PAPER_MODEL

        known = trainers()
        names = split_names(regressor) or tuple(known)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"regressors {unknown} are not retrained here; expected some of {', '.join(known)}")
        wanted = {name: known[name] for name in names}
        pieces = retrain(
            data,
            out,
            starts=split_names(starts) or TRAINED_STARTS,
            regressors=wanted,
            model=model or PAPER_MODEL,
            seed=seed,
        )
        typer.echo(retrained_table(pieces))


@commands.command("shape-bank")
def shape_bank(
    data: Annotated[Path, typer.Option(help="Folder of MTFL, or of ytf68.")],
    out: Annotated[Path, typer.Option(help="File to write (.npz).")],
    kind: Annotated[str, typer.Option(help="mtfl, five points; or ytf68, 68 points in derived boxes.")] = "mtfl",
) -> None:
    """Collect training shapes, normalised in their face boxes, as starts."""
    with plain_errors():
        from tcdcn_init.shape_banks import collect_shapes

        bank = collect_shapes(kind, data)
        bank.save(out)
        typer.echo(f"wrote {out}: {len(bank)} shapes")


@commands.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="A .safetensors file with expected errors, such as tcdcn-robust's.")],
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    seed: Annotated[int, typer.Option()] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Calibrate a model's confidence on MTFL's held-out tenth, and write that into its file; then export it anew."""
    with plain_errors():
        from tcdcn_init.eval.trust_report import calibrate_model

        typer.echo(f"{model}: {calibrate_model(model, data, seed=seed, jobs=jobs)}")
