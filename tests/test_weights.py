"""Model files: found, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcdcn_init.weights import bundled_file, find_model, metadata_for, parse_config


def test_a_model_is_found_by_name_path_or_text(small_model):
    assert find_model("tcdcn-mtfl", ".onnx").name == "tcdcn-mtfl.onnx"
    assert find_model(small_model, ".safetensors") == small_model
    assert find_model(str(small_model), ".safetensors") == small_model
    assert find_model(small_model.with_suffix(".onnx"), ".safetensors") == small_model


def test_an_unknown_name_suggests_near_ones():
    with pytest.raises(ValueError, match=r"unknown model 'tcdcn-mtlf'; did you mean tcdcn-mtfl"):
        find_model("tcdcn-mtlf", ".safetensors")
    with pytest.raises(ValueError, match=r"unknown model 'zzz'; expected .*tcdcn-mtfl.*path of its \.safetensors"):
        find_model("zzz", ".safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_a_path_without_a_file_is_named(tmp_path, suffix):
    for model in (tmp_path / "mine.safetensors", str(tmp_path / "mine.onnx")):
        with pytest.raises(FileNotFoundError, match=r"does not exist.*tcdcn-init train"):
            find_model(model, suffix)


@pytest.mark.parametrize("name", ["mine.pt", "portrait.jpg", "folder"])
def test_a_path_of_another_kind_is_no_model(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{name} is neither \.safetensors nor \.onnx; expected one that"):
        find_model(tmp_path / name, ".onnx")


def test_a_regressors_name_is_told_from_a_models():
    for name in ("ert68-300w", "sdm-mtfl"):
        with pytest.raises(ValueError, match=rf"{name} is a regressor; expected a model .*load_regressor\('{name}'\)"):
            find_model(name, ".onnx")


def test_bundled_files_are_found_and_near_ones_suggested():
    assert bundled_file("tcdcn-mtfl.onnx").is_file()
    with pytest.raises(FileNotFoundError, match=r"'tcdcn-mtfl\.onx' is not bundled: .*tcdcn-mtfl\.onnx"):
        bundled_file("tcdcn-mtfl.onx")


def test_a_file_repeats_architecture_and_crop_contract(small_network):
    metadata = metadata_for(small_network, {"data": "drawn"})
    assert parse_config(metadata, Path("x")) == small_network
    assert "40x40" in metadata["crop"]
    assert "1.4 x sqrt(width x height)" in metadata["crop"]
    assert metadata["data"] == "drawn"
