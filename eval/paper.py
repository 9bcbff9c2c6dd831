"""Commands of `tcdcn-init` that repeat the paper's experiments."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init._shared.commands import (
    JobsOption,
    LimitOption,
    ModelOption,
    SeedOption,
    given_command,
    one_of,
    split_names,
)
from tcdcn_init.weights import DEFAULT_MODEL, PAPER_MODEL

__all__ = ["Experiment", "commands"]


class Experiment(StrEnum):
    """What `paper run` can train (`experiments.variants.plan`)."""

    WEIGHTS = "weights"
    SIZES = "sizes"
    REGIMES = "regimes"
    TASKS = "tasks"
    CRITERIA = "criteria"
    STOPPING = "stopping"
    LENGTHS = "lengths"
    RATE = "rate"
    CONVERGENCE = "convergence"
    SHARING = "sharing"
    PRECISION = "precision"
    ABLATION = "ablation"


def _families() -> Iterable[str]:
    from tcdcn_init.eval.retraining.methods import methods

    return methods()


def _trained_starts() -> Iterable[str]:
    from tcdcn_init.eval.retraining.starts import TRAINED_STARTS

    return TRAINED_STARTS


commands = typer.Typer(
    help="Repeat the paper: its experiments, its baseline, and regressors retrained for each start.",
    no_args_is_help=True,
)


@commands.command("run")
def experiments(
    names: Annotated[
        list[Experiment],
        typer.Argument(metavar="NAME", help="What to train."),
    ],
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for runs, results and the report.")],
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW, to measure on too.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each variant, from seed 0 on.")] = 3,
    runs: Annotated[int | None, typer.Option(min=1, help="Stop after this many trainings; default: all.")] = None,
    jobs: JobsOption = 1,
) -> None:
    """Train and measure what the paper compares; write experiments.md with its tables and plots.

    An interrupted run goes on when the command is repeated; finished trainings are kept. The first seed of everything
    comes first.
    """
    from tcdcn_init.eval.experiments.data import ExperimentData
    from tcdcn_init.eval.experiments.report import write_experiments
    from tcdcn_init.eval.experiments.runs import run_variants
    from tcdcn_init.eval.experiments.variants import plan

    plans = [plan(name) for name in names]
    variants = {name: variant for each in plans for name, variant in each.items()}
    hard = plan("ablation") if Experiment.ABLATION in names else ()
    run_variants(variants, ExperimentData(data, afw), out, range(seeds), hard=hard, jobs=jobs, most=runs)
    typer.echo(f"wrote {write_experiments(out / 'results', out)}")


@commands.command("report")
def experiments_report(
    results: Annotated[Path, typer.Argument(help="Folder of results that `paper run` left.")],
    out: Annotated[Path, typer.Option(help="Folder for experiments.md and its plots.")],
) -> None:
    """Write the report of the paper's experiments from kept results, training nothing."""
    from tcdcn_init.eval.experiments.report import write_experiments

    typer.echo(f"wrote {write_experiments(results, out)}")


@commands.command("cascaded-cnn")
def cascaded_cnn(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for networks, weights, figures, tables and plots.")],
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW, to measure on as well.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of level 1.")] = 25,
    small_epochs: Annotated[int, typer.Option(min=1, help="Of the small networks of levels 2 and 3.")] = 12,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of the training.")] = 1,
    limit: LimitOption = None,
    seed: SeedOption = 0,
) -> None:
    """Train the paper's baseline, the cascaded CNN, on MTFL and measure it beside TCDCN: accuracy and time per face.

    An interrupted run goes on when the command is repeated; finished networks are kept.
    """
    from tcdcn_init.eval.cascaded_cnn.report import cascaded_cnn_tables
    from tcdcn_init.eval.cascaded_cnn.run import run_cascaded_cnn
    from tcdcn_init.eval.cascaded_cnn.training import CascadeTraining
    from tcdcn_init.training.runs.workers import use_threads

    use_threads(threads)
    roots = {"mtfl-train": data, "mtfl-val": data, "aflw": data} | ({"afw": afw} if afw else {})
    config = CascadeTraining(epochs=epochs, small_epochs=small_epochs, seed=seed)
    report = run_cascaded_cnn(roots, out, config, limit=limit, command=given_command(context))
    typer.echo(cascaded_cnn_tables(report))


@commands.command("occlusion")
def occlusion(
    context: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Folder for regressors, figures, tables and the plot.")],
    dataset: Annotated[str, typer.Option(help="lfpw29 or cofw: 29 points with flags.")] = "lfpw29",
    model: ModelOption = DEFAULT_MODEL,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Train RCPR with its model of occlusion on 29 points, and start it at random and from TCDCN's points.

    An interrupted run goes on when the command is repeated; finished regressors are kept.
    """
    from tcdcn_init.eval.measuring.settings import Settings
    from tcdcn_init.eval.occlusion.report import occlusion_tables
    from tcdcn_init.eval.occlusion.run import run_occlusion

    settings = Settings(model=model, limit=limit, seed=seed, jobs=jobs, command=given_command(context))
    typer.echo(occlusion_tables(run_occlusion(dataset, root, out, settings)))


@commands.command()
def retrain(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for FAMILY@START.safetensors.")],
    regressor: Annotated[
        str | None, typer.Option(help="ert,sdm,rcpr: any; default: all.", autocompletion=one_of(_families))
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(
            help="random,mean,tcdcn-aligned,tcdcn-nearest,oracle: any; default: all.",
            autocompletion=one_of(_trained_starts),
        ),
    ] = None,
    model: ModelOption = PAPER_MODEL,
    seed: SeedOption = 0,
) -> None:
    """Retrain regressors for each start, on starts that err as that start errs, and measure both on held-out faces.

    An interrupted run goes on when the command is repeated: finished files of the same settings are kept.
    """
    from tcdcn_init._shared.names import unknown_name
    from tcdcn_init.eval.retraining.methods import methods
    from tcdcn_init.eval.retraining.run import retrain, retrained_table
    from tcdcn_init.eval.retraining.starts import TRAINED_STARTS

    known = methods()
    names = split_names(regressor) or tuple(known)
    for name in names:
        if name not in known:
            raise ValueError(unknown_name("family of regressors", name, known))
    families = {name: known[name] for name in names}
    pieces = retrain(data, out, starts=split_names(starts) or TRAINED_STARTS, families=families, model=model, seed=seed)
    typer.echo(retrained_table(pieces))
