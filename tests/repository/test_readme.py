"""What the documentation tells a reader to type works: Python, commands, and names in backticks."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tcdcn_init.cli.app import app

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
    *sorted(REPOSITORY.glob("tcdcn_init/models/*.md")),
    *sorted(REPOSITORY.glob("eval/**/*.md")),
    *sorted(REPOSITORY.glob("benchmarks/*.md")),
]


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def snippets() -> list[Any]:
    """Every block of Python."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        found += [pytest.param(code, id=f"{name_of(page)}-{k}") for k, code in enumerate(blocks)]
    return found


def commands() -> list[Any]:
    """Every `tcdcn-init ...` in backticks or in a block, with what it is followed by."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in [
            *re.findall(r"`(tcdcn-init [^`]+)`", text),
            *re.findall(r"^ {4,}(tcdcn-init .+)$", text, re.MULTILINE),
        ]:
            found[name_of(page), line] = pytest.param(line, id=f"{name_of(page)}-{line[11:60]}")
    return list(found.values())


@pytest.fixture
def names(tmp_path, monkeypatch, portrait, portrait_box) -> dict[str, Any]:
    """What snippets may take as given: an image, a box in it, and dlib's file where the working directory is."""
    monkeypatch.chdir(tmp_path)
    dlib = pytest.importorskip("dlib")
    return {"image": portrait, "box": dlib.rectangle(*map(int, portrait_box))}


@pytest.mark.parametrize("code", snippets())
def test_every_snippet_runs(code, names):
    if "shape_predictor_68_face_landmarks.dat" in code:
        from tcdcn_init.adapters.base import load_regressor

        load_regressor("ert68-300w").save_dat("shape_predictor_68_face_landmarks.dat")
    exec(compile(code, "snippet", "exec"), names)


@pytest.mark.parametrize("line", commands())
def test_every_command_exists_with_its_options(line):
    command: Any = typer.main.get_command(app)
    given: set[str] = set()
    for word in shlex.split(line.replace("\\|", "|"), comments=True)[1:]:
        below = getattr(command, "commands", None)  # a group's, None of a command
        if word.startswith("--"):
            given.add(word.partition("=")[0])
        elif below is not None and word in below:
            command = below[word]
        elif below is not None and not word.isupper():
            pytest.fail(f"there is no command {word!r} in `{line}`")
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert given <= known | {"--help"}, f"unknown options {sorted(given - known)} in `{line}`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_in_backticks_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in sorted(
        set(re.findall(r"`(tcdcn_init(?:\.\w+)+)", text))
        - {"tcdcn_init.regressors", "tcdcn_init.detectors", "tcdcn_init.commands", "tcdcn_init.starts"}
    ):
        thing: Any = importlib.import_module("tcdcn_init")
        for part in path.split(".")[1:]:
            if not hasattr(thing, part):
                importlib.import_module(f"{thing.__name__}.{part}")  # fails where there is no such module either
            thing = getattr(thing, part)
