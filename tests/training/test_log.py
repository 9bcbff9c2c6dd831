"""What a run leaves to read."""

from __future__ import annotations

import csv
import json

import numpy as np
from skimage.io import imread

from tcdcn_init.training.runs.log import plot_curves, write_log


def history(tasks: tuple[str, ...]) -> list[dict]:
    rows = []
    for epoch in range(1, 5):
        errors = {"points": 0.2 / epoch, "nme": 20.0 / epoch, "failure": 50.0, **dict.fromkeys(tasks, 0.5)}
        rows.append(
            {
                "epoch": epoch,
                "augmented": {"loss": 1.0 / epoch},
                "train": errors,
                "validation": errors,
                "lambdas": dict.fromkeys(tasks, 0.02),
                "stopped": {"smile": {"stop": True, "trend": 1.0, "generalisation": 30.0}} if epoch == 3 else {},
                "seconds": 1.5,
            }
        )
    return rows


def test_the_log_is_written_whole_and_as_a_table(tmp_path):
    rows = history(("smile", "pose"))
    write_log(tmp_path, {"epochs": 4}, rows, {"smile": 3})
    assert json.loads((tmp_path / "log.json").read_text()) == {
        "config": {"epochs": 4},
        "stopped": {"smile": 3},
        "history": rows,
    }
    table = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4"]
    assert [row["stopped"] for row in table] == ["", "", "smile", ""]
    assert float(table[3]["validation nme"]) == 5.0
    assert float(table[3]["augmented loss"]) == 0.25
    assert float(table[0]["lambdas pose"]) == 0.02


def test_curves_are_drawn_with_and_without_tasks(tmp_path):
    for tasks, stopped in ((("smile", "pose"), {"smile": 3}), ((), {})):
        image = imread(plot_curves(tmp_path, history(tasks), stopped))
        assert image.shape[1] > 300 * (1 + len(tasks))
        assert np.std(image[..., :3]) > 5
