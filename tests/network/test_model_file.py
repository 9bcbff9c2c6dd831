"""Networks in their files: there and back, and files that are refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.model_file import load_model, load_network, save_network
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.weights import DEFAULT_MODEL, PAPER_MODEL, bundled_models, find_model, metadata_for


def rewritten(
    model: Path, folder: Path, metadata: dict[str, str] | None = None, **tensors: torch.Tensor | None
) -> Path:
    """A copy of a model file with other metadata or tensors; None takes a tensor out."""
    if metadata is None:
        metadata = load_network(model)[1]
    held = {**load_file(model), **tensors}
    path = folder / "changed.safetensors"
    save_file({name: value for name, value in held.items() if value is not None}, path, metadata)
    return path


def test_a_network_survives_its_file(small_network, tmp_path):
    torch.manual_seed(1)
    network = TCDCN(small_network)
    path = tmp_path / "new folder" / "model.safetensors"
    save_network(path, network, {"licence": "mine"})
    loaded, metadata = load_network(path)
    assert loaded.config == small_network
    assert metadata["licence"] == "mine"
    assert not loaded.training
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize("name", bundled_models())
def test_bundled_models_say_what_they_are(name):
    network, metadata = load_model(find_model(name, ".safetensors"))
    assert set(metadata) >= {"architecture", "crop", "data", "recipe", "licence", "figures"}
    assert "research use" in metadata["licence"]
    assert json.loads(metadata["figures"])
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_the_papers_network_and_the_default_are_bundled():
    assert DEFAULT_MODEL == "tcdcn-two-stage"
    assert {DEFAULT_MODEL, PAPER_MODEL} <= set(bundled_models())
    network, _ = load_network(find_model(PAPER_MODEL, ".safetensors"))
    assert network.config == TCDCNConfig(view=network.config.view)


# --- files that are refused


def test_a_truncated_file_is_refused(small_model, tmp_path):
    whole = small_model.read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.safetensors is not a safetensors file, or is cut short"):
            load_network(path)


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "pickle.safetensors"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="is not a safetensors file"):
        load_network(path)


def test_metadata_and_shapes_that_disagree_are_refused(small_model, small_network, tmp_path):
    other = TCDCNConfig(widths=(6, 8, 8, 16), feature=small_network.feature)
    path = rewritten(small_model, tmp_path, metadata_for(other, {}))
    with pytest.raises(ValueError, match=r"convolutions\.3\.weight of shape \(16, 8, 2, 2\).*shape \(8, 8, 2, 2\)"):
        load_network(path)


def test_a_task_that_is_declared_and_not_there_is_refused(small_model, tmp_path):
    path = rewritten(small_model, tmp_path, **{"heads.smile.bias": None})
    with pytest.raises(ValueError, match=r"declares heads\.smile\.bias .*no such tensor"):
        load_network(path)


def test_a_tensor_that_is_not_declared_is_refused(small_model, tmp_path):
    path = rewritten(small_model, tmp_path, **{"heads.age.weight": torch.zeros(2, 24)})
    with pytest.raises(ValueError, match=r"does not declare: heads\.age\.weight"):
        load_network(path)


@pytest.mark.parametrize(
    "architecture",
    [
        None,
        "not json",
        "{}{}",
        "5",
        "[]",
        '{"depth": 5}',
        '{"side": "forty"}',
        '{"side": 8}',
        '{"widths": [16]}',
        '{"tasks": ["age"]}',
        "[" * 100_000,
        '{"side": 40.5}',
        '{"side": true}',
        '{"side": 1000000000}',
        '{"side": 1000, "widths": [64, 48, 64, 64]}',
        '{"feature": -1}',
        '{"feature": 3000000}',
        '{"view": NaN}',
        '{"view": 1e9}',
        '{"view": null}',
        '{"view": "1"}',
        '{"shared_filters": 1}',
        '{"widths": [0, 8, 8, 8]}',
        '{"widths": {"a": 1}}',
        '{"tasks": [1]}',
        '{"network": "residual", "blocks": [1000000, 2, 2, 2]}',
        '{"network": "residual", "side": 128, "widths": [16384, 32, 64, 128]}',
        '{"network": []}',
    ],
)
def test_metadata_that_is_missing_or_malformed_is_refused(small_model, tmp_path, architecture):
    path = rewritten(
        small_model, tmp_path, {"licence": "none"} if architecture is None else {"architecture": architecture}
    )
    with pytest.raises(ValueError, match=r"changed\.safetensors does not say what it is.*tcdcn-init train"):
        load_network(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(small_model, tmp_path, value):
    path = rewritten(small_model, tmp_path, **{"heads.smile.bias": torch.tensor([0.0, value])})
    with pytest.raises(ValueError, match=r"changed\.safetensors is not valid: heads\.smile\.bias holds NaN"):
        load_network(path)


def test_weights_of_other_types_are_refused_or_taken_as_floats(small_model, tmp_path):
    path = rewritten(small_model, tmp_path, **{"heads.smile.bias": torch.tensor([1, 2])})
    with pytest.raises(ValueError, match=r"heads\.smile\.bias .*int64"):
        load_network(path)
    path = rewritten(small_model, tmp_path, **{"heads.smile.bias": torch.tensor([1.0, 2.0], dtype=torch.float16)})
    assert load_network(path)[0].heads["smile"].bias.dtype == torch.float32


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"model", mtime=0), "gzip; unpack it first"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"", "empty"),
    ],
)
def test_the_usual_mistakes_are_named(tmp_path, content, kind):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=rf"model\.safetensors is not a safetensors file.*{kind}"):
        load_network(tmp_path / "model.safetensors")


def test_loading_draws_no_random_number(small_model):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_network(small_model)
    assert torch.equal(torch.rand(3), expected)


def test_a_file_appears_whole_or_not_at_all(small_network, small_model, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(small_model.read_bytes())
    with pytest.raises(TypeError):
        save_network(path, TCDCN(small_network), {"licence": 5})
    assert path.read_bytes() == small_model.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors does not exist; expected the path of a"):
        load_model(tmp_path / "nowhere.safetensors")
