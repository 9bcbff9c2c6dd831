"""From .safetensors to .onnx."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.network import exporting
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.exporting import export_onnx, largest_difference
from tcdcn_init.network.model_file import load_network


@pytest.fixture(scope="module")
def exported(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model beside its .onnx file, by the command."""
    source = tmp_path_factory.mktemp("export") / "mine.safetensors"
    shutil.copy(small_model, source)
    result = CliRunner().invoke(app, ["export", str(source)])
    assert result.exit_code == 0, result.output
    assert str(source.with_suffix(".onnx")) in result.output
    return source


def test_both_files_say_the_same_at_batch_1_and_64(exported):
    assert largest_difference(exported, batches=(1, 64)) <= 1e-4
    crops = np.random.default_rng(1).random((3, 40, 40), dtype=np.float32)
    ours, theirs = TorchBackend(exported)(crops), OnnxBackend(exported)(crops)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(theirs[name], ours[name], atol=1e-4)


def test_the_metadata_goes_along_and_nothing_of_this_machine(exported):
    model = onnx.load(exported.with_suffix(".onnx"))
    onnx.checker.check_model(model)
    held = {entry.key: entry.value for entry in model.metadata_props}
    assert held == load_network(exported)[1]
    raw = exported.with_suffix(".onnx").read_bytes()
    for trace in (str(Path(exporting.__file__).parent), str(Path.home()), "site-packages"):
        assert trace.encode() not in raw
    assert sorted(path.name for path in exported.parent.iterdir()) == ["mine.onnx", "mine.safetensors"]


def test_a_difference_between_the_two_is_seen(exported, small_network, tmp_path):
    import torch

    from tcdcn_init.network.model_file import save_network
    from tcdcn_init.network.tcdcn import TCDCN

    torch.manual_seed(7)
    save_network(tmp_path / "mine.safetensors", TCDCN(small_network), {})
    shutil.copy(exported.with_suffix(".onnx"), tmp_path / "mine.onnx")
    assert largest_difference(tmp_path / "mine.safetensors") > 0.01


def test_what_export_needs_is_named(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'pip install "tcdcn-init\['):
        export_onnx(exported)
