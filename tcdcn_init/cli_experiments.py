"""Commands of `tcdcn-init` that repeat the paper's experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init.cli_common import plain_errors

commands = typer.Typer()


@commands.command()
def experiments(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="tasks, where, stopping, sharing, precision, ablation.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for runs, results and the report.")],
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW, to measure on too.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each variant, from seed 0 on.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of each training; default: 20.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
) -> None:
    """Train and measure what the paper compares; write experiments.md with its tables and plots.

    An interrupted run goes on when the command is repeated; finished trainings are kept.
    """
    with plain_errors():
        import torch

        from tcdcn_init.eval.experiment_report import write_experiments
        from tcdcn_init.eval.experiment_runs import ExperimentData, run_variants
        from tcdcn_init.eval.experiments import EPOCHS, plan

        torch.set_num_threads(threads)
        plans = {name: plan(name, epochs or EPOCHS) for name in names}
        faces = ExperimentData(data, afw)
        for name, variants in plans.items():
            run_variants(variants, faces, out, range(seeds), hard=name == "ablation")
        typer.echo(f"wrote {write_experiments(out / 'results', out)}")


@commands.command("experiments-report")
def experiments_report(
    results: Annotated[Path, typer.Argument(help="Folder of results that `experiments` left.")],
    out: Annotated[Path, typer.Option(help="Folder for experiments.md and its plots.")],
) -> None:
    """Write the report of the paper's experiments from kept results, training nothing."""
    with plain_errors():
        from tcdcn_init.eval.experiment_report import write_experiments

        typer.echo(f"wrote {write_experiments(results, out)}")


@commands.command("cascaded-cnn")
def cascaded_cnn(
    data: Annotated[Path, typer.Option(help="Folder of MTFL.")],
    out: Annotated[Path, typer.Option(help="Folder for networks, weights, figures, tables and plots.")],
    afw: Annotated[Path | None, typer.Option(help="Folder of AFW, to measure on as well.")] = None,
    epochs: Annotated[int, typer.Option(help="Of level 1.")] = 25,
    small_epochs: Annotated[int, typer.Option(help="Of the small networks of levels 2 and 3.")] = 12,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads of the training.")] = 1,
    limit: Annotated[int | None, typer.Option(help="This many faces of each data set, spread evenly.")] = None,
) -> None:
    """Train the paper's rival, the cascaded CNN, on MTFL and measure it beside TCDCN: accuracy and time per face.

    An interrupted run goes on when the command is repeated: finished networks are kept.
    """
    with plain_errors():
        import torch

        from tcdcn_init.eval.cascaded_cnn_report import cascaded_cnn_tables, run_cascaded_cnn
        from tcdcn_init.eval.cascaded_cnn_training import CascadeTraining

        torch.set_num_threads(threads)
        roots = {"mtfl-train": data, "mtfl-val": data, "aflw": data} | ({"afw": afw} if afw else {})
        typed = ["tcdcn-init cascaded-cnn --data MTFL", *(["--afw AFW"] if afw else []), f"--out {out.name}"]
        typed += [f"--epochs {epochs} --small-epochs {small_epochs} --seed {seed} --threads {threads}"]
        typed += [f"--limit {limit}"] if limit else []
        config = CascadeTraining(epochs=epochs, small_epochs=small_epochs, seed=seed)
        document = run_cascaded_cnn(roots, out, config, limit=limit, command=" ".join(typed))
        typer.echo(cascaded_cnn_tables(document))
