"""The file that a training run goes on from, read as a file that may be damaged, or not ours at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.kinds import wrong_kind

__all__ = ["CHECKPOINT", "check_begun", "read_checkpoint", "write_checkpoint"]

CHECKPOINT = "checkpoint.pt"
"""Its name in a run's folder."""

_FORMAT = "tcdcn-init checkpoint 1"

_FIELDS: dict[str, type] = {
    "config": dict, "epoch": int, "seconds": float, "history": list, "stopped": dict, "network": dict,
    "objective": dict, "averaged": dict, "best": dict, "optimizer": dict, "scheduler": dict,
}  # fmt: skip

# Held as JSON, since what torch reads without running anything has few types.
_TEXTS = ("config", "history")


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, which appears whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
    state : mapping
        config (dict) and history (list) of what JSON can hold, epoch, seconds, stopped, and the state dicts network,
        objective, averaged, optimizer and scheduler.
    """
    texts = {name: json.dumps(state[name]) for name in _TEXTS}
    with replacing(path) as part:
        torch.save({"format": _FORMAT, **state, **texts}, part)


def check_begun(path: Path, resume: bool) -> None:
    """Before any work: raise where a run is to go on that has not begun, or to begin where another has.

    Parameters
    ----------
    path : pathlib.Path
        Of the checkpoint.
    resume : bool

    Raises
    ------
    FileNotFoundError, FileExistsError
    """
    if resume and not path.is_file():
        raise FileNotFoundError(f"nothing to resume: {path} does not exist; start without --resume")
    if not resume and path.exists():
        raise FileExistsError(f"{path.parent} holds a run already; go on with it (--resume) or choose another folder")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Nothing in it is run.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict
        As `write_checkpoint` takes it.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged or of another program; with its name.
    """
    check_begun(path, True)
    try:
        state = torch.load(path, weights_only=True)
        if not isinstance(state, dict) or state.pop("format", _FORMAT) != _FORMAT:
            raise ValueError(f"it is not marked {_FORMAT!r}")
        state.update({name: json.loads(state[name]) for name in _TEXTS})
        for name, kind in _FIELDS.items():
            if not isinstance(state.get(name), kind):
                raise ValueError(f"its {name} is no {kind.__name__}")
    except Exception as error:  # pickles and archives of strangers raise what they like; torch's advice is to run them
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        mistake = wrong_kind(path, b"PK", b"\x80")
        raise ValueError(
            f"{path} is damaged, or no checkpoint of this version ({mistake or reason}); "
            "delete it and start without --resume"
        ) from None
    return dict(state)
