"""Model files: bundled or the user's own, and what their metadata promises.

A model is NAME.safetensors, and NAME.onnx beside it for the onnxruntime backend. Both carry the same metadata, all
of it text: "architecture" (JSON of `network.config.NetworkConfig`: layers, tasks and the crop contract), "crop" (the
contract in words), "data", "recipe", "licence" and "figures" (JSON).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from tcdcn_init._shared.files.tensor_file import json_object
from tcdcn_init._shared.names import unknown_name
from tcdcn_init.network.config import ModelConfig, config_from_dict, config_to_dict
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.stages import TwoStageConfig

__all__ = [
    "DEFAULT_MODEL",
    "DENSE_MODEL",
    "LICENCE",
    "OWN_LICENCE",
    "PAPER_MODEL",
    "bundled_file",
    "bundled_models",
    "find_model",
    "is_path",
    "metadata_for",
    "parse_config",
]

DEFAULT_MODEL = "tcdcn-two-stage"

DENSE_MODEL = "tcdcn-68"
"""The network that goes on from five points to iBUG's 68."""

PAPER_MODEL = "tcdcn-mtfl"
"""The paper's own network: what the bundled regressors' training starts err like, and the baseline of comparisons."""

LICENCE = "weights trained on research data (MTFL): research use; code BSD-3-Clause; data not included"

OWN_LICENCE = "weights trained on a data set of the user's own, whose terms apply to them; code BSD-3-Clause"


def bundled_file(name: str) -> Path:
    """Path of a file that ships in tcdcn_init/models/.

    Raises
    ------
    FileNotFoundError
        If there is none of that name; the message suggests near ones.

    Examples
    --------
    >>> bundled_file("tcdcn-mtfl.safetensors").name
    'tcdcn-mtfl.safetensors'
    """
    folder = Path(str(resources.files("tcdcn_init") / "models"))
    path = folder / name
    if not path.is_file():
        there = sorted(p.name for p in folder.iterdir() if p.suffix in (".safetensors", ".onnx", ".npz"))
        raise FileNotFoundError(f"{name!r} is not bundled: {unknown_name('file', name, there)}")
    return path


def bundled_models() -> list[str]:
    """Names of the models that ship with the package and find five points in a box.

    Examples
    --------
    >>> "tcdcn-mtfl" in bundled_models()
    True
    """
    folder = Path(str(resources.files("tcdcn_init") / "models"))
    return sorted(path.stem for path in folder.glob("tcdcn-*.safetensors") if path.stem != DENSE_MODEL)


def is_path(model: str | Path) -> bool:
    """Whether a model is named by the path of a file, and not by a bundled name."""
    return isinstance(model, Path) or str(model).endswith((".safetensors", ".onnx"))


def find_model(model: str | Path, suffix: str) -> Path:
    """File of a model: a bundled name, or a path to the user's own file.

    Parameters
    ----------
    model : str or path
        A name of `bundled_models`, or a path to a .safetensors or .onnx file.
    suffix : {".safetensors", ".onnx"}
        Kind of file wanted; a path's own suffix is exchanged for it.

    Raises
    ------
    ValueError
        If the name is unknown (the message suggests near ones) or a regressor's, or a path has another suffix.
    FileNotFoundError
        If a path was given and the file is not there.
    """
    text = str(model)
    if is_path(model):
        if Path(model).suffix not in (".safetensors", ".onnx"):
            raise ValueError(
                f"model file {model} is neither .safetensors nor .onnx; expected one that `tcdcn-init train` or "
                "`export` wrote (a bundled model is named by text, not by a path)"
            )
        path = Path(model).with_suffix(suffix)
        if not path.is_file():
            raise FileNotFoundError(
                f"model file {path} does not exist; expected a file that `tcdcn-init train` or `export` wrote"
            )
        return path
    names = bundled_models()
    if text not in (*names, DENSE_MODEL):
        if (Path(str(resources.files("tcdcn_init") / "models")) / f"{text}.safetensors").is_file():
            raise ValueError(
                f"{text} is a regressor; expected a model that finds points in a box, one of {', '.join(names)} "
                f"(tcdcn_init.adapters.base.load_regressor({text!r}) starts from these)"
            )
        message = unknown_name("model", text, names)
        raise ValueError(f"{message} (a model of your own is given by the path of its .safetensors file)")
    return bundled_file(text + suffix)


def metadata_for(config: ModelConfig, extra: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a model file."""
    first = config.coarse if isinstance(config, TwoStageConfig) else config
    crop = f"grey {first.side}x{first.side} in [0, 1], antialiased, border pixels go on outside the image; "
    if isinstance(config, DenseConfig):
        crop += (
            f"upright by five points, around the box that a detector would put around them, side {first.view} x that"
        )
    else:
        crop += f"square around the box's centre, side {first.view} x sqrt(width x height) of the box"
    if isinstance(config, TwoStageConfig):
        crop += (
            f"; then {config.fine.side}x{config.fine.side}, upright by the first points, around the box that a "
            f"detector would put around them, side {config.fine.view} x that"
        )
    return {**extra, "architecture": json.dumps(config_to_dict(config)), "crop": crop}


def parse_config(metadata: Mapping[str, str] | None, path: Path) -> ModelConfig:
    """The architecture that a model file's metadata declares.

    Raises
    ------
    ValueError
        If the metadata is missing or malformed.
    """
    try:
        return config_from_dict(json_object((metadata or {})["architecture"]))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not say what it is: its 'architecture' metadata is missing or malformed ({error}); "
            "expected a file written by `tcdcn-init train` or `tcdcn-init export`"
        ) from error
