"""`tcdcn-init report` from the command line to its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.eval.model_report.bad_boxes import BoxReport, box_sentence, box_text
from tcdcn_init.eval.model_report.confidence.figures import ConfidenceReport
from tcdcn_init.eval.model_report.confidence.report import confidence_text
from tcdcn_init.eval.model_report.figures import FiguresReport, figures_table
from tcdcn_init.eval.model_report.limits.figures import LimitsReport
from tcdcn_init.eval.model_report.limits.text import limits_text, sentences

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def report(mtfl_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of the command on four faces of each data set."""
    out = tmp_path_factory.mktemp("report") / "out"
    result = CliRunner().invoke(app, ["report", "--mtfl", str(mtfl_root), "--out", str(out), "--limit", "4"])
    assert result.exit_code == 0, result.output
    return out, result.output


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_every_part_states_what_was_measured(report, mtfl_root):
    out, printed = report
    kinds = {"figures": FiguresReport, "confidence": ConfidenceReport, "limits": LimitsReport, "boxes": BoxReport}
    for name, kind in kinds.items():
        path = out / name / f"{name}.json"
        json.loads(path.read_text(), parse_constant=refuse)
        part = kind.read(path)
        assert list(part.datasets) == ["mtfl-val", "aflw"]
        assert (part.settings.limit, part.settings.model) == (4, "tcdcn-two-stage")
        assert part.command == f"tcdcn-init report --mtfl {mtfl_root} --limit 4"
    assert figures_table(FiguresReport.read(out / "figures/figures.json").datasets) in printed
    text = (out / "confidence/confidence.md").read_text()
    assert text == confidence_text(ConfidenceReport.read(out / "confidence/confidence.json"))
    boxes = BoxReport.read(out / "boxes/boxes.json")
    assert (out / "boxes/boxes.md").read_text() == box_text(boxes)
    assert box_sentence(boxes.datasets) in printed
    limits = LimitsReport.read(out / "limits/limits.json")
    assert (out / "limits/limits.md").read_text() == limits_text(limits)
    for figures in limits.datasets.values():
        assert all(sentence in printed for sentence in sentences(figures))


def test_what_the_texts_show_is_there(report):
    out, _ = report
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    for part in ("confidence", "limits"):
        text = (out / part / f"{part}.md").read_text()
        shown = [piece.split(")")[0] for piece in text.split("](")[1:]]
        assert shown
        assert {f"{part}/{name}" for name in shown} < found
        assert all((out / part / name).read_bytes()[:4] == b"\x89PNG" for name in shown)
    assert not [name for name in found if name.endswith(".journal")]


def test_photographs_are_kept_from_git_and_the_rest_has_none(report):
    out, _ = report
    limits = out / "limits"
    assert (limits / "photographs/.gitignore").read_text() == "*\n"
    sheets = {path.name for path in (limits / "photographs").glob("*.png")}
    assert {"worst-aflw.png", "worst-occluded-aflw.png", "worst-mtfl-val.png"} <= sheets
    assert {path.name for path in limits.iterdir() if path.is_file()} == {
        *("limits.json", "limits.md", "limits.png", "limits.svg", "worst.png", "worst.svg", "occluded.png")
    }
    assert "<image" not in (limits / "worst.svg").read_text()


def test_the_portrait_is_sure_until_all_of_it_is_occluded(report):
    parts = {part.part: part for part in LimitsReport.read(report[0] / "limits/limits.json").portrait}
    assert parts["nothing"].error < 0.1
    assert parts["nothing"].confidence > 0.5 > parts["all of it"].confidence


def test_a_model_without_confidence_outputs_has_no_such_part(small_model, mtfl_root, tmp_path):
    command = ["report", str(small_model), "--mtfl", str(mtfl_root), "--out", str(tmp_path), "--limit", "2"]
    result = CliRunner().invoke(app, [*command, "--backend", "torch"])
    assert result.exit_code == 0, result.output
    assert "has no confidence outputs" in result.output
    assert not (tmp_path / "confidence").exists()
    assert (tmp_path / "limits/limits.md").exists()


def test_only_the_parts_that_are_asked_for_are_written(mtfl_root, tmp_path):
    command = ["report", "--mtfl", str(mtfl_root), "--out", str(tmp_path), "--limit", "2", "--parts", "boxes"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {"boxes"}


def test_a_data_set_must_be_named(tmp_path):
    result = CliRunner().invoke(app, ["report", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "no data set given; name at least one: --mtfl" in result.output
