"""What a training run leaves to read: log.json, log.csv and curves.png."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init._shared.plotting import drawn

__all__ = ["plot_curves", "write_log"]


def write_log(
    out: Path, config: Mapping[str, Any], history: Sequence[Mapping[str, Any]], stopped: Mapping[str, int]
) -> None:
    """Write log.json (everything) and log.csv (a row an epoch).

    Parameters
    ----------
    out : pathlib.Path
        Folder of the run.
    config : mapping
        The recipe.
    history : sequence of mapping
        One entry per epoch, as `trainer.Trainer` makes them.
    stopped : mapping of str to int
        Epoch after which each stopped task left the loss.
    """
    text = json.dumps({"config": config, "stopped": stopped, "history": history}, indent=1)
    (out / "log.json").write_text(text + "\n", encoding="utf-8")
    rows = [_flat(entry) for entry in history]
    with (out / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "stopped":
            row[key] = " ".join(value)
        elif isinstance(value, Mapping):
            row.update({f"{key} {name}": number for name, number in value.items()})
        else:
            row[key] = value
    return row


def plot_curves(
    out: Path,
    history: Sequence[Mapping[str, Any]],
    stopped: Mapping[str, int],
    unit: str = "inter-ocular distance",
) -> Path:
    """Draw the run: the points' error, and every task's two error histories with the epoch where it stopped.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the run.
    history, stopped
        As for `write_log`.
    unit : str
        What errors are shown in percent of.

    Returns
    -------
    pathlib.Path
        curves.png

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    epochs = [entry["epoch"] for entry in history]
    tasks = list(history[0]["lambdas"])
    path = out / "curves.png"
    with drawn(path, size=(3.4 * (1 + len(tasks)), 3.2)) as figure:
        axes = figure.subplots(1, 1 + len(tasks), squeeze=False)[0]
        for side, colour in (("train", "tab:blue"), ("validation", "tab:orange")):
            axes[0].plot(epochs, [entry[side]["nme"] for entry in history], color=colour, label=side)
        axes[0].set_title("points")
        axes[0].set_ylabel(f"mean error, % of {unit}")
        best = min(entry["validation"]["nme"] for entry in history)
        axes[0].set_ylim(0.0, 3.0 * best)
        axes[0].legend(frameon=False)
        for axis, task in zip(axes[1:], tasks, strict=True):
            for side, colour in (("train", "tab:blue"), ("validation", "tab:orange")):
                axis.plot(epochs, [entry[side][task] for entry in history], color=colour)
            axis.set_title(task)
            axis.set_ylabel("cross-entropy")
            if task in stopped:
                axis.axvline(stopped[task], color="black", linestyle=":", linewidth=1)
                axis.annotate("stopped", (stopped[task], 1.0), xycoords=("data", "axes fraction"), rotation=90,
                              ha="right", va="top", fontsize=8)  # fmt: skip
        for axis in axes:
            axis.set_xlabel("epoch")
    return path
