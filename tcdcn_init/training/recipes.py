"""Training recipes by name: what `tcdcn-init train --model NAME` runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.names import unknown_name
from tcdcn_init.network.config import ResidualConfig, TCDCNConfig
from tcdcn_init.network.model_file import load_network, save_network
from tcdcn_init.network.residual import ResidualTCDCN
from tcdcn_init.training.afterwards.refinement import fit_refinement
from tcdcn_init.training.afterwards.refit import refit_heads
from tcdcn_init.training.augmentation import AugmentationConfig
from tcdcn_init.training.data import load_crops, load_patches
from tcdcn_init.training.distillation import with_teacher
from tcdcn_init.training.faces import TrainingFaces
from tcdcn_init.training.measuring import measure
from tcdcn_init.training.runs.checkpoint import CHECKPOINT, check_begun
from tcdcn_init.training.runs.log import plot_curves
from tcdcn_init.training.runs.workers import Workers
from tcdcn_init.training.trainer import Trainer, TrainingConfig
from tcdcn_init.weights import find_model

__all__ = ["RECIPES", "recipe", "train_network", "with_options"]


def _robust_first() -> TrainingConfig:
    return TrainingConfig(
        network=ResidualConfig(),
        augmentation=AugmentationConfig(
            roll=10.0,
            wide_probability=0.2,
            wide_factor=5.0,
            any_roll_probability=0.2,
            later_pass_probability=0.25,
            occlusion=0.25,
            styles=0.4,
        ),
        epochs=230,
        batch=128,
        learning_rate=2e-3,
        weight_decay=2e-2,
        average=0.9995,
        precision="bfloat16",
    )


RECIPES: dict[str, Callable[[], TrainingConfig]] = {
    # The bundled model.
    "tcdcn-mtfl": lambda: TrainingConfig(epochs=300),
    # The residual one: any roll, bad boxes, expected errors.
    "tcdcn-robust-first": _robust_first,
    # The bundled form of it, in a second cycle that begins at the first one's weights and learns from its points: more
    # views of the rare poses, of turned heads, and framed as later passes crop; then the correction around each point.
    "tcdcn-robust": lambda: replace(
        _robust_first(),
        augmentation=replace(_robust_first().augmentation, any_roll_probability=0.25, later_pass_probability=0.35),
        epochs=310,
        learning_rate=1.5e-3,
        pose_balance=0.5,
        teacher=0.5,
        refine=20,
    ),
    # The same network within a few minutes.
    "tcdcn-quick": TrainingConfig,
    # The locally connected form of the paper's text: 3.4 M parameters.
    "tcdcn-unshared": lambda: TrainingConfig(network=TCDCNConfig(shared_filters=False)),
}


def recipe(name: str) -> TrainingConfig:
    """The recipe of a name.

    Raises
    ------
    ValueError
        If it is unknown; the message suggests near ones.

    Examples
    --------
    >>> recipe("tcdcn-quick").epochs
    80
    """
    if name not in RECIPES:
        raise ValueError(unknown_name("recipe", name, RECIPES))
    return RECIPES[name]()


def train_network(
    data: TrainingFaces,
    out: Path,
    config: TrainingConfig,
    name: str,
    *,
    resume: bool = False,
    skip_bad: bool = False,
    weights: str | Path | None = None,
    teacher: str | Path | None = None,
) -> Path:
    """Train on faces, validating on those held out, and write model.safetensors.

    Parameters
    ----------
    data : TrainingFaces
        Of MTFL or of one's own; ``config`` is fitted to them (`faces.fitted`).
    out : pathlib.Path
        Folder for the model, checkpoint, logs and curves.png.
    config : TrainingConfig
    name : str
        Recipe's name, for the model's metadata.
    resume : bool
        Go on from the checkpoint in `out`.
    skip_bad : bool
        Leave out images that are broken.
    weights : str or path, optional
        Bundled model, or model file, at whose weights training begins, instead of random ones.
    teacher : str or path, optional
        Bundled model, or model file, of the teacher, where ``config.teacher`` is not 0.

    Returns
    -------
    pathlib.Path
        out/model.safetensors; of several processes, the first writes it.

    Raises
    ------
    BadRows, FileNotFoundError, FileExistsError, ValueError
        Before training, when images, model files or the folder do not fit.
    BlockingIOError
        If another process is training in `out`.
    """
    if bool(config.teacher) != (teacher is not None):
        raise ValueError(
            f"the recipe gives a teacher's points a weight of {config.teacher}, and "
            + ("no teacher is given; name one: --teacher MODEL" if teacher is None else f"{teacher} would be ignored")
        )
    check_begun(out / CHECKPOINT, resume)
    this = f"{name}, seed {config.seed}, {config.epochs} epochs"
    begin_at, metadata = (None, {}) if weights is None else load_network(find_model(weights, ".safetensors"))
    faces, held_out, network = data.kept, data.held_out, config.network
    patches = load_patches(faces, network, config.augmentation, skip_bad=skip_bad)
    if teacher is not None:
        teaching, about = load_network(find_model(teacher, ".safetensors"))
        patches = with_teacher(patches, teaching, config.teacher)
        this += f", taught by ({about.get('recipe', Path(teacher).name)})"
    # A ninth of the training faces, as many as are held out: the training side of early stopping.
    probe = load_crops(faces[::9], network, "Decoding probe faces", skip_bad=skip_bad)
    validation = load_crops(held_out, network, "Decoding held-out faces", skip_bad=skip_bad)
    workers = Workers.join()
    with alone_in(out) if workers.rank == 0 else contextlib.nullcontext():
        trainer = Trainer(config, patches, probe, validation, out, resume=resume, begin_at=begin_at)
        trained = trainer.run()
        target = out / "model.safetensors"
        if trainer.workers.rank == 0:
            refit_heads(trained, trainer.stopped, patches, config.augmentation, config.seed)
            if isinstance(trained, ResidualTCDCN) and config.refine:
                trained = fit_refinement(
                    trained, patches, config.augmentation, validation, epochs=config.refine, seed=config.seed
                )
            measured = measure(trained, validation, trainer.objective)
            begun = metadata.get("licence", data.licence)
            licence = data.licence if begun == data.licence else f"{data.licence}; begun at {begun}"
            figures = {"mtfl-val" if data.kind == "MTFL" else "held out": measured, "stopped": trainer.stopped}
            save_network(
                target,
                trained,
                {
                    "data": data.about,
                    "recipe": "; then ".join([*filter(None, [metadata.get("recipe")]), this]),
                    "licence": licence,
                    "figures": json.dumps(figures),
                },
            )
            try:
                plot_curves(out, trainer.history, trainer.stopped, data.unit)
            except ImportError as error:
                (out / "curves.txt").write_text(f"{error}\n")
        return target


def with_options(config: TrainingConfig, **changes: object) -> TrainingConfig:
    """A recipe with some settings changed; None leaves a setting as it is.

    Parameters
    ----------
    config : TrainingConfig
    **changes
        Fields of `TrainingConfig`, and ``tasks`` of its network.

    Examples
    --------
    >>> with_options(recipe("tcdcn-quick"), epochs=5, seed=None).epochs
    5
    """
    given = {key: value for key, value in changes.items() if value is not None}
    if "tasks" in given:
        given["network"] = replace(config.network, tasks=given.pop("tasks"))  # type: ignore[arg-type]
    return replace(config, **given)  # type: ignore[arg-type]
