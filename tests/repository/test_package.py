"""The package as it is installed: light to import, complete, and true to its metadata."""

from __future__ import annotations

import importlib.metadata
import re
import socket
import subprocess
import sys
import zlib
from importlib import resources
from pathlib import Path

import tcdcn_init
from tcdcn_init.weights import bundled_file, bundled_models

HEAVY = ("torch", "numpy", "scipy", "skimage", "onnxruntime", "dlib", "matplotlib", "safetensors", "rich")
MODELS = Path(str(resources.files("tcdcn_init") / "models"))


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_imports_nothing_heavy():
    loaded = python(f"import sys, tcdcn_init; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_command_line_starts_with_little():
    heavy = ("torch", "numpy", "scipy", "skimage", "onnxruntime")
    loaded = python(f"import sys, tcdcn_init.cli.app; print([name for name in {heavy!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_network_is_not_asked_for(monkeypatch, portrait):
    from tcdcn_init.detection import detect_boxes
    from tcdcn_init.initializer import Initializer

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked for")

    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    for detector in ("tcdcn", "skimage", "dlib"):
        assert len(Initializer()(portrait, detect_boxes(portrait, detector))) == 1


def test_the_names_of_the_front_door():
    assert tcdcn_init.__version__ == importlib.metadata.version("tcdcn-init")
    assert set(tcdcn_init.__all__) == {"Initialization", "Initializer", "boxes_from", "initialize"}
    for name in tcdcn_init.__all__:
        assert getattr(tcdcn_init, name).__name__ == name
    assert resources.files("tcdcn_init").joinpath("py.typed").is_file()


def test_every_bundled_model_has_its_files_and_its_card():
    assert "tcdcn-mtfl" in bundled_models()
    for name in bundled_models():
        # The teacher is for training, which has PyTorch.
        assert (MODELS / f"{name}.onnx").is_file() or name == "tcdcn-robust"
        card = bundled_file(f"{name}.md").read_text()
        for word in ("MTFL", "AFLW", "AFW", "BSD-3-Clause", "research use", "gender", "tcdcn-init train"):
            assert word in card, f"{name}.md does not mention {word}"


def test_every_bundled_file_has_a_card_with_its_recipe_and_licences():
    for path in MODELS.iterdir():
        if path.suffix in (".safetensors", ".npz"):
            card = path.with_suffix(".md").read_text(encoding="utf-8")
            recipes = (f"tcdcn-init make {path.stem} --data", "tcdcn-init train --data")
            assert any(recipe in card for recipe in recipes), f"{path.stem}.md does not say how it is made"
            for line in ("- Code: BSD-3-Clause.", "research use.", "- Data: not included."):
                assert line in card, f"{path.stem}.md lacks {line!r}"


def test_the_wheel_stays_below_25_megabytes():
    root = Path(tcdcn_init.__path__[0])
    sizes = [len(zlib.compress(path.read_bytes(), 1)) for path in root.rglob("*") if path.is_file()]
    assert sum(sizes) < 25e6


def test_nothing_bundled_is_a_pickle_or_an_image():
    suffixes = {path.suffix for path in MODELS.iterdir() if path.is_file()}
    assert suffixes <= {".py", ".pyc", ".safetensors", ".onnx", ".npz", ".md"}


def test_extras_that_messages_name_exist():
    extras = set(importlib.metadata.metadata("tcdcn-init").get_all("Provides-Extra") or [])
    named = set()
    for path in Path(tcdcn_init.__path__[0]).rglob("*.py"):
        text = path.read_text()
        named.update(re.findall(r"tcdcn-init\[(\w+)\]", text), re.findall(r'require\([^)]+"(\w+)"\)', text))
    assert named
    assert named <= extras


def test_lower_bounds_only():
    for requirement in importlib.metadata.requires("tcdcn-init") or []:
        assert not re.search(r"==|<|~=", requirement.split(";")[0]), requirement
