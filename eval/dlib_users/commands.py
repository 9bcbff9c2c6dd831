"""Commands that measure what seeding is worth to dlib's users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcdcn_init._shared.commands import JobsOption, LimitOption, ModelOption, SeedOption, given_command
from tcdcn_init.weights import DEFAULT_MODEL

__all__ = ["commands"]

commands = typer.Typer(
    help="Measure what seeds are worth to dlib's published files, which you bring.", no_args_is_help=True
)

PredictorOption = Annotated[Path, typer.Option(help="dlib's shape_predictor_68_face_landmarks.dat.")]
OutOption = Annotated[Path, typer.Option(help="JSON file.")]


@commands.command()
def seeds(
    context: typer.Context,
    predictor: PredictorOption,
    root: Annotated[Path, typer.Option(help="Folder of 300-W: the one with lfpw/ and helen/.")],
    out: OutOption,
    model: ModelOption = DEFAULT_MODEL,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Compare whose five points seed dlib's 68: none, a detector's (CenterFace), TCDCN's, the annotated ones.

    On 300-W's common test faces in the boxes of dlib's detector, with box noise, and turned by 45 degrees.
    """
    from tcdcn_init.eval.dlib_users.seeds import compare_seeds, seeds_table
    from tcdcn_init.eval.measuring.cases import read_case
    from tcdcn_init.eval.measuring.settings import Settings

    case = read_case("300w-common", root, limit=limit)
    settings = Settings(model, limit=limit, seed=seed, jobs=jobs, command=given_command(context))
    report = compare_seeds(case.faces, case.title, predictor, settings, journal=_journal(out))
    report.write(out)
    _journal(out).unlink()
    typer.echo(f"{seeds_table(report)}\nwrote {out}")


@commands.command()
def recognition(
    context: typer.Context,
    predictor: PredictorOption,
    encoder: Annotated[Path, typer.Option(help="dlib's dlib_face_recognition_resnet_model_v1.dat.")],
    root: Annotated[Path, typer.Option(help="Folder of ytf68: frames of several videos a person.")],
    out: OutOption,
    model: ModelOption = DEFAULT_MODEL,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
) -> None:
    """Count the same-person pairs that dlib's face recognition misses, with its 68 points and with seeded ones.

    A pair is a frame each of two videos of a person. --limit counts persons.
    """
    from tcdcn_init.datasets.published.ytf68 import read_ytf68
    from tcdcn_init.eval.dlib_users.recognition import compare_recognition, recognition_table, two_videos
    from tcdcn_init.eval.measuring.settings import Settings

    pairs = two_videos(read_ytf68(root), limit)
    settings = Settings(model, limit=limit, seed=seed, jobs=jobs, command=given_command(context))
    report = compare_recognition(pairs, predictor, encoder, settings, journal=_journal(out))
    report.write(out)
    _journal(out).unlink()
    typer.echo(f"{recognition_table(report)}\nwrote {out}")


def _journal(out: Path) -> Path:
    return out.with_name(f"{out.name}.journal")
