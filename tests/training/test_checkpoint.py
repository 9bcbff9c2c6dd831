"""Checkpoints that are damaged, cut short or somebody else's."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from tcdcn_init.training.runs.checkpoint import read_checkpoint, write_checkpoint

STATE: dict[str, Any] = {
    "config": {"epochs": 3}, "epoch": 1, "seconds": 2.5, "history": [{"epoch": 1}], "stopped": {"smile": 1},
    "network": {"weight": torch.ones(3)}, "objective": {}, "averaged": {"weight": torch.ones(3)},
    "best": {"weight": torch.ones(3)}, "optimizer": {}, "scheduler": {"last_epoch": 5},
}  # fmt: skip


def saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoint.pt"
    write_checkpoint(path, STATE)
    found = read_checkpoint(path)
    weights = ("network", "averaged", "best")
    assert all(torch.equal(found.pop(name)["weight"], torch.ones(3)) for name in weights)
    assert found == {name: value for name, value in STATE.items() if name not in weights}
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        bytes(1000),
        b"<!DOCTYPE html>",
        saved(STATE)[:300],
        saved(STATE)[:-100],
        saved({}),
        saved([1]),
        saved({**STATE, "config": "{}", "history": "[]", "format": "another program's"}),
        saved({**STATE, "config": "{}", "history": "[" * 100_000}),
        saved({**STATE, "config": "5", "history": "[]"}),
        saved({**STATE, "config": "{}", "history": "[]", "epoch": "1"}),
        saved({**STATE, "config": "{}", "history": "[]", "network": None}),
        saved({**STATE, "code": Code()}),
        pickle.dumps(Code()),
    ],
)
def test_what_is_no_checkpoint_is_one_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged.*delete it and start without --resume") as error:
        read_checkpoint(path)
    assert "weights_only" not in str(error.value)


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing to resume: .*checkpoint\.pt"):
        read_checkpoint(tmp_path / "checkpoint.pt")
