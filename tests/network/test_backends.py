"""torch and onnxruntime behind one call."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tcdcn_init import Initializer
from tcdcn_init.geometry import interocular
from tcdcn_init.network.backends import OnnxBackend, TorchBackend, load_backend
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.exporting import largest_difference
from tcdcn_init.network.model_file import save_network
from tcdcn_init.tasks import TASKS
from tcdcn_init.weights import find_model


@pytest.fixture(scope="module", params=[TorchBackend, OnnxBackend], ids=["torch", "onnx"])
def backend(request):
    return request.param("tcdcn-mtfl")


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).random((70, 40, 40), dtype=np.float32)


def test_answers_are_points_and_class_scores(backend, crops):
    outputs = backend(crops[:3])
    assert list(outputs) == ["points", *backend.config.tasks]
    assert outputs["points"].shape == (3, 5, 2)
    for task in backend.config.tasks:
        assert outputs[task].shape == (3, len(TASKS[task]))
        assert np.isfinite(outputs[task]).all()
    assert {value.dtype for value in outputs.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("size", [1, 15, 16, 17, 70])
def test_a_batch_of_any_size_gives_what_its_crops_give_alone(backend, crops, size):
    together = backend(crops[:size])
    for k in {0, size // 2, size - 1}:
        alone = backend(crops[k : k + 1])
        for name, values in together.items():
            np.testing.assert_allclose(values[k], alone[name][0], atol=1e-5)


def test_the_same_crops_give_the_same_bits(backend, crops):
    first, second = backend(crops), backend(crops.copy())
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_crops_need_not_be_contiguous(backend, crops):
    mirrored = crops[:5, :, ::-1]
    np.testing.assert_array_equal(backend(mirrored)["points"], backend(mirrored.copy())["points"])


def test_a_bundled_onnx_file_agrees_with_its_weights():
    name = "tcdcn-mtfl"
    assert largest_difference(find_model(name, ".safetensors"), batches=(1, 64)) <= 1e-4
    assert TorchBackend(name).config == OnnxBackend(name).config


def test_whole_numbers_agree_with_weights_on_a_face(portrait, portrait_box, portrait_points):
    ours, theirs = (Initializer("tcdcn-two-stage", backend=backend) for backend in ("torch", "onnx"))
    assert ours.config == theirs.config
    [exact], [whole] = ours(portrait, [portrait_box]), theirs(portrait, [portrait_box])
    unit = interocular(portrait_points)
    assert np.linalg.norm(whole.points - exact.points, axis=1).mean() < 0.02 * unit
    assert np.linalg.norm(whole.points - portrait_points, axis=1).mean() < 0.08 * unit
    assert abs(whole.confidence - exact.confidence) < 0.1


# --- choosing


def test_backends_are_chosen_by_name():
    assert isinstance(load_backend("tcdcn-mtfl"), OnnxBackend)
    assert isinstance(load_backend("tcdcn-mtfl", "torch"), TorchBackend)
    assert isinstance(load_backend("tcdcn-mtfl", "onnx"), OnnxBackend)
    assert isinstance(load_backend("tcdcn-mtfl", "auto"), OnnxBackend)
    with pytest.raises(ValueError, match="unknown backend 'tensorflow'; expected 'auto', 'onnx' or 'torch'"):
        load_backend("tcdcn-mtfl", "tensorflow")
    for name in ("torch", "onnx", "auto"):
        with pytest.raises(ValueError, match="unknown model 'tcdcn'"):
            load_backend("tcdcn", name)


def test_auto_takes_torch_where_there_is_no_onnx_file(small_model):
    assert isinstance(load_backend(small_model, "auto"), TorchBackend)
    with pytest.raises(FileNotFoundError, match=r"small\.onnx does not exist"):
        load_backend(small_model, "onnx")


def test_what_is_no_onnx_model_is_refused(tmp_path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"bad\.onnx is not an ONNX model.*export it anew"):
        OnnxBackend(path)


def test_an_onnx_file_without_metadata_is_refused(tmp_path):
    import onnx

    model = onnx.load(find_model("tcdcn-mtfl", ".onnx"))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match=r"bare\.onnx does not say what it is"):
        OnnxBackend(tmp_path / "bare.onnx")


def lying(folder, edit=None, **architecture):
    """A bundled .onnx file whose metadata and graph contradict each other."""
    import onnx

    model = onnx.load(find_model("tcdcn-mtfl", ".onnx"))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    metadata["architecture"] = json.dumps({**json.loads(metadata["architecture"]), **architecture})
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    if edit is not None:
        edit(model)
    onnx.save(model, folder / "lying.onnx")
    return folder / "lying.onnx"


@pytest.mark.parametrize(
    "architecture",
    [
        {"side": 64},
        {"side": 10**6},
        {"side": 40.5},
        {"view": 1e9},
        {"feature": -1},
        {"tasks": ["pose", "gender", "smile", "glasses"], "shared_filters": "no"},
    ],
)
def test_an_onnx_file_that_contradicts_its_metadata_is_refused_when_it_is_loaded(tmp_path, architecture):
    with pytest.raises(ValueError, match=r"lying\.onnx (takes|answers|does not say)"):
        OnnxBackend(lying(tmp_path, **architecture))


def spoil_a_weight(model):
    from onnx import numpy_helper

    tensor = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("points.bias"))
    tensor.CopyFrom(numpy_helper.from_array(np.full(10, np.nan, dtype=np.float32), tensor.name))


def rename_an_output(model):
    for node in model.graph.node:
        node.output[:] = ["other" if name == "smile" else name for name in node.output]
    next(value for value in model.graph.output if value.name == "smile").name = "other"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (spoil_a_weight, r"answers points of shape \(2, 5, 2\), finite: False"),
        (rename_an_output, "expected numbers of .*smile"),
        (lambda model: model.graph.ClearField("output"), "is not an ONNX model|expected numbers of"),
        (lambda model: model.graph.ClearField("node"), "is not an ONNX model"),
    ],
)
def test_an_onnx_file_that_cannot_answer_is_refused_when_it_is_loaded(tmp_path, edit, message):
    with pytest.raises(ValueError, match=rf"lying\.onnx {message}|lying\.onnx.*{message}"):
        OnnxBackend(lying(tmp_path, edit))


def test_metadata_that_is_not_utf8_is_refused(tmp_path):
    path = lying(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"research use", b"research \xff\xff\xff"))
    with pytest.raises(ValueError, match=r"lying\.onnx has metadata that is not UTF-8|lying\.onnx is not an ONNX"):
        OnnxBackend(path)


def test_a_network_without_tasks_gives_points(tmp_path):
    from tcdcn_init.network.tcdcn import TCDCN

    path = tmp_path / "points.safetensors"
    save_network(path, TCDCN(TCDCNConfig(widths=(4, 4, 4, 4), feature=8, tasks=())), {})
    assert list(TorchBackend(path)(np.zeros((2, 40, 40), dtype=np.float32))) == ["points"]


# --- devices


def test_a_device_that_is_not_here_is_told_in_one_line():
    import onnxruntime
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "no such thing": False}
    for device in (name for name, has in here.items() if not has):
        for backend in ("auto", "torch"):
            with pytest.raises(
                ValueError, match=rf"cannot compute on device '{device}' \(.*\); pass device='cpu'"
            ) as told:
                Initializer(backend=backend, device=device)
            assert "\n" not in str(told.value)
            assert len(str(told.value)) < 400
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ValueError, match=r"cannot compute on device 'cuda:1': .*onnxruntime-gpu"):
            Initializer(backend="onnx", device="cuda:1")
    for device in ("mps", "cuda:first"):
        with pytest.raises(
            ValueError, match=f"onnxruntime cannot compute on device '{device}'; expected 'cpu', 'cuda'"
        ):
            Initializer(backend="onnx", device=device)


def test_onnxruntime_computes_on_cuda(portrait, portrait_box):
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has no CUDA provider here: it is onnxruntime-gpu's")
    ours, theirs = (
        Initializer(backend="onnx", device=device).points(portrait, [portrait_box]) for device in ("cuda", "cpu")
    )
    assert np.linalg.norm(ours - theirs, axis=2).mean() < 0.01 * interocular(theirs)[0]


def test_copies_keep_their_device():
    import copy

    import torch

    initializer = Initializer("tcdcn-mtfl", backend="torch", passes=2, device=torch.device("cpu"))
    copied = copy.copy(initializer)
    assert (copied.device, copied.backend, copied.passes) == ("cpu", "torch", 2)
