"""Documents: what is written is read back, and what is wrong is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tcdcn_init.eval.measuring.documents import Document


@dataclass(frozen=True)
class Part:
    value: float
    pair: tuple[int, str] = (1, "a")


@dataclass(frozen=True)
class Whole(Document):
    name: str
    kind: Literal["x", "y"]
    parts: list[Part]
    by_name: dict[str, Part | None]
    flag: bool = False
    limit: int | None = None
    more: list[float] = field(default_factory=list)


WHOLE = Whole("ä", "y", [Part(0.5), Part(2.0, (3, "b"))], {"one": Part(1.0), "none": None}, True, 7, [1.0])


def test_what_is_written_is_read_back(tmp_path: Path):
    WHOLE.write(tmp_path / "whole.json")
    assert Whole.read(tmp_path / "whole.json") == WHOLE


def test_fields_with_defaults_may_be_absent():
    found = Whole.from_json({"name": "a", "kind": "x", "parts": [{"value": 1}], "by_name": {}})
    assert found == Whole("a", "x", [Part(1.0)], {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, r"document.name is '1'; expected str"),
        ({"kind": "z"}, r"document.kind is 'z'; expected one of 'x', 'y'"),
        ({"parts": {}}, r"document.parts is .*; expected a list"),
        ({"parts": [{"value": "much"}]}, r"document.parts\[0\].value is 'much'; expected float"),
        ({"parts": [{"value": True}]}, r"parts\[0\].value is 'True'; expected float"),
        ({"parts": [{"value": 1, "pair": [1]}]}, r"parts\[0\].pair is .*; expected 2 entries"),
        ({"parts": [{}]}, r"document.parts\[0\] lacks value"),
        ({"by_name": {"one": 3}}, r"document.by_name\['one'\] is '3'; expected a mapping"),
        ({"flag": 1}, r"document.flag is '1'; expected bool"),
        ({"limit": 1.5}, r"document.limit is '1.5'; expected int"),
        ({"extra": 1}, r"the document has an unknown extra"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        Whole.from_json({**WHOLE.to_json(), **change})


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"format": 1})])
def test_a_file_of_something_else_is_named(text, tmp_path: Path):
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(ValueError, match=r"old.json is no Whole of this version: .*; make it again"):
        Whole.read(tmp_path / "old.json")
