"""One way to save and load, for all kinds of cascades."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from builders import FIVE, random_ert, random_rcpr, random_sdm
from tcdcn_init.adapters.base import load_regressor

MAKERS = {"ERT": random_ert, "SDM": random_sdm, "RCPR": random_rcpr}
IMAGE = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)


@pytest.fixture(params=MAKERS)
def cascade(request):
    return MAKERS[request.param]()


def test_a_file_holds_all_of_it(cascade, tmp_path):
    path, again = tmp_path / "new" / "cascade.safetensors", tmp_path / "again.safetensors"
    cascade.save(path, {"licence": "none"})
    wanted = cascade.fit_from_points(IMAGE, FIVE)
    for loaded in (type(cascade).load(path), type(cascade).load(str(path)), load_regressor(path)):
        assert type(loaded) is type(cascade)
        assert loaded.metadata == {"licence": "none"}
        assert loaded.aspect == cascade.aspect
        np.testing.assert_array_equal(loaded.mean_shape, cascade.mean_shape)
        np.testing.assert_array_equal(loaded.fit_from_points(IMAGE, FIVE), wanted)
    loaded.save(again)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(load_file(again)[name], tensor)
    assert type(cascade).load(again).metadata == {"licence": "none"}


def test_what_is_no_file_of_ours(cascade, tmp_path):
    kind = type(cascade)
    with pytest.raises(FileNotFoundError, match=rf"{kind.__name__}\.save"):
        kind.load(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="not bundled"):
        kind.load("no-such-model")
    path = tmp_path / "cascade.safetensors"
    cascade.save(path)
    data = path.read_bytes()
    for bad in (b"", data[:100], data[:-1], data + b"\0", b"\xff" * 64, b"\x80\x04K\x01."):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=rf"{kind.__name__}\.save"):
            kind.load(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    random_sdm().save(tmp_path / "sdm.safetensors")
    with pytest.raises(ValueError, match="does not hold an ERT"):
        type(random_ert()).load(tmp_path / "sdm.safetensors")
    save_file({"mean_shape": FIVE}, tmp_path / "other.safetensors", {"architecture": "{}"})
    with pytest.raises(
        ValueError, match=r"holds no regressor: its metadata has architecture; expected .* ert, sdm, rcpr"
    ):
        load_regressor(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError, match="no cascade at"):
        load_regressor(tmp_path / "none.safetensors")
